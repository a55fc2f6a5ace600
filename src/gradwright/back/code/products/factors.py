"""The factors of a contraction as terms and numbers; grouped axes split, repeated ones diagonals."""

from __future__ import annotations

from gradwright.back.code.products.draft import CONSTANT, Draft, Term
from gradwright.core.contraction import is_simple
from gradwright.core.nodes import Apply, Factor, Node
from gradwright.frozen import replace
from gradwright.prims.power import base_and_exponent, inverted, power

HIGHEST = 4


def read_factors(draft: Draft) -> None:
    """Every factor that is no constant tensor: a term, or a number above or below the line."""
    for factor in draft.node.factors:
        if isinstance(factor.node, CONSTANT):
            continue
        if not factor.node.rank:
            _read_scalar(draft, factor)
        else:
            draft.terms.append(_term(draft, factor))


def _read_scalar(draft: Draft, factor: Factor) -> None:
    inner = _reciprocal(draft, factor.node)
    if inner is None:
        draft.scalars.append(draft.lowering.demand(factor.node, conj=factor.conj))
    else:
        draft.divisors += [draft.lowering.demand(part, conj=factor.conj) for part in _divisors(draft, inner)]


def _divisors(draft: Draft, node: Node) -> list[Node]:
    """What a product is divided by, one after the other: a power may be too large or small where the quotient is not.

    The cube of a norm of 41 is none in half precision, and that of 1e13 in single precision.
    """
    base, exponent = base_and_exponent(node)
    if not 1 < exponent <= HIGHEST or exponent.denominator > 2:
        return [node]
    if node in draft.lowering.values or not draft.lowering.varies(node):
        return [node]
    draft.lowering.name(base)
    rest = exponent % 1
    return [base] * (exponent // 1) + ([Apply(power, (rest,), (base,))] if rest else [])


def _reciprocal(draft: Draft, node: Node) -> Node | None:
    """`u` for `1 / u`, where that is not computed anyway for several places; sizes are numbers, which cost nothing."""
    base, exponent = base_and_exponent(node)
    if node in draft.lowering.values or exponent > 0:
        return None
    shared = draft.lowering.uses.get(node, 1) > 1 and draft.lowering.varies(node)
    return None if shared else base if exponent == -1 else inverted(node)


def _term(draft: Draft, factor: Factor) -> Term:
    inner = _reciprocal(draft, factor.node)
    node = factor.node if inner is None else inner
    term = Term(factor.labels, None, node, factor.conj, inner is not None, node.real)
    if is_simple(factor.groups) and len(set(factor.labels)) == len(factor.labels):
        return term
    code = draft.lowering.demand(node, conj=factor.conj)
    return draft.split(replace(term, code=code, node=None, conj=False), factor)

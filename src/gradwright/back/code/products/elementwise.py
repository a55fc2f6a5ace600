"""Arrays multiplied entry by entry, and the numbers in front of them and below the line."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.back.code.products.draft import Draft, Term, multiplying
from gradwright.back.code.text import Code, multiple, product_of
from gradwright.core.nodes import Contract, Node, is_apply
from gradwright.frozen import replace
from gradwright.prims.power import power


def scaled(draft: Draft, core: Code | Term, rank: int) -> Code:
    """A number times an array; the array may stand below the line."""
    divides = isinstance(core, Term) and core.divides
    code = core.code if isinstance(core, Term) else core
    assert code is not None
    if not divides and rank and draft.divisors and (draft.scalars or abs(draft.coefficient) != 1):
        # All numbers first, so that the array is gone through once.
        numbers = multiple(draft.coefficient, draft.scalars, draft.divisors)
        return product_of([_lifted(draft, numbers, rank), code])
    scalars = [_lifted(draft, s, rank) for s in draft.scalars]
    divisors = [_lifted(draft, s, rank) for s in draft.divisors]
    if divides:
        return multiple(draft.coefficient, scalars, [*divisors, code])
    if rank and len(divisors) > 1:
        divisors = [product_of(divisors)]
    return multiple(draft.coefficient, [*scalars, code], divisors)


def _lifted(draft: Draft, scalar: Code, rank: int) -> Code:
    """A scalar ready to multiply an array with so many axes: leading axes come first."""
    if scalar.number or not draft.writer.batched or not rank:
        return scalar
    return draft.writer.indexed(scalar, ["None"] * rank)


def elementwise(draft: Draft, terms: Sequence[Term], wanted: Sequence[int]) -> Code:
    """Arrays multiplied entry by entry, numbers with the smallest of them.

    A root that divides and is spread over further axes is inverted before: `G * (1 / sqrt(s))[:, None]` has as many
    quotients as s has entries, and products for the rest, which cost half as much. So is what a number can be divided
    by: `G * (2 / s)[:, None]`. A comparison multiplies an array as it is, without numbers.
    """
    chosen = next((term for term in terms if _chooses(draft, term, wanted)), None)
    others = [term for term in terms if term is not chosen]
    if chosen is not None and chosen.node is not None and not all(_chooses(draft, term, wanted) for term in others):
        order = [chosen.labels.index(x) for x in wanted]
        return product_of([elementwise(draft, others, wanted), draft.lowering.truth(chosen.node, order)])
    above: list[Code] = []
    below: list[Code] = []
    numbers = bool(draft.scalars or draft.divisors or draft.coefficient != 1)
    spread = [term.divides and len(term.labels) < len(wanted) for term in terms]
    inverted = [own and (numbers or _is_power(term.node)) for term, own in zip(terms, spread, strict=True)]
    ranks = [len(term.labels) for term, turned in zip(terms, inverted, strict=True) if turned or not term.divides]
    smallest = min(ranks, default=len(wanted))
    done = not numbers or smallest == len(wanted)
    for term, turned in zip(terms, inverted, strict=True):
        labels = [x for x in wanted if x in term.labels]
        code = draft.code(term, labels)
        if not done and (turned or not term.divides) and len(labels) == smallest:
            code = scaled(draft, replace(term, code=code), smallest)
            done = True
            draft.scalars, draft.divisors, draft.coefficient = [], [], Fraction(1)
        elif turned:
            code = draft.code(multiplying(draft, term), labels)
        (below if term.divides and not turned else above).append(draft.writer.aligned(code, labels, wanted))
    scalars = [_lifted(draft, s, len(wanted)) for s in draft.scalars]
    divisors = [_lifted(draft, s, len(wanted)) for s in draft.divisors]
    return multiple(draft.coefficient, [*scalars, *above], [*divisors, *below])


def _chooses(draft: Draft, term: Term, wanted: Sequence[int]) -> bool:
    """Whether a term is a comparison with all axes, which PyTorch and NumPy multiply by as it is."""
    return draft.lowering.is_truth(term.node) and len(term.labels) == len(wanted) and not term.divides


def _is_power(node: Node | None) -> bool:
    """Whether a node is a power, or a product of powers."""
    if isinstance(node, Contract):
        return any(_is_power(f.node) for f in node.factors)
    return is_apply(node, power)

"""Quotients by sums of three exponentials or more, for numbers: neither side overflows.

    eᵃ / Sᵏ = exp(a − k log S)      cosh(u)ʲ / Sᵏ = exp(j log(cosh(u)) − k log S)      sinh(u) = tanh(u) cosh(u)

Derivations show such quotients as they are known, `sinh(u) / (1 + cosh(u))`; with two exponentials, they are logistic
functions there too (`simplify.exponentials`).
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.canonical import as_product
from gradwright.core.contraction import with_factor, with_factors, zero
from gradwright.core.nodes import Add, Apply, Contract, Factor, Groups, Node
from gradwright.core.sums import add, scaled, terms_of
from gradwright.core.walks import postorder, transform_all
from gradwright.prims.exponential import exp
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.prims.trigonometric import cosh, sinh, tanh
from gradwright.simplify.exponentials import LONGEST_DISTRIBUTED, is_of, log_of_exponentials


def tame_long_sums(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The expressions with each quotient by a long sum as an exponential of a difference."""
    if all(_log_of_denominator(node) is None for node in postorder(*roots)):
        return roots
    return transform_all(transform_all(roots, _of_product), _of_power)


def _of_product(node: Node) -> Node:
    """A product with negative powers of positive sums of exponentials, or in which a sum grows beside a factor."""
    for place, factor in enumerate(node.factors if isinstance(node, Contract) else ()):
        assert isinstance(node, Contract)
        exponent = _log_of_denominator(factor.node)
        if exponent is not None:
            return _of_product(_times_exponential(node, node.beside(place), factor.groups, exponent))
        beside = [other.node for other in node.beside(place) if other.groups == factor.groups]
        if _is_growing_sum(factor.node) and any(_log_of_growth(other)[0] for other in beside):
            return _of_product(_times_exponential(node, node.factors, factor.groups, zero(factor.node.shape)))
        if _is_growing_sum(factor.node) and any(map(_is_growing_sum, beside)):
            return add(_of_product(with_factor(node, place, term)) for term in terms_of(factor.node))
    return node


def _of_power(node: Node) -> Node:
    exponent = _log_of_denominator(node)
    return node if exponent is None else Apply(exp, (), (exponent,))


def _log_of_denominator(node: Node) -> Node | None:
    base, exponent = base_and_exponent(node)
    logarithm = log_of_exponentials(base) if exponent < 0 and isinstance(base, Add) else None
    return None if logarithm is None else scaled(exponent, logarithm)


def _times_exponential(node: Contract, factors: Sequence[Factor], groups: Groups, exponent: Node) -> Node:
    """A product of some factors and of an exponential, which takes in what grows on its axes."""
    kept: list[Factor] = []
    for factor in factors:
        logarithm, rest = _log_of_growth(factor.node) if factor.groups == groups else ([], [factor.node])
        exponent = add([exponent, *logarithm])
        kept += [factor.with_node(part) for part in rest]
    for place, factor in enumerate(kept):
        base, times = base_and_exponent(factor.node)
        if factor.groups == groups and times > 0 and _is_growing_sum(base):
            scaled_sum = add(_times_whole(as_product(term), scaled(1 / times, exponent)) for term in terms_of(base))
            kept[place] = factor.with_node(raise_to(scaled_sum, times))
            return with_factors(node, kept)
    return with_factors(node, [*kept, Factor(Apply(exp, (), (exponent,)), groups)])


def _times_whole(term: Contract, exponent: Node) -> Node:
    return _of_product(_times_exponential(term, term.factors, term.output, exponent))


def _is_growing_sum(node: Node) -> bool:
    """Whether a node is a short sum with exponentials of either sign."""
    short = isinstance(node, Add) and len(node.terms) <= LONGEST_DISTRIBUTED
    return short and any(is_of(part, exp, sinh, cosh) for part in postorder(node))


def _log_of_growth(node: Node) -> tuple[list[Node], list[Node]]:
    """Logarithms of what grows in a factor, and what is left of it."""
    base, times = base_and_exponent(node)
    if is_of(base, exp):
        return [scaled(times, base.children[0])], []
    even = Apply(cosh, (), base.children) if is_of(base, cosh, sinh) else base
    logarithm = log_of_exponentials(even) if times > 0 else None
    if logarithm is None:
        return [], [node]
    return [scaled(times, logarithm)], [raise_to(Apply(tanh, (), base.children), times)] if is_of(base, sinh) else []

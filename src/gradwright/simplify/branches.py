"""Comparisons that choose between values, in place of multiplying by zero what may be infinite.

`[x ≤ 0] ∘ exp(x) + [x > 0]` is `where(x > 0, 1, exp(x))`: where x is large, 0 times infinity is no number, and the
slope is 1. A product with one comparison chooses between itself and 0 if a factor may be infinite, or no number, there.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, product

from gradwright.core.build import multiply, ones, zeros
from gradwright.core.contraction import simple, with_factors
from gradwright.core.nodes import Apply, Contract, Node, Shape
from gradwright.core.sums import add, subtract, terms_of
from gradwright.core.walks import postorder, transform_all
from gradwright.prims.exponential import exp, expm1
from gradwright.prims.piecewise import greater, greater_equal, is_comparison, opposite, sign, where
from gradwright.prims.power import power
from gradwright.prims.trigonometric import cosh, sinh

OVERFLOWING = frozenset((exp, expm1, cosh, sinh))


def choose_branches(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Every sum of opposite cases, and every product with a comparison that may be 0 times infinity, as a choice."""
    if not any(map(is_comparison, postorder(*roots))):
        return roots
    return transform_all(transform_all(roots, _of_cases), _of_product)


def _of_cases(node: Node) -> Node:
    """A sum in which what holds by a comparison and what holds otherwise are one term."""
    terms = list(terms_of(node))
    cases = {place: found for place, term in enumerate(terms) if (found := list(_cases(term)))}
    for first, second in combinations(cases, 2):
        pairs = product(cases[first], cases[second])
        joined = next(filter(None, (_joined(*case, *other) for case, other in pairs)), None)
        if joined is not None:
            return _of_cases(add([*terms[:first], joined, *terms[first + 1 : second], *terms[second + 1 :]]))
    return node


def _joined(condition: Apply, first: Node, other: Apply, second: Node) -> Node | None:
    """`[c] a + [not c] b` as a choice, `([u > 0] + [u ≥ 0]) a` as `a + sign(u) a`; None of other pairs."""
    if other == opposite(condition):
        return _choice(condition, first, second)
    both = {condition.primitive, other.primitive} == {greater, greater_equal}
    # The difference from a number tells which is larger; that of two infinities does not.
    with_number = any(isinstance(a, Contract) and not a.factors for a in condition.arguments)
    if first != second or not both or condition.arguments != other.arguments or not with_number:
        return None
    return add([first, multiply(Apply(sign, (), (subtract(*condition.arguments),)), first)])


def _of_product(node: Node) -> Node:
    """A product with a comparison that may be 0 times infinity."""
    for condition, rest in _cases(node):
        if _may_be_infinite(rest, node.shape):
            return _choice(condition, rest, zeros(rest.shape))
    return node


def _cases(term: Node) -> Iterator[tuple[Apply, Node]]:
    """The comparisons by which the entries of a term are there or not, and the term without each.

    What divides by gaps between eigenvalues keeps its comparisons: they tell which gaps count.
    """
    if isinstance(term, Apply) and is_comparison(term):
        yield term, ones(term.shape)
    if not isinstance(term, Contract) or any(isinstance(n, Apply) and n.primitive.gauge for n in postorder(term)):
        return
    for factor in term.factors:
        if (
            isinstance(factor.node, Apply)
            and is_comparison(factor.node)
            and factor.groups == term.output == simple(factor.labels)
        ):
            others = [f for f in term.factors if f is not factor]
            yield factor.node, with_factors(term, others)


def _may_be_infinite(node: Node, shape: Shape) -> bool:
    """Whether a function of entries in it overflows, or has no value everywhere."""
    return any(_has_edges(n) for n in postorder(node) if isinstance(n, Apply) and n.shape == shape)


def _has_edges(node: Apply) -> bool:
    if node.primitive is power:
        exponent = node.parameters[0]
        return not isinstance(exponent, Fraction) or exponent < 0 or exponent.denominator != 1
    return node.primitive in OVERFLOWING or (node.primitive.elementwise and bool(node.primitive.conditions))


def _choice(condition: Apply, first: Node, second: Node) -> Node:
    return Apply(where, (), (condition, first, second))

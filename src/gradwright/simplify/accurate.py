"""Forms that keep the digits of differences: for numbers, while derivations show the differences as they are known.

y eᵘ − y = y expm1(u)             y − y cos(u) = 2 y sin²(u / 2)        y cosh(u) − y = 2 y sinh²(u / 2)
log(eᵃ − eᵇ) = a + log(1 − eᵇ⁻ᵃ)  log(1 − tanh²(u)) = −2 log(cosh(u))
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.build import ones
from gradwright.core.canonical import as_product
from gradwright.core.contraction import scale, with_factor, with_factors
from gradwright.core.nodes import Add, Apply, Node
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.core.walks import postorder, transform_all
from gradwright.prims.exponential import exp, expm1, log, log1p
from gradwright.prims.power import raise_to
from gradwright.prims.trigonometric import cos, cosh, sin, sinh, tanh
from gradwright.simplify.exponentials import (
    exponential_sum,
    is_of,
    log_of_exponentials,
    over_exponential,
)
from gradwright.simplify.powers import merge_powers

HALF = Fraction(1, 2)
SQUARE = Fraction(2)
ROUNDED = frozenset((exp, cos, cosh, sinh, tanh))


def keep_digits(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The expressions with functions that are accurate for what cancels otherwise."""
    if not any(isinstance(node, Apply) and node.primitive in ROUNDED for node in postorder(*roots)):
        return roots
    return transform_all(transform_all(roots, _of_logarithm), lambda node: merge_powers(_of_sum(node)))


def _of_logarithm(node: Node) -> Node:
    """The logarithm of a difference of which the larger part may overflow, or hide the smaller one."""
    inner = node.children[0] if is_of(node, log) or is_of(node, log1p) else None
    if inner is None:
        return node
    whole = add([ones(inner.shape), inner]) if is_of(node, log1p) else inner
    return _of_square_of_tanh(whole) or _of_exponentials(whole) or node


def _of_square_of_tanh(inner: Node) -> Node | None:
    """`log(1 − tanh²(u)) = −2 log(cosh(u))`."""
    for node in postorder(inner):
        if is_of(node, tanh) and inner == subtract(ones(inner.shape), raise_to(node, SQUARE)):
            found = log_of_exponentials(Apply(cosh, (), node.children))
            return None if found is None else scaled(-2, found)
    return None


def _of_exponentials(inner: Node) -> Node | None:
    """`log(eᵃ − eᵇ) = a + log(1 − eᵇ⁻ᵃ)`."""
    terms = exponential_sum(inner) or []
    larger = [exponent for number, exponent in terms if number > 0]
    if len(terms) != 2 or len(larger) != 1:
        return None
    return add([larger[0], Apply(log, (), (over_exponential(terms, larger[0]),))])


def _of_sum(node: Node) -> Node:
    """A sum in which `y f(u)` and `−y` stand, with `f(u) − 1` in one piece."""
    for term in terms_of(node) if isinstance(node, Add) else ():
        product = as_product(term)
        for place, factor in enumerate(product.factors):
            difference = _less_one(factor.node)
            if difference is None:
                continue
            rest = scaled(-1, with_factors(product, (*product.factors[:place], *product.factors[place + 1 :])))
            if rest in terms_of(node):
                others = [t for t in terms_of(node) if t not in (term, rest)]
                return _of_sum(add([*others, with_factor(product, place, difference)]))
    return node


def _less_one(node: Node) -> Node | None:
    """`f(u) − 1`, for a function that is 1 at 0."""
    if is_of(node, exp):
        return Apply(expm1, (), node.children)
    for function, root, number in ((cos, sin, -2), (cosh, sinh, 2)):
        if is_of(node, function):
            return scale(number, raise_to(Apply(root, (), (scaled(HALF, node.children[0]),)), SQUARE))
    return None

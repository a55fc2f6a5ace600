"""Forms that keep the digits of differences: for numbers, while derivations show the differences as they are known.

    y eᵘ − y = y expm1(u)             y − y cos(u) = 2 y sin²(u / 2)        y cosh(u) − y = 2 y sinh²(u / 2)
    log(eᵃ − eᵇ) = a + log(1 − eᵇ⁻ᵃ)  log(1 − tanh²(u)) = −2 log(cosh(u))   log(1 + erf(u)) = log 2 + log Φ(√2 u)
    log(cosh(u)) = u + softplus(−2 u) − log 2, and so for longer sums of exponentials

A logarithm of a difference takes its larger part out, and a quotient by a tail is an exponential.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.build import multiply, number, ones
from gradwright.core.canonical import as_product
from gradwright.core.contraction import scale, split_coefficient, with_factor, with_factors
from gradwright.core.nodes import Add, Apply, Contract, Node
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.core.walks import applications, postorder, transform_all
from gradwright.prims.exponential import exp, expm1, log, log1p
from gradwright.prims.normal import log_ndtr
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.prims.sigmoid import erf
from gradwright.prims.trigonometric import cos, cosh, sin, sinh, tanh
from gradwright.simplify.exponentials import (
    exponential_sum,
    is_of,
    log_of_exponentials,
    log_of_number,
    merge_exponentials,
    over_exponential,
)
from gradwright.simplify.long_sums import tame_long_sums
from gradwright.simplify.powers import merge_powers

HALF = Fraction(1, 2)
SQUARE = Fraction(2)
ROUNDED = frozenset((exp, cos, cosh, sinh, tanh, erf))


def keep_digits(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The expressions with functions that are accurate for what cancels otherwise."""
    if not any(node.primitive in ROUNDED for node in applications(*roots)):
        return roots
    found = transform_all(transform_all(roots, _of_logarithm), lambda node: merge_powers(_of_sum(node)))
    found = tame_long_sums(found)
    return transform_all(found, _over_tail) if any(is_of(node, erf) for node in postorder(*roots)) else found


def _of_logarithm(node: Node) -> Node:
    """The logarithm of a difference of which the larger part may overflow, or hide the smaller one."""
    inner = node.children[0] if is_of(node, log, log1p) else None
    if inner is None:
        return node
    whole = add([ones(inner.shape), inner]) if is_of(node, log1p) else inner
    return log_of_exponentials(whole) or _of_square_of_tanh(whole) or _of_exponentials(whole) or _of_tail(whole) or node


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
    """`f(u) − 1`, for a function that is 1 at 0; complex ones too."""
    primitive = node.primitive if isinstance(node, Apply) else None
    if primitive is exp:
        return Apply(expm1, (), node.children)
    for function, root, twice in ((cos, sin, -2), (cosh, sinh, 2)):
        if primitive is function:
            return scale(twice, raise_to(Apply(root, (), (scaled(HALF, node.children[0]),)), SQUARE))
    return None


def _of_tail(total: Node) -> Node | None:
    """`log(c (1 ± erf(u))) = log(2 c) + log Φ(±√2 u)`."""
    found = _tail(total)
    return None if found is None else add([found[1], log_of_number(found[0], total)])


def _over_tail(node: Node) -> Node:
    """`e^a / (1 ± erf(u))ᵏ` as one exponential."""
    if isinstance(node, Contract):
        return merge_exponentials(node)
    base, exponent = base_and_exponent(node)
    found = _tail(base) if exponent < 0 and exponent.denominator == 1 else None
    if found is None:
        return node
    return scale(found[0] ** int(exponent), Apply(exp, (), (scaled(exponent, found[1]),)))


def _tail(total: Node) -> tuple[Fraction, Node] | None:
    """`2 c` and `log Φ(±√2 u)` for `c (1 ± erf(u))`; None for anything else."""
    outside, inner = split_coefficient(total)
    one, parts = ones(inner.shape), [split_coefficient(term) for term in terms_of(inner)]
    if len(parts) != 2 or one not in (node for _, node in parts):
        return None
    (height, _), (slope, function) = sorted(parts, key=lambda part: part[1] != one)
    if abs(height) != abs(slope) or not is_of(function, erf):
        return None
    argument = merge_powers(multiply(raise_to(number(2), HALF), function.children[0]))
    sign = 1 if height == slope else -1
    return 2 * outside * height, Apply(log_ndtr, (), (scaled(sign, argument),))

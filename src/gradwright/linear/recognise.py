"""Linear matrix equations that have a name and an algorithm of their own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt

from gradwright.core.build import adjoint, multiply
from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, is_zero, split_coefficient, with_factors
from gradwright.core.inference import is_nonnegative
from gradwright.core.nodes import Add, Factor, Hole, Node, Solve
from gradwright.core.spaces import Space
from gradwright.core.sums import add, distributed, like_key, scaled, subtract
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.simplify.sums import turn_sums


def sylvester_operands(node: Solve, many: bool = False) -> tuple[str, tuple[Node, ...]] | None:
    """`sylvester(A, B, C)`, `lyapunov(A, Q)` or `stein(A, Q)` for a `Solve` that is one.

    Args:
        node: the equation.
        many: whether its right side may have further axes, which stand for many equations; otherwise it has to
            be a matrix.
    """
    single = len(node.unknowns) == 1 and len(node.equations) == 1
    if not single or (node.trailing and not many) or len(node.unknowns[0].shape) != 2:
        return None
    pairs = _pairs(node.equations[0].operator)
    if pairs is None:
        return None
    right = node.right_sides[0]
    (a, b), (c, d) = pairs
    if b is None and c is None and a is not None and d is not None:
        return _sylvester(a, d, right)
    if d is None and a is None and b is not None and c is not None:
        return _sylvester(c, b, right)
    return _stein(pairs, right)


def discrete_factors(node: Solve) -> tuple[Node, Node] | None:
    """A and B of an equation `H − A H B = C` in all matrices, or in all symmetric or skew ones."""
    if len(node.unknowns) != 1 or len(node.equations) != 1 or not _is_mirrored_or_free(node.unknowns[0].space):
        return None
    operator = node.equations[0].operator
    pairs = _pairs(operator) or _pairs(scaled(-1, operator))
    others = [(left, right) for left, right in pairs or () if left is not None and right is not None]
    if pairs is None or len(others) != 1 or (None, None) not in pairs:
        return None
    return scaled(-1, others[0][0]), others[0][1]


def _is_mirrored_or_free(space: Space) -> bool:
    return space is Space.FREE or bool(space.mirror_sign)


def _sylvester(left: Node, right: Node, side: Node) -> tuple[str, tuple[Node, ...]]:
    if _same(right, adjoint(left)):
        return "lyapunov", (left, side)
    return "sylvester", (left, right, side)


def _same(left: Node, right: Node) -> bool:
    """Equal up to the order of terms and factors, and the orientation of symmetric matrices and of sums."""
    terms = [_open_terms(side) for side in (left, right)]
    first, second = ({like_key(t): as_product(t).coefficient for t in side} for side in terms)
    return first == second or is_zero(turn_sums(subtract(*map(add, terms))))


def _open_terms(node: Node) -> Sequence[Node]:
    """The terms of a sum, those of multiples and of transposes of sums opened."""
    if isinstance(node, Add):
        return [part for term in node.terms for part in _open_terms(term)]
    product = as_product(node)
    matrices = [f for f in product.factors if f.node.rank]
    if len(matrices) != 1 or not isinstance(matrices[0].node, Add):
        return [node]
    place = product.factors.index(matrices[0])
    return [part for term in distributed(product, place) for part in _open_terms(term)]


Pair = tuple[Node | None, Node | None]


def _stein(pairs: Sequence[Pair], side: Node) -> tuple[str, tuple[Node, ...]] | None:
    """`H − A H Aᴴ`."""
    plain = [pair for pair in pairs if pair == (None, None)]
    others = [pair for pair in pairs if pair != (None, None)]
    if len(plain) != 1 or len(others) != 1:
        return None
    left, right = others[0]
    if left is None or right is None:
        return None
    # What multiplies `A H Aᴴ`, if it is a square, belongs to A: `H − a² A H Aᴴ / 4` has ½ a A on both sides.
    (number, scalars, left), (other, _, right) = _without_scalars(left), _without_scalars(right)
    for sign in (1, -1):  # a sum carries its sign in its terms
        root = _square_root(-sign * number * other, scalars)
        if root is not None and _same(right, adjoint(scaled(sign, left))):
            return "stein", (multiply(root, add(_open_terms(scaled(sign, left))) if sign < 0 else left), side)
    return None


def _without_scalars(matrix: Node) -> tuple[Fraction, Sequence[Factor], Node]:
    """The number and the scalars in front of a matrix, and the rest."""
    product = as_product(matrix)
    rest = [f for f in product.factors if f.node.rank]
    bare = with_factors(product, rest, 1)
    number, rest = split_coefficient(bare)
    return number * product.coefficient, [f for f in product.factors if not f.node.rank], rest


def _square_root(number: Fraction, scalars: Sequence[Factor]) -> Node | None:
    """An r with `r r*` the product of a number and scalars; None if none is seen."""
    if number < 0:
        return None
    root = Fraction(isqrt(number.numerator), isqrt(number.denominator))
    if root * root != number:
        return None
    found, left = list[Factor](), list(scalars)
    while left:
        scalar = left.pop(0)
        partner = Factor(scalar.node, (), scalar.conj != (not scalar.node.real))
        if partner in left:
            left.remove(partner)
            found.append(Factor(scalar.node, ()))
        elif is_nonnegative(scalar.node):
            found.append(Factor(_root_of(scalar.node), ()))
        else:
            return None
    return contract(root, found, (), {})


def _root_of(scalar: Node) -> Node:
    """The root of a number that is not negative; of an even power of a real one the half of it, whatever its sign."""
    base, exponent = base_and_exponent(scalar)
    if base.real and (exponent / 2).denominator == 1:
        return raise_to(base, exponent / 2)
    return raise_to(scalar, Fraction(1, 2))


def _pairs(operator: Node) -> list[Pair] | None:
    """The factors before and behind the unknown, in two terms; None for the identity."""
    terms = _open_terms(operator)
    if len(terms) != 2:
        return None
    found = [_around(term) for term in terms]
    return None if any(pair is None for pair in found) else [pair for pair in found if pair is not None]


def _around(term: Node) -> Pair | None:
    coefficient, rest = split_coefficient(term)
    chain = chain_of(rest)
    if chain is None:
        return None
    places = [p for p, element in enumerate(chain.elements) if isinstance(element, Hole)]
    if len(places) != 1:
        return None
    before, behind = chain.elements[: places[0]], chain.elements[places[0] + 1 :]
    left = product_of_chain(before, before[0]) if before else None
    right = product_of_chain(behind, behind[0]) if behind else None
    number = scaled(coefficient, chain.scalar)
    if number != contract(1, (), (), {}):
        if left is not None:
            left = multiply(number, left)
        elif right is not None:
            right = multiply(number, right)
        else:
            return None
    return left, right

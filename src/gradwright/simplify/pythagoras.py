"""Squares that make up one: `r cos(u)² + r sin(u)² = r` and `r cosh(u)² − r sinh(u)² = r`, or `r + r sinh(u)²`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from fractions import Fraction
from typing import NamedTuple

from gradwright.core.canonical import as_product
from gradwright.core.contraction import with_factors
from gradwright.core.nodes import Add, Apply, Node
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add, scaled, value_key
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.prims.trigonometric import cos, cosh, sin, sinh
from gradwright.simplify.powers import merge_powers

# The sum of two squares that is one: by each function the other, and the signs of its own square and of the other's.
PARTNERS = {cos: (sin, 1, 1), sin: (cos, 1, 1), cosh: (sinh, 1, -1), sinh: (cosh, -1, 1)}


class _Square(NamedTuple):
    """A square in a term: the whole of which the term is one part, and the other part with its key."""

    own: Primitive
    whole: Node
    other: Node
    key: Hashable


def join_squares(node: Node) -> Node:
    """The sum with one term for two: for both parts of a whole, or for a whole without one of its parts."""
    if not isinstance(node, Add):
        return node
    squares = [(place, square) for place, term in enumerate(node.terms) for square in _squares(term)]
    places = {value_key(term): place for place, term in enumerate(node.terms)} if squares else {}
    parts: dict[Hashable, tuple[int, Primitive]] = {}
    for place, square in squares:
        before, own = parts.setdefault(square.key, (place, square.own))
        if own is not square.own:
            return _joined(node, before, place, square.whole)
        partner = places.get(value_key(square.other))  # `r` for `(r / sin²) sin²` hides the other part
        if partner is not None:
            return _joined(node, min(partner, place), max(partner, place), square.whole)
        whole = places.get(value_key(scaled(-1, square.whole)))
        if whole is not None:
            return _joined(node, whole, place, scaled(-1, square.other))
    return node


def _joined(node: Add, first: int, second: int, total: Node) -> Node:
    """The sum with the total of two of its terms in the place of the first."""
    terms = [total if place == first else term for place, term in enumerate(node.terms) if place != second]
    return join_squares(add(terms))


def _squares(term: Node) -> Iterator[_Square]:
    """Every square of such a function in a term; a key is shared by the two parts of one whole."""
    product = as_product(term)
    for place, factor in enumerate(product.factors):
        base, exponent = base_and_exponent(factor.node)
        if not isinstance(base, Apply) or base.primitive not in PARTNERS or exponent.denominator > 1:
            continue
        others = list(product.beside(place))
        if exponent == 1 and factor in others:  # an inner product has the factor twice
            others.remove(factor)
            exponent += 1
        if exponent < 2:
            continue
        other, sign, sign_of_other = PARTNERS[base.primitive]
        others += [factor.with_node(raise_to(base, exponent - 2))] if exponent > 2 else []
        partner = raise_to(Apply(other, (), base.arguments), Fraction(2))
        # What stands for either square in a key.
        mark = factor.with_node(Apply(sin if other in (sin, cos) else sinh, (), base.arguments))
        yield _Square(
            base.primitive,
            scaled(sign, with_factors(product, others)),
            scaled(sign * sign_of_other, merge_powers(with_factors(product, [*others, factor.with_node(partner)]))),
            value_key(scaled(sign, with_factors(product, [*others, mark]))),
        )

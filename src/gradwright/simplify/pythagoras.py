"""Squares that make up one: `r cos(u)² + r sin(u)² = r` and `r cosh(u)² − r sinh(u)² = r`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from gradwright.core.canonical import as_product
from gradwright.core.contraction import ONE, with_factors
from gradwright.core.nodes import Add, Apply, Node, labels_of
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add, scaled
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.prims.trigonometric import cos, cosh, sin, sinh

FAMILIES = {cos: (cos, ONE), sin: (cos, ONE), cosh: (cosh, ONE), sinh: (cosh, -ONE)}
"""The function that stands for a pair, and the sign of each square in the sum that is one."""


def join_squares(node: Node) -> Node:
    """The sum with one term for two that differ in the functions of which they hold the squares."""
    if not isinstance(node, Add):
        return node
    seen: dict[Hashable, tuple[int, Primitive]] = {}
    for place, term in enumerate(node.terms):
        for key, function, rest in _squares(term):
            before, other = seen.setdefault(key, (place, function))
            if other is not function:
                terms = [rest if at == before else t for at, t in enumerate(node.terms) if at != place]
                return join_squares(add(terms))
    return node


def _squares(term: Node) -> Iterator[tuple[Hashable, Primitive, Node]]:
    """Every square of such a function in a term, with what multiplies it and a key that the other one has, too."""
    product = as_product(term)
    axes = {group: axis for axis, group in enumerate(product.output)}
    for place, factor in enumerate(product.factors):
        base, exponent = base_and_exponent(factor.node)
        if not isinstance(base, Apply) or base.primitive not in FAMILIES or exponent.denominator > 1:
            continue
        others = list(product.beside(place))
        if exponent == 1 and factor in others:  # an inner product has the factor twice
            others.remove(factor)
            exponent += 1
        if exponent < 2 or not (axes.keys() >= set(factor.groups) or labels_of(others).isdisjoint(factor.labels)):
            continue
        family, sign = FAMILIES[base.primitive]
        power = [factor.with_node(raise_to(base, exponent - 2))] if exponent > 2 else []
        rest = scaled(sign, with_factors(product, [*others, *power]))
        yield (family, base.arguments, tuple(map(axes.get, factor.groups)), factor.conj, rest), base.primitive, rest

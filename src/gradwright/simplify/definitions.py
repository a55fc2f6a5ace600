"""Definitions put in for the functions that have one, down to the elementary ones."""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.build import multiply
from gradwright.core.canonical import as_product
from gradwright.core.contraction import with_factors
from gradwright.core.nodes import Apply, Factor, Node, is_apply
from gradwright.core.sums import add, terms_of
from gradwright.core.templates import definition, instantiate, leaves_at
from gradwright.core.walks import transform
from gradwright.prims.exponential import exp, log
from gradwright.prims.power import raise_to


def expand_definitions(root: Node) -> Node:
    """The expression with every function replaced by the formula that defines it."""
    return transform(root, _expand)


def _expand(node: Node) -> Node:
    if not isinstance(node, Apply):
        return node
    if node.primitive is exp:
        return exponential(node.arguments[0])
    template = definition(node.primitive, node.index, node.parameters)
    if template is None:
        return node
    batch, dims = node.bound
    return expand_definitions(instantiate(template, leaves_at(node), dims, batch))


def exponential(exponent: Node) -> Node:
    """`exp`, with every logarithm among the terms of the exponent turned into a power."""
    powers = [(term, _power_of_logarithm(term)) for term in terms_of(exponent)]
    others = [term for term, power in powers if power is None]
    result = Apply(exp, (), (add(others),)) if others else None
    for _, power in powers:
        if power is not None:
            result = power if result is None else multiply(result, power)
    assert result is not None
    return result


def _power_of_logarithm(term: Node) -> Node | None:
    """`u ** c` for a term `c log(u)`, spread or not; of a sum of logarithms it would be a product."""
    product = as_product(term)
    if len(product.factors) != 1 or not term.real:
        return None
    (inner, groups, conj), c = product.factors[0], product.coefficient
    if not is_apply(inner, log) or not set(groups) <= set(product.output):
        return None
    power = raise_to(inner.arguments[0], Fraction(c))
    return with_factors(product, [Factor(power, groups, conj)], 1)

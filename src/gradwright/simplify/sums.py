"""Sums of a sum and its transpose: `S + (S + A)ᵀ = 2 S + Aᵀ` for symmetric S."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract
from gradwright.core.nodes import Add, Factor, Node
from gradwright.core.sums import add, terms_of


def open_turned_sums(node: Node) -> Node:
    """Open the transposes and multiples of sums among the terms of a sum, where that brings like terms together."""
    if not isinstance(node, Add):
        return node
    parts = [_opened(term) for term in node.terms]
    if all(len(part) == 1 for part in parts):
        return node
    flat = [term for part in parts for term in part]
    total = add(flat)
    return total if not isinstance(total, Add) or len(total.terms) < len(flat) else node


def _opened(term: Node) -> Sequence[Node]:
    """The terms of the sum of which a term is the transpose, the conjugate or a multiple; else the term."""
    product = as_product(term)
    if len(product.factors) != 1 or not isinstance(product.factors[0].node, Add):
        return (term,)
    (factor,), dims = product.factors, dict(enumerate(product.dims))
    if sorted(factor.groups) != sorted(product.output):
        return (term,)
    return [
        contract(product.coefficient, [Factor(inner, factor.groups, factor.conj)], product.output, dims)
        for inner in terms_of(factor.node)
    ]

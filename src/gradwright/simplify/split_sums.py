"""Sums of vectors of which a product has the axis split: `reshape(vec(M) − c, n, m)ᵀ = M − reshape(c, n, m)ᵀ`."""

from __future__ import annotations

from gradwright.core.contraction import subproduct, with_factors
from gradwright.core.nodes import Add, Contract, Factor, Node
from gradwright.core.sums import add


def split_sums(node: Node) -> Node:
    """Each term of a sum split for itself, where one of them is a tensor with its axes joined in the same way."""
    if not isinstance(node, Contract) or not any(map(_is_joined_again, node.factors)):
        return node
    return with_factors(node, [_split(f, node) if _is_joined_again(f) else f for f in node.factors])


def _is_joined_again(factor: Factor) -> bool:
    labels = factor.labels
    return (
        isinstance(factor.node, Add)
        and len(labels) > len(factor.groups)
        and len(set(labels)) == len(labels)
        and any(_joins(term, factor) for term in factor.node.terms)
    )


def _joins(term: Node, factor: Factor) -> bool:
    """Whether a term has joined axes wherever the factor has them split."""
    return isinstance(term, Contract) and all(
        len(joined) == len(split) for joined, split in zip(term.output, factor.groups, strict=True) if len(split) > 1
    )


def _split(factor: Factor, node: Contract) -> Factor:
    assert isinstance(factor.node, Add)
    axes = tuple((label,) for label in factor.labels)
    parts = [subproduct(node, [factor.with_node(t)], axes) for t in factor.node.terms]
    return Factor(add(parts), axes)

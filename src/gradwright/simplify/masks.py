"""Masks on matrices that are zero there anyway: `tril(L)` of a lower triangular L is L."""

from __future__ import annotations

from gradwright.core.contraction import contract
from gradwright.core.facts import Facts
from gradwright.core.inference import facts_of, transposed_fact
from gradwright.core.nodes import Contract, Factor, Mask, Node


def drop_masks(node: Node) -> Node:
    """Remove a mask that changes nothing, and make the product zero where it leaves nothing."""
    if not isinstance(node, Contract) or len(node.factors) < 2:
        return node
    for place, factor in enumerate(node.factors):
        if not isinstance(factor.node, Mask):
            continue
        weight = _constant_weight(factor, node.factors)
        if weight is not None:
            rest = [f for p, f in enumerate(node.factors) if p != place]
            scaled = contract(node.coefficient * weight, rest, node.output, dict(enumerate(node.dims)))
            return drop_masks(scaled)
    return node


def _constant_weight(factor: Factor, factors: tuple[Factor, ...]):  # noqa: ANN202
    assert isinstance(factor.node, Mask)
    support = [True, True, True]
    for other in factors:
        if isinstance(other.node, Mask) or other.node.rank != 2:
            continue
        for orientation, transposed in ((factor.groups, False), (factor.groups[::-1], True)):
            if other.groups == orientation:
                kept = _support(facts_of(other.node), transposed)
                support = [a and b for a, b in zip(support, kept, strict=True)]
    weights = {w for w, kept in zip(factor.node.weights, support, strict=True) if kept}
    if all(support) or len(weights) > 1:
        return None
    return weights.pop() if weights else 0


def _support(facts: Facts, transposed: bool) -> tuple[bool, bool, bool]:
    """Where a matrix may differ from zero: below, on and above the diagonal."""
    seen = {transposed_fact(fact) for fact in facts} if transposed else facts
    strict = "strictly_lower" in seen or "strictly_upper" in seen or "skew" in seen
    return "upper" not in seen, not strict, "lower" not in seen

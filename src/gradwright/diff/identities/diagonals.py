"""Diagonal matrices in products, read as the vectors that they are."""

from __future__ import annotations

from gradwright.core.contraction import unified
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Contract, Node


def merge_diagonals(term: Node) -> Node:
    """Write `D[a, b]` of a diagonal matrix as `D[a, a] δ[a, b]`, so that it counts as a vector."""
    if not isinstance(term, Contract):
        return term
    for factor in term.factors:
        labels = factor.labels
        if len(labels) == 2 and labels[0] != labels[1] and "diagonal" in facts_of(factor.node):
            return merge_diagonals(unified(term, term.factors, {labels[1]: labels[0]}))
    return term

"""Diagonal matrices in products, read as the vectors that they are."""

from __future__ import annotations

from gradwright.core.contraction import contract
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Contract, Factor, Groups, Node


def merge_diagonals(term: Node) -> Node:
    """Write `D[a, b]` of a diagonal matrix as `D[a, a] δ[a, b]`, so that it counts as a vector."""
    if not isinstance(term, Contract):
        return term
    for factor in term.factors:
        labels = factor.labels
        if len(labels) == 2 and labels[0] != labels[1] and "diagonal" in facts_of(factor.node):
            merged = [Factor(f.node, _renamed(f.groups, *labels), f.conj) for f in term.factors]
            dims = {label: dim for label, dim in enumerate(term.dims) if label != labels[1]}
            return merge_diagonals(contract(term.coefficient, merged, _renamed(term.output, *labels), dims))
    return term


def _renamed(groups: Groups, new: int, old: int) -> Groups:
    return tuple(tuple(new if label == old else label for label in group) for group in groups)

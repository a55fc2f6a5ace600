"""Triangular matrices, where only their diagonals count.

tr(L M) = Σ Lᵢᵢ Mᵢᵢ, and L ∘ Mᵀ is diagonal, for L and M that are both lower, or both upper, triangular;
diagonal(L⁻¹) = 1 / diagonal(L)
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from gradwright.core.build import diagonal
from gradwright.core.contraction import is_simple, unified, with_factors
from gradwright.core.inference import facts_of, transposed_fact
from gradwright.core.nodes import Apply, Contract, Factor, Mask, Node
from gradwright.prims.power import raise_to
from gradwright.simplify.inverses import is_inverse

TRIANGULAR = {"lower", "upper"}


def join_triangles(node: Node) -> Node:
    """Take one label for the rows and the columns of triangular matrices whose entries meet on the diagonal alone."""
    if not isinstance(node, Contract):
        return node
    for row, column in _met_on_diagonal(node):
        return join_triangles(unified(node, node.factors, {column: row}))
    inverted = [_reciprocals(factor) for factor in node.factors]
    if inverted == list(node.factors):
        return node
    return with_factors(node, inverted)


def _met_on_diagonal(node: Contract) -> Iterator[tuple[int, int]]:
    """Pairs of labels of a lower and an upper triangular matrix; a diagonal one among them is left as it is."""
    kinds: dict[tuple[int, int], set[str]] = {}
    for matrix, groups, _ in node.factors:
        if len(groups) == 2 and is_simple(groups) and groups[0] != groups[1]:
            (row,), (column,) = groups
            turned = row > column
            kinds.setdefault((column, row) if turned else (row, column), set()).update(_kind(matrix, turned))
    yield from (pair for pair, kind in kinds.items() if kind == TRIANGULAR)


def _kind(node: Node, turned: bool) -> set[str]:
    """Which triangle a matrix fills, or its transpose."""
    facts = facts_of(node)
    if isinstance(node, Mask) or "diagonal" in facts:
        return {"diagonal"}
    return {transposed_fact(fact) if turned else fact for fact in TRIANGULAR & facts}


def _reciprocals(factor: Factor) -> Factor:
    """The diagonal of the inverse of a triangular matrix."""
    node = factor.node
    if node.rank != 2 or factor.groups[0] != factor.groups[1] or not isinstance(node, Apply):
        return factor
    if not is_inverse(node) or not TRIANGULAR & facts_of(node.arguments[0]):
        return factor
    return Factor(raise_to(diagonal(node.arguments[0]), Fraction(-1)), factor.groups[:1], factor.conj)

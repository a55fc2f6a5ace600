"""Inverses of matrices that are known to be diagonal: entries divided, no matrix inverted."""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.build import diag, diagonal
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Node
from gradwright.core.walks import postorder, transform_all
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.prims.power import raise_to
from gradwright.simplify.inverses import is_inverse


def divide_by_diagonals(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`D⁻¹` as the diagonal matrix of reciprocals, which products then divide by."""
    if any(_inverts_diagonal(node) for root in roots for node in postorder(root)):
        return transform_all(roots, _divided)
    return roots


def _inverts_diagonal(node: Node) -> bool:
    square = is_inverse(node) and node.rank == 2
    return square and "diagonal" in facts_of(node.children[0])


def _divided(node: Node) -> Node:
    if not _inverts_diagonal(node):
        return node
    return diag(raise_to(diagonal(node.children[0]), Fraction(-1)))

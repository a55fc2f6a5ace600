"""How long the axes of expressions are taken to be where nobody says it: matrices are taken to be tall.

A matrix of data has more rows than columns, and so has one that is a low-rank factor, a basis or a set of weights of
few outputs. So where `X : n × d` occurs, n counts as three times d, and `X Xᵀ X` is `X (Xᵀ X)`. Names of which this cannot
be said consistently, since `A : n × m` occurs beside `B : m × n`, count alike.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.walks import free_leaves

USUAL_SIZE = 100
TALL = 3  # how many times more rows than columns


def usual_sizes(roots: Iterable[Node]) -> dict[str, int]:
    """A size for every name of a dimension on an axis of a variable."""
    leaves = [leaf for root in roots for leaf in free_leaves(root) if isinstance(leaf, Symbol | Direction)]
    longer: dict[str, set[str]] = {dim.name: set() for leaf in leaves for dim in leaf.shape if dim.name is not None}
    for leaf in leaves:
        rows, *columns = (dim.name for dim in leaf.shape) if leaf.rank == 2 else (None,)
        if rows is not None and columns[0] is not None and columns[0] != rows:
            longer[rows].add(columns[0])
    return {name: USUAL_SIZE * TALL**level for name, level in _levels(longer).items()}


def _levels(longer: dict[str, set[str]]) -> dict[str, int]:
    """How many names stand below each one at most; 0 for all if they stand in a circle."""
    levels = dict.fromkeys(longer, 0)
    for _ in longer:
        new = {name: max((levels[other] + 1 for other in below), default=0) for name, below in longer.items()}
        if new == levels:
            return levels
        levels = new
    return dict.fromkeys(longer, 0)

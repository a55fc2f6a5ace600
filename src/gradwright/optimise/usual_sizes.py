"""How long the axes of expressions are taken to be where nobody says it: matrices of data are taken to be tall.

Data have more rows than columns, and so do low-rank factors and bases: where `X : n × d` occurs, n counts as three
times d, and `X Xᵀ X` is `X (Xᵀ X)`. A dimension that is also one of columns, of a matrix that is not square, counts as
any other: the weights `W : d × k` behind X need not be tall.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.walks import free_leaves

USUAL_SIZE = 100
TALL = 3  # how many times more rows than columns


def usual_sizes(roots: Iterable[Node]) -> dict[str, int]:
    """Sizes of the dimensions that are not of the usual size: those of rows and of no columns."""
    leaves = [leaf for root in roots for leaf in free_leaves(root) if isinstance(leaf, Symbol | Direction)]
    matrices = [leaf.shape for leaf in leaves if leaf.rank == 2 and leaf.shape[0] != leaf.shape[1]]
    columns = {name for _, dim in matrices for name in dim.names}
    return {dim.name: TALL * USUAL_SIZE for dim, _ in matrices if dim.name is not None and dim.name not in columns}

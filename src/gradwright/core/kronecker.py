"""Kronecker products, found in a product by its output: every row and column carries one label of each matrix."""

from __future__ import annotations

from gradwright.core.contraction import contract, simple
from gradwright.core.nodes import Contract, Node


def kronecker_parts(matrix: Contract) -> tuple[Node, ...]:
    """The square matrices of which a matrix is the Kronecker product; none if it is not one of square matrices.

    The number in front, and factors that carry no label of the output, belong to none of them.
    """
    rows, columns = matrix.output
    dims = dict(enumerate(matrix.dims))
    pairs = list(zip(rows, columns, strict=False))
    if len(rows) != len(columns) or len(rows) < 2 or any(dims[r] != dims[c] for r, c in pairs):
        return ()
    parts: list[Node] = []
    for pair in pairs:
        reached = set(pair)
        for _ in matrix.factors:
            reached |= {label for f in matrix.factors if reached.intersection(f.labels) for label in f.labels}
        if reached & ({*rows, *columns} - set(pair)):
            return ()
        own = [f for f in matrix.factors if f.labels and reached.issuperset(f.labels)]
        parts.append(contract(1, own, simple(pair), {label: dims[label] for label in reached}))
    return tuple(parts)

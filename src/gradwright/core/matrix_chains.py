"""Products of matrices, as they are read: one matrix after the other, from the first axis to the second."""

from __future__ import annotations

from gradwright.core.contraction import contract, plain, simple
from gradwright.core.nodes import Contract, Factor, Node

Link = tuple[Factor, bool]
"""A matrix of a product, and whether it is transposed."""
Chain = list[Link]


def chained(product: Contract) -> Chain | None:
    """The matrices of a product in order, whatever scalars stand beside them; None if it is no product of matrices."""
    remaining = [f for f in product.factors if f.node.rank]
    if any(len(f.groups) != 2 or len(f.labels) != 2 for f in remaining) or not remaining:
        return None
    (current, *_), (end, *_) = product.output
    chain: Chain = []
    while remaining:
        step = [f for f in remaining if current in f.labels]
        if len(step) != 1 or step[0].labels[0] == step[0].labels[1]:
            return None
        transposed = step[0].labels[1] == current
        chain.append((step[0], transposed))
        current = step[0].labels[0 if transposed else 1]
        remaining.remove(step[0])
    return chain if current == end else None


def matrix_of(link: Link) -> Node:
    """The matrix that stands in a product: conjugated and transposed as it is there."""
    factor, transposed = link
    axes = (1, 0) if transposed else (0, 1)
    return contract(
        1, [plain(factor.node, axes, factor.conj)], simple((0, 1)), dict(zip(axes, factor.node.shape, strict=True))
    )

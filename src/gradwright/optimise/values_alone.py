"""Eigenvalues and singular values, where nothing reads the vectors, by what computes them alone."""

from __future__ import annotations

from gradwright.core.nodes import Apply, Node, is_apply
from gradwright.core.walks import postorder, transform_all
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.prims.values_alone import ALONE


def leave_out_vectors(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`eigvalsh(A)` for the eigenvalues of a decomposition, and so for singular values."""
    with_vectors = {
        (node.primitive, node.arguments)
        for node in postorder(*roots)
        if is_apply(node, *ALONE) and node.index != ALONE[node.primitive][0]
    }

    def step(node: Node) -> Node:
        if not is_apply(node, *ALONE):
            return node
        place, alone = ALONE[node.primitive]
        needed = node.index != place or (node.primitive, node.arguments) in with_vectors
        return node if needed else Apply(alone, node.parameters, node.arguments)

    return transform_all(roots, step)

"""Divided differences of matrix functions as blocks of the function of a block matrix.

With `X` on the diagonal and a direction `E` above it, the block above the diagonal of `f([[X, E], [0, X]])` is the
derivative of `f` at `X` along `E` (Mathias 1996; Higham, Functions of Matrices, 2008, section 3.2).
"""

from __future__ import annotations

from gradwright.core.build import concatenate, slice_axis
from gradwright.core.contraction import zero
from gradwright.core.dims import Dim
from gradwright.core.nodes import Apply, Node
from gradwright.core.walks import transform_all
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.optimise.systems import without_systems
from gradwright.prims.divided_differences import function_of


def in_blocks(roots: Roots) -> Roots:
    """Divided differences of a matrix function as what they are: a block of the function of a block matrix.

    So the function is all that has to be defined, whatever the order of the derivative. Linear systems are written out
    before: their operators are linear in the direction of a difference, and the function of a block matrix is not.
    """
    return transform_all(without_systems(roots), _in_blocks)


def in_blocks_beside_torch(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """The same, but for differences that PyTorch computes: for code that is not differentiated."""
    return transform_all(without_systems(roots), lambda node: node if _in_torch(node) else _in_blocks(node))


def _in_torch(node: Node) -> bool:
    return isinstance(node, Apply) and node.primitive.torch is not None


def _in_blocks(node: Node) -> Node:
    if not isinstance(node, Apply):
        return node
    function = function_of(node.primitive)
    if function is None:
        return node
    first = node.arguments[0]
    n, last = first.shape[-1], first.rank - 1
    whole = Apply(function, (), (_block_matrix(node.arguments),))
    rows = slice_axis(whole, last - 1, Dim.of(0), n)
    count = len(node.arguments[::2])
    return slice_axis(rows, last, n * (count - 1), n * count)


def _block_matrix(arguments: tuple[Node, ...]) -> Node:
    """The nodes X₀, X₁, … on the diagonal, and the directions E₁, … above it."""
    last = arguments[0].rank - 1
    nodes, directions = arguments[::2], arguments[1::2]
    rows: list[Node] = []
    for k, node in enumerate(nodes):
        blocks = [zero(node.shape)] * len(nodes)
        blocks[k] = node
        if k < len(directions):
            blocks[k + 1] = directions[k]
        rows.append(concatenate(blocks, last))
    return concatenate(rows, last - 1)

"""The real part of what is real."""

from __future__ import annotations

from gradwright.core.nodes import Apply, Node
from gradwright.prims.complex import real_part


def drop_real_part(node: Node) -> Node:
    """`Re(x)` of a real x is x."""
    if isinstance(node, Apply) and node.primitive is real_part and node.arguments[0].real:
        return node.arguments[0]
    return node

"""What passes of the optimiser share: expressions, what is known of the sizes, and a node over other children."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gradwright.core.nodes import Add, Node
from gradwright.core.walks import rebuild

Roots = tuple[Node, ...]
# Sizes of dimension names, by which products are ordered and low ranks found.
Hints = Mapping[str, int]
NO_HINTS: Hints = MappingProxyType({})


def over(node: Node, children: tuple[Node, ...]) -> Node:
    """The same node over other children. A sum in a sum stays: the outer one may be it and its mirror image."""
    if not isinstance(node, Add):
        return rebuild(node, children)
    return node if children == node.children else Add(children)

"""Definitions put in for the functions that have one, down to the elementary ones."""

from __future__ import annotations

from gradwright.core.nodes import Apply, Node
from gradwright.core.templates import definition, instantiate, leaves_at
from gradwright.core.walks import transform


def expand_definitions(root: Node) -> Node:
    """The expression with every function replaced by the formula that defines it."""
    return transform(root, _expand)


def _expand(node: Node) -> Node:
    if not isinstance(node, Apply):
        return node
    template = definition(node.primitive, node.index, node.parameters)
    if template is None:
        return node
    batch, dims = node.bound
    return expand_definitions(instantiate(template, leaves_at(node), dims, batch))

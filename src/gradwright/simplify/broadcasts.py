"""Elementwise functions of repeated values: apply first, repeat afterwards."""

from __future__ import annotations

from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.nodes import Apply, Contract, Node


def lift_broadcasts(node: Node) -> Node:
    """`f(u spread over an axis)` is `f(u)` spread over it."""
    if not isinstance(node, Apply) or not node.primitive.elementwise or not node.rank:
        return node
    constant = [axis for axis in range(node.rank) if all(_is_constant(argument, axis) for argument in node.arguments)]
    if not constant:
        return node
    kept = [axis for axis in range(node.rank) if axis not in constant]
    smaller = tuple(_without_axes(argument, kept) for argument in node.arguments)
    core = lift_broadcasts(Apply(node.primitive, node.parameters, smaller, node.index))
    return contract(1, [plain(core, kept)], simple(range(node.rank)), dict(enumerate(node.shape)))


def _is_constant(node: Node, axis: int) -> bool:
    """Whether all entries along an axis are the same, because the label is carried by no factor."""
    if not isinstance(node, Contract) or len(node.output[axis]) != 1:
        return False
    label = node.output[axis][0]
    elsewhere = [other for place, group in enumerate(node.output) for other in group if place != axis]
    return label not in elsewhere and all(label not in f.labels for f in node.factors)


def _without_axes(node: Node, kept: list[int]) -> Node:
    product = as_product(node)
    output = tuple(product.output[axis] for axis in kept)
    used = {label for group in output for label in group} | {x for f in product.factors for x in f.labels}
    dims = {label: dim for label, dim in enumerate(product.dims) if label in used}
    return contract(product.coefficient, product.factors, output, dims)

"""Elementwise functions of repeated values, and on diagonals: apply where the value is needed, and once."""

from __future__ import annotations

from gradwright.core.build import product_of
from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, is_simple, plain, simple, with_factors
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node, labels_of
from gradwright.core.sums import add


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


def apply_on_diagonals(node: Node) -> Node:
    """The diagonal of `f(A)` is f of the diagonal: off it, `1 / D` of a diagonal matrix is infinite."""
    if not isinstance(node, Contract):
        return node
    factors = tuple(map(_on_own_labels, node.factors))
    if factors == node.factors:
        return node
    return with_factors(node, factors)


def without_repetition(node: Node) -> Node:
    """A tensor without the axes along which it repeats its values: the scalar in `a 1`."""
    kept = [axis for axis in range(node.rank) if not _is_constant(node, axis)]
    return node if len(kept) == node.rank else _without_axes(node, kept)


def narrowed(factor: Factor) -> Factor:
    """A factor without the axes along which it repeats its values: `u − v` for `u 1ᵀ − v 1ᵀ`."""
    kept = [axis for axis in range(factor.node.rank) if not _is_constant(factor.node, axis)]
    if len(kept) == factor.node.rank:
        return factor
    return Factor(_without_axes(factor.node, kept), tuple(factor.groups[axis] for axis in kept), factor.conj)


def repeated_number(node: Node) -> Node | None:
    """The number that fills a tensor, `a − 1` of `a 1 − 1`; None if not all of its entries are one by its form."""
    return _without_axes(node, []) if all(_is_constant(node, axis) for axis in range(node.rank)) else None


def _on_own_labels(factor: Factor) -> Factor:
    node, labels = factor.node, factor.labels
    distinct = tuple(dict.fromkeys(labels))
    single = is_simple(factor.groups)
    if not isinstance(node, Apply) or not node.primitive.elementwise or len(distinct) == len(labels) or not single:
        return factor
    arguments = tuple(product_of([(argument, labels)], distinct) for argument in node.arguments)
    return Factor(Apply(node.primitive, node.parameters, arguments, node.index), simple(distinct), factor.conj)


def _is_constant(node: Node, axis: int) -> bool:
    """Whether all entries along an axis are the same, because the label is carried by no factor of any term."""
    if isinstance(node, Add):
        return all(_is_constant(term, axis) for term in node.terms)
    if not isinstance(node, Contract) or len(node.output[axis]) != 1:
        return False
    label = node.output[axis][0]
    elsewhere = [other for place, group in enumerate(node.output) for other in group if place != axis]
    return label not in elsewhere and all(label not in f.labels for f in node.factors)


def _without_axes(node: Node, kept: list[int]) -> Node:
    if isinstance(node, Add):
        return add(_without_axes(term, kept) for term in node.terms)
    product = as_product(node)
    output = tuple(product.output[axis] for axis in kept)
    used = {label for group in output for label in group} | labels_of(product.factors)
    dims = {label: dim for label, dim in enumerate(product.dims) if label in used}
    return contract(product.coefficient, product.factors, output, dims)

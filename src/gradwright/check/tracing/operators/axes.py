"""Operators on whole axes: in another order, of other lengths, repeated, reversed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradwright.check.tracing.arguments import Arguments
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.sizes import Sizes
from gradwright.check.tracing.values import Untraceable, Value, expand
from gradwright.core import build
from gradwright.core.contraction import contract, plain
from gradwright.core.dims import Dim, product
from gradwright.core.nodes import Node


@operator("t", "numpy_T")
def _t(given: Arguments) -> Value:
    value = given.tensor("self")
    return permuted(value, range(value.rank)[::-1])


@operator("transpose", "swapaxes")
def _transpose(given: Arguments) -> Value:
    value = given.tensor("self")
    order = list(range(value.rank))
    if order:
        a, b = given.axis("dim0", value.rank), given.axis("dim1", value.rank)
        order[a], order[b] = b, a
    return permuted(value, order)


@operator("permute")
def _permute(given: Arguments) -> Value:
    value = given.tensor("self")
    return permuted(value, given.axes("dims", value.rank))


def permuted(value: Value, order: Sequence[int]) -> Value:
    """The axes in another order."""
    places = [value.place(axis) for axis in order if not value.unit[axis]]
    flipped = frozenset(place for place, axis in enumerate(order) if axis in value.flipped)
    return Value(build.permute(value.node, places), tuple(value.unit[axis] for axis in order), flipped)


@operator("view", "_unsafe_view", "reshape", "_reshape_alias", "unsqueeze", "squeeze", "view_copy")
def _view(given: Arguments) -> Value:
    """The same entries with other axes."""
    value = given.tensor("self")
    lengths = [tuple(axis) for axis in zip(*(tuple(r.shape) for r in given.operation.results), strict=True)]
    return reshaped(value, lengths, given.sizes)


def reshaped(value: Value, lengths: Sequence[tuple[int, ...]], sizes: Sizes) -> Value:
    """The entries in row-major order with axes of other lengths, each given at every point."""
    unit = tuple(all(length == 1 for length in axis) for axis in lengths)
    wanted = [axis for axis, one in zip(lengths, unit, strict=True) if not one]
    blocks = list(_blocks(value.node.shape, wanted, sizes))
    if all(len(source) == len(target) == 1 for source, target in blocks):
        places = [axis for axis, one in enumerate(unit) if not one]
        moved = dict(zip(value.axes, places, strict=True))
        return Value(value.node, unit, frozenset(moved[axis] for axis in value.flipped))
    return Value(_regrouped(value.straight(), blocks), unit)


def _blocks(
    shape: Sequence[Dim], wanted: Sequence[tuple[int, ...]], sizes: Sizes
) -> Iterator[tuple[list[Dim], list[Dim]]]:
    """Runs of axes that hold the same entries before and after."""
    before, after = list(shape), list(wanted)
    while before or after:
        source, target = [before.pop(0)] if before else [], [after.pop(0)] if after else []
        while sizes.of(product(source)) != _product(target, sizes):
            smaller = sizes.of(product(source))[0] < _product(target, sizes)[0]
            if smaller and before:
                source.append(before.pop(0))
            elif not smaller and after:
                target.append(after.pop(0))
            else:
                raise Untraceable("a reshape that does not follow the axes")
        yield source, _named(source, target, sizes)


def _product(lengths: Sequence[tuple[int, ...]], sizes: Sizes) -> tuple[int, ...]:
    return tuple(int(np.prod([axis[k] for axis in lengths])) for k in range(len(sizes.points)))


def _named(source: list[Dim], target: Sequence[tuple[int, ...]], sizes: Sizes) -> list[Dim]:
    """The dimensions of the new axes; one alone holds all that the old ones hold."""
    if len(target) == 1:
        return [product(source)]
    dims = [sizes.dim(axis) for axis in target]
    if any(dim is None for dim in dims) or product(d for d in dims if d is not None) != product(source):
        raise Untraceable("a reshape to sizes that are not made of the dimensions of the inputs")
    return [dim for dim in dims if dim is not None]


def _regrouped(node: Node, blocks: Sequence[tuple[list[Dim], list[Dim]]]) -> Node:
    places = iter(range(node.rank))
    grouped = build.group_axes(node, [[next(places) for _ in source] for source, _ in blocks])
    return build.split_axis(grouped, [target for _, target in blocks])


@operator("expand", "expand_copy")
def _expand(given: Arguments) -> Value:
    return expand(given.tensor("self"), given.shape())


@operator("copy", "fill")
def _copy(given: Arguments) -> Value:
    """A tensor overwritten by another, which is spread to its shape."""
    return expand(given.tensor("src" if "src" in given else "value"), given.shape())


@operator("repeat", "tile")
def _repeat(given: Arguments) -> Value:
    """Copies along axes: an axis of length n repeated r times is the pair (r, n) as one axis."""
    value = given.tensor("self")
    times = [given.named(axis) for axis in given.lengths("repeats")]
    shift = len(times) - value.rank
    groups: list[tuple[int, ...]] = []
    dims: dict[int, Dim] = {}
    node_labels: list[int] = []
    carried = iter(value.node.shape)
    for axis, count in enumerate(times):
        group: list[int] = []
        if count.value != 1:
            dims[len(dims)] = count
            group.append(len(dims) - 1)
        if axis >= shift and not value.unit[axis - shift]:
            dims[len(dims)] = next(carried)
            group.append(len(dims) - 1)
            node_labels.append(group[-1])
        groups.append(tuple(group))
    node = contract(1, [plain(value.straight(), node_labels)], tuple(g for g in groups if g), dims)
    return Value(node, tuple(not group for group in groups))


@operator("flip")
def _flip(given: Arguments) -> Value:
    value = given.tensor("self")
    axes = frozenset(axis for axis in given.axes("dims", value.rank) if not value.unit[axis])
    return Value(value.node, value.unit, value.flipped ^ axes)


def with_unit_axis(value: Value, axis: int) -> Value:
    """A tensor with one more axis, of length 1."""
    unit = (*value.unit[:axis], True, *value.unit[axis:])
    return Value(value.node, unit, frozenset(place + (place >= axis) for place in value.flipped))

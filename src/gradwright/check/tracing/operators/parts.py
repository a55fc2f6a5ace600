"""Operators that cut axes into parts, pick an entry along one, or put tensors one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.check.tracing.arguments import Arguments, Result, Slices
from gradwright.check.tracing.operators.axes import with_unit_axis
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.values import Untraceable, Value, unit_axes
from gradwright.core import build
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.dims import Dim
from gradwright.core.nodes import Node, Selection
from gradwright.core.sums import add, subtract


@operator("select", "select_copy")
def _select(given: Arguments) -> Value:
    whole = given.result("self")
    if isinstance(whole, Slices) and isinstance(whole.parts, tuple) and given.axis("dim", whole.axis + 1) == whole.axis:
        return whole.parts[given.integer("index")]
    value = given.tensor("self")
    axis = given.axis("dim", value.rank)
    return picked(value, axis, given.offset("index", value.dims[axis]))


def picked(value: Value, axis: int, offset: Dim) -> Value:
    """One entry along an axis."""
    unit = tuple(one for place, one in enumerate(value.unit) if place != axis)
    flipped = frozenset(place - (place > axis) for place in value.flipped if place != axis)
    if value.unit[axis]:
        return Value(value.node, unit, flipped)
    place = value.place(axis)
    dim = value.node.shape[place]
    chosen = Selection(dim, None, dim - offset - 1 if axis in value.flipped else offset)
    labels = list(range(value.node.rank))
    kept = [label for label in labels if label != place]
    return Value(build.product_of([(value.node, labels), (chosen, (place,))], kept), unit, flipped)


@operator("slice", "slice_copy")
def _slice(given: Arguments) -> Value:
    value = given.tensor("self")
    axis = given.axis("dim", value.rank)
    if given.integer("step") != 1:
        raise Untraceable("a slice with a step")
    whole, part = value.dims[axis], given.shape()[axis]
    start = given.offset("start", whole) if "start" in given else Dim.of(0)
    return cut(value, axis, start, part)


def cut(value: Value, axis: int, start: Dim, part: Dim) -> Value:
    """A run of entries along an axis."""
    if value.unit[axis] or value.dims[axis] == part:
        return value
    if axis in value.flipped:
        raise Untraceable("a part of a reversed axis (flip)")
    if part.value == 1:
        found = picked(value, axis, start)
        return Value(found.node, (*value.unit[:axis], True, *value.unit[axis + 1 :]), value.flipped)
    return Value(build.slice_axis(value.node, value.place(axis), start, start + part), value.unit, value.flipped)


@operator("unfold")
def _unfold(given: Arguments) -> Value:
    """Windows along an axis, as a convolution sees them: their entries of one place are a run of the axis."""
    value, shape = given.tensor("self"), given.shape()
    axis = given.axis("dimension", value.rank)
    if given.integer("step") != 1:
        raise Untraceable("windows (unfold) that are more than one step apart")
    return windows(value, axis, given.integer("size"), shape[axis])


def windows(value: Value, axis: int, size: int, count: Dim) -> Value:
    """So many windows of a size along an axis, their entries along a new last one."""
    runs = [cut(value, axis, Dim.of(place), count) for place in range(size)]
    dims = [count if place == axis else dim for place, dim in enumerate(value.dims)]
    return joined([with_unit_axis(run, value.rank) for run in runs], value.rank, [*dims, Dim.of(size)])


@operator("constant_pad_nd")
def _pad(given: Arguments) -> Value:
    """A number around a tensor: `pad` has how often before and after, from the last axis to the first."""
    value, dims = given.tensor("self"), given.shape()
    outside = given.number("value") if "value" in given else build.number(0)
    value = Value(build.minus(value.straight(), outside), value.unit)
    lengths = [given.named(axis) for axis in given.lengths("pad")]
    for axis, before, after in zip(reversed(range(value.rank)), lengths[::2], lengths[1::2], strict=False):
        value = padded(value, axis, before, after, dims[axis])
    return Value(build.plus(value.node, outside), value.unit)


def padded(value: Value, axis: int, before: Dim, after: Dim, whole: Dim) -> Value:
    """Zeros before and after the entries along an axis."""
    if any(dim.value is not None and dim.value < 0 for dim in (before, after)):
        raise Untraceable("a padding by less than nothing")
    dims = [whole if place == axis else dim for place, dim in enumerate(value.dims)]
    return Value(placed(value, axis, dims, before), unit_axes(dims))


@operator("unbind")
def _unbind(given: Arguments) -> Slices:
    value = given.tensor("self")
    return Slices(value, given.axis("dim", value.rank))


@operator("getitem")
def _item(given: Arguments) -> Result:
    """One of several results."""
    several = given.result("0")
    if isinstance(several, Slices) and isinstance(several.parts, Value):
        return picked(several.parts, several.axis, given.offset("1", several.parts.dims[several.axis]))
    if isinstance(several, Untraceable):
        return several
    assert isinstance(several, tuple)
    return several[given.integer("1")]


@operator("split", "split_with_sizes", "chunk")
def _split(given: Arguments) -> tuple[Value, ...]:
    value = given.tensor("self")
    axis = given.axis("dim", value.rank)
    start, parts = Dim.of(0), list[Value]()
    for place in range(len(given.operation.results[0])):
        part = given.shape(place)[axis]
        parts.append(cut(value, axis, start, part))
        start = start + part
    return tuple(parts)


@operator("cat")
def _cat(given: Arguments) -> Value:
    """Tensors one after the other; empty ones fall away."""
    values = given.tensors("tensors")
    return joined(values, given.axis("dim", values[0].rank), given.shape())


@operator("stack")
def _stack(given: Arguments) -> Value:
    values = given.tensors("tensors")
    axis = given.axis("dim", values[0].rank + 1)
    return joined([with_unit_axis(value, axis) for value in values], axis, given.shape())


def joined(values: Sequence[Value], axis: int, dims: Sequence[Dim]) -> Value:
    """The sum of the tensors, each put to its place along an axis."""
    terms, offset = list[Node](), Dim.of(0)
    for value in values:
        part = value.dims[axis]
        terms.append(placed(value, axis, dims, offset))
        offset = offset + part
    return Value(add(terms), unit_axes(dims))


def placed(value: Value, axis: int, dims: Sequence[Dim], offset: Dim) -> Node:
    """A tensor as part of a larger one that is zero elsewhere."""
    node = value.straight()
    labels = list(value.axes)
    whole = dims[axis]
    if value.dims[axis] == whole:
        return node
    if value.unit[axis]:
        place = plain(Selection(whole, None, offset), (axis,))
    else:
        inner = len(dims)
        place = plain(Selection(whole, value.dims[axis], offset), (axis, inner))
        labels[labels.index(axis)] = inner
    kept = [label for label, dim in enumerate(dims) if dim.value != 1]
    return contract(
        1, [place, plain(node, labels)], simple(kept), {**dict(enumerate(dims)), len(dims): value.dims[axis]}
    )


@operator("select_backward", "slice_backward")
def _pick_backward(given: Arguments) -> Value:
    """The adjoint of picking: the cotangent at its place, zero elsewhere."""
    value, dims = given.tensor("grad_output"), given.shape()
    axis = given.axis("dim", len(dims))
    if "index" in given:
        value = with_unit_axis(value, axis)
        return Value(placed(value, axis, dims, given.offset("index", dims[axis])), unit_axes(dims))
    if given.integer("step") != 1:
        raise Untraceable("a slice with a step")
    return Value(placed(value, axis, dims, given.offset("start", dims[axis])), unit_axes(dims))


@operator("select_scatter", "slice_scatter")
def _scatter(given: Arguments) -> Value:
    """A tensor with a part replaced: what was there is taken away, the new part is put in."""
    base, part = given.tensor("self"), given.tensor("src")
    axis = given.axis("dim", base.rank)
    dims = base.dims
    if "index" in given:
        offset = given.offset("index", dims[axis])
        old, part = with_unit_axis(picked(base, axis, offset), axis), with_unit_axis(part, axis)
    else:
        offset = given.offset("start", dims[axis]) if "start" in given else Dim.of(0)
        if given.integer("step") != 1:
            raise Untraceable("a slice with a step")
        old = cut(base, axis, offset, part.dims[axis])
    put = [placed(value, axis, dims, offset) for value in (part, old)]
    return Value(add([base.straight(), subtract(*put)]), base.unit)

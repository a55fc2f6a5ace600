"""Operators with tables of indices: entries at constant places, picked, replaced or added to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwright.check.tracing.arguments import Arguments, Constant
from gradwright.check.tracing.operators.axes import with_unit_axis
from gradwright.check.tracing.operators.parts import joined, picked, placed
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.operators.triangles import with_diagonal
from gradwright.check.tracing.values import Untraceable, Value, expand, unit_axes
from gradwright.core import build
from gradwright.core.arithmetic import Array
from gradwright.core.dims import Dim
from gradwright.core.nodes import Node, Selection
from gradwright.core.sums import add, subtract

MOST_PLACES = 16


@operator("index_put", "_unsafe_index_put", "_index_put_impl")
def _index_put(given: Arguments) -> Value:
    """A tensor with entries at constant places replaced, or added to: on the diagonal, or at a few places."""
    base, values, indices = given.tensor("self"), given.tensor("values"), given.constants("indices")
    tables = [[None if i is None else np.asarray(i.arrays[k]) for i in indices] for k in range(len(given.sizes.points))]
    if any(index is None or index.ndim != 1 or index.dtype == bool for table in tables for index in table):
        raise Untraceable("an assignment to places that are not listed one by one")
    square = base.node.rank == base.rank == len(indices) == 2 and base.dims[0] == base.dims[1]
    counted = [np.arange(n) for n in given.sizes.of(base.dims[0])]
    if square and all(
        np.array_equal(i, n) for table, n in zip(tables, counted, strict=True) for i in table if i is not None
    ):
        if given.flag("accumulate"):
            raise Untraceable("an addition to the diagonal by its indices")
        return with_diagonal(base, values)
    places = np.stack([index for index in tables[0] if index is not None], axis=1)
    same = all(np.array_equal(places, np.stack([i for i in table if i is not None], axis=1)) for table in tables)
    if not same or len(places) > MOST_PLACES:
        raise Untraceable("an assignment to places that follow no pattern at all sizes")
    spread = expand(values, [Dim.of(len(places)), *base.dims[len(indices) :]])
    for k, place in enumerate(places.tolist()):
        base = _with_entry(base, place, picked(spread, 0, Dim.of(k)), given.flag("accumulate"))
    return base


def _with_entry(base: Value, place: Sequence[int], part: Value, adding: bool) -> Value:
    """A tensor with the part at some indices of its first axes replaced, or added to."""
    offsets = [Dim.of(p) if p >= 0 else base.dims[axis] + p for axis, p in enumerate(place)]
    old = base
    for offset in offsets:
        old = picked(old, 0, offset)
    put = part.straight() if adding else subtract(part.straight(), old.straight())
    chosen = [(Selection(base.dims[axis], None, offset), (axis,)) for axis, offset in enumerate(offsets)]
    chosen = [(node, axes) for node, axes in chosen if not base.unit[axes[0]]]
    rest = [axis + len(place) for axis in part.axes]
    output = [axis for axis in range(base.rank) if not base.unit[axis]]
    return Value(add([base.straight(), build.product_of([*chosen, (put, rest)], output)]), base.unit)


@operator("index", "index_select", "_unsafe_index")
def _index(given: Arguments) -> Value:
    """Entries at constant places along one axis; or at the places of a triangle of two, one by one."""
    value = given.tensor("self")
    if "indices" not in given:
        axis = given.axis("dim", value.rank)
        index = given.result("index")
        if not isinstance(index, Constant):
            raise Untraceable("an index that depends on the values of a tensor")
        return _gathered(value, axis, index.arrays, given)
    indices = given.constants("indices")
    chosen = [axis for axis, index in enumerate(indices) if index is not None]
    if len(chosen) == 1:
        (axis,) = chosen
        index = indices[axis]
        assert index is not None
        return _gathered(value, axis, index.arrays, given)
    return _entries(value, chosen, [index for index in indices if index is not None], given)


def _gathered(value: Value, axis: int, arrays: Sequence[Array], given: Arguments) -> Value:
    if any(array.ndim != 1 for array in arrays):
        raise Untraceable("an index with several axes")
    if arrays[0].dtype == bool:
        arrays = [np.flatnonzero(array) for array in arrays]
    counted = [np.arange(n) for n in given.sizes.of(value.dims[axis])]
    if all(map(np.array_equal, arrays, counted)):
        return value
    if all(map(np.array_equal, arrays, (places[::-1] for places in counted))):
        return Value(value.node, value.unit, value.flipped ^ {axis})
    if any(len(array) > MOST_PLACES or not np.array_equal(array, arrays[0]) for array in arrays):
        raise Untraceable("an index whose places follow no pattern at all sizes")
    dim = value.dims[axis]
    parts = [with_unit_axis(picked(value, axis, Dim.of(int(p)) if p >= 0 else dim + int(p)), axis) for p in arrays[0]]
    return joined(parts, axis, given.shape())


def _entries(value: Value, axes: Sequence[int], indices: Sequence[Constant], given: Arguments) -> Value:
    """Single entries by all their indices, at the same few places at every size."""
    if len({array.shape for i in indices for array in i.arrays[:1]}) > 1:
        raise Untraceable("an index by tensors of different shapes")
    tables = [np.stack([np.asarray(i.arrays[k]) for i in indices]) for k in range(len(given.sizes.points))]
    triangle = [np.stack(np.triu_indices(n)) for n in given.sizes.of(value.dims[0])]
    if value.node.rank == len(axes) == 2 and value.dims[0] == value.dims[1]:
        # The upper triangle row by row is the lower triangle of the transpose column by column.
        for turned, matrix in ((1, build.transpose(value.straight())), (-1, value.straight())):
            if all(np.array_equal(table[::turned], t) for table, t in zip(tables, triangle, strict=True)):
                return Value(build.half_vectorise(matrix), (False,))
    same = all(table.shape == tables[0].shape and np.array_equal(table, tables[0]) for table in tables)
    if len(axes) != value.rank or tables[0].ndim != 2 or not same or tables[0].shape[1] > MOST_PLACES:
        raise Untraceable("an index by several tensors whose places follow no pattern at all sizes")
    parts = [_entry(value, [int(p) for p in column]) for column in tables[0].T]
    return joined([with_unit_axis(part, 0) for part in parts], 0, given.shape())


def _entry(value: Value, places: Sequence[int]) -> Value:
    for place in places:
        dim = value.dims[0]
        value = picked(value, 0, Dim.of(place) if place >= 0 else dim + place)
    return value


@operator("gather")
def _gather(given: Arguments) -> Value:
    """Entries of a tensor of a fixed shape, each at a constant place along one axis."""
    value = given.tensor("self")
    axis, dims = given.axis("dim", value.rank), given.shape()
    entries = np.ndenumerate(_table(given))
    return Value(
        add([_alone(_entry(value, _moved(place, axis, chosen)), place, dims) for place, chosen in entries]),
        unit_axes(dims),
    )


@operator("scatter_add")
def _scatter_add(given: Arguments) -> Value:
    """Entries of a tensor of a fixed shape, each added at a constant place along one axis."""
    base, source = given.tensor("self"), given.tensor("src")
    axis, dims = given.axis("dim", base.rank), given.shape()
    entries = np.ndenumerate(_table(given))
    added = (_alone(_entry(source, place), _moved(place, axis, chosen), dims) for place, chosen in entries)
    return Value(add([base.straight(), *added]), base.unit)


@operator("index_add")
def _index_add(given: Arguments) -> Value:
    """Slices of a tensor, each added at a constant place along one axis."""
    base, source = given.tensor("self"), given.tensor("source")
    axis, dims = given.axis("dim", base.rank), given.shape()
    slices = (with_unit_axis(picked(source, axis, Dim.of(k)), axis) for k in range(len(_table(given))))
    added = [placed(part, axis, dims, Dim.of(int(p))) for part, p in zip(slices, _table(given), strict=True)]
    factor = given.number("alpha") if "alpha" in given else build.number(1)
    return Value(add([base.straight(), build.multiply(factor, add(added))]), base.unit)


def _table(given: Arguments) -> Array:
    """The few places of a constant index, the same at every size."""
    index = given.result("index")
    if not isinstance(index, Constant):
        raise Untraceable("an index that depends on the values of a tensor")
    table = np.asarray(index.arrays[0])
    if table.size > MOST_PLACES or not all(np.array_equal(table, array) for array in index.arrays):
        raise Untraceable("an index whose places follow no pattern at all sizes")
    return table


def _moved(place: Sequence[int], axis: int, chosen: int) -> list[int]:
    """A place with another index along an axis."""
    return [int(chosen) if at == axis else index for at, index in enumerate(place)]


def _alone(entry: Value, place: Sequence[int], dims: Sequence[Dim]) -> Node:
    """A tensor that is zero but for one entry."""
    spots = [(Selection(dim, None, Dim.of(p)), (at,)) for at, (p, dim) in enumerate(zip(place, dims, strict=True))]
    kept = [(spot, axes) for spot, axes in spots if dims[axes[0]].value != 1]
    return build.product_of([*kept, (entry.straight(), ())], [axes[0] for _, axes in kept])

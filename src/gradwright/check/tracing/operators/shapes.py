"""Operators that rearrange entries, pick some, or put some into place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from gradwright.check.tracing.arguments import Arguments, Constant, Result, Slices
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.sizes import Sizes
from gradwright.check.tracing.values import Untraceable, Value, expand
from gradwright.core import build
from gradwright.core.arithmetic import Array
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.dims import Dim, product
from gradwright.core.nodes import Mask, Node, Selection
from gradwright.core.sums import add, subtract

MOST_PLACES = 16


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
        while _count(source, sizes) != _product(target, sizes):
            smaller = _count(source, sizes)[0] < _product(target, sizes)[0]
            if smaller and before:
                source.append(before.pop(0))
            elif not smaller and after:
                target.append(after.pop(0))
            else:
                raise Untraceable("a reshape that does not follow the axes")
        yield source, _named(source, target, sizes)


def _count(dims: Sequence[Dim], sizes: Sizes) -> tuple[int, ...]:
    return tuple(product(dims).evaluate(point) for point in sizes.points)


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
    runs = [cut(value, axis, Dim.of(place), shape[axis]) for place in range(given.integer("size"))]
    return joined([_unsqueezed(run, value.rank) for run in runs], value.rank, shape)


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
    return joined([_unsqueezed(value, axis) for value in values], axis, given.shape())


def _unsqueezed(value: Value, axis: int) -> Value:
    unit = (*value.unit[:axis], True, *value.unit[axis:])
    return Value(value.node, unit, frozenset(place + (place >= axis) for place in value.flipped))


def joined(values: Sequence[Value], axis: int, dims: Sequence[Dim]) -> Value:
    """The sum of the tensors, each put to its place along an axis."""
    terms, offset = list[Node](), Dim.of(0)
    for value in values:
        part = value.dims[axis]
        terms.append(_placed(value, axis, dims, offset))
        offset = offset + part
    return Value(add(terms), tuple(dim.value == 1 for dim in dims))


def _placed(value: Value, axis: int, dims: Sequence[Dim], offset: Dim) -> Node:
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
        value = _unsqueezed(value, axis)
        return Value(_placed(value, axis, dims, given.offset("index", dims[axis])), _units(dims))
    if given.integer("step") != 1:
        raise Untraceable("a slice with a step")
    return Value(_placed(value, axis, dims, given.offset("start", dims[axis])), _units(dims))


def _units(dims: Sequence[Dim]) -> tuple[bool, ...]:
    return tuple(dim.value == 1 for dim in dims)


@operator("select_scatter", "slice_scatter")
def _scatter(given: Arguments) -> Value:
    """A tensor with a part replaced: what was there is taken away, the new part is put in."""
    base, part = given.tensor("self"), given.tensor("src")
    axis = given.axis("dim", base.rank)
    dims = base.dims
    if "index" in given:
        offset = given.offset("index", dims[axis])
        old, part = _unsqueezed(picked(base, axis, offset), axis), _unsqueezed(part, axis)
    else:
        offset = given.offset("start", dims[axis]) if "start" in given else Dim.of(0)
        if given.integer("step") != 1:
            raise Untraceable("a slice with a step")
        old = cut(base, axis, offset, part.dims[axis])
    put = [_placed(value, axis, dims, offset) for value in (part, old)]
    return Value(add([base.straight(), subtract(*put)]), base.unit)


@operator("diagonal_scatter")
def _diagonal_scatter(given: Arguments) -> Value:
    base, part = given.tensor("self"), given.tensor("src")
    _require_main_diagonal(given)
    rows, columns = _two_axes(given, base)
    labels = list(range(base.rank))
    kept = [axis for axis in labels if axis not in (rows, columns)]
    outer = [label for label in labels if not base.unit[label]]
    spread = build.product_of([(part.straight(), [*kept, rows])], [rows if axis == columns else axis for axis in outer])
    off = _mask((1, 0, 1), (base.dims[rows], base.dims[columns]))
    rest = build.product_of([(base.straight(), outer), (off, (rows, columns))], outer)
    return Value(add([rest, spread]), base.unit)


@operator("flip")
def _flip(given: Arguments) -> Value:
    value = given.tensor("self")
    axes = frozenset(axis for axis in given.axes("dims", value.rank) if not value.unit[axis])
    return Value(value.node, value.unit, value.flipped ^ axes)


def _two_axes(given: Arguments, value: Value) -> tuple[int, int]:
    return given.axis("dim1", value.rank), given.axis("dim2", value.rank)


def _require_main_diagonal(given: Arguments) -> None:
    if given.integer("offset"):
        raise Untraceable(f"a diagonal other than the main one (offset {given.integer('offset')})")


@operator("diagonal", "diagonal_copy", "linalg_diagonal")
def _diagonal(given: Arguments) -> Value:
    """The main diagonal of two axes, put last."""
    value = given.tensor("self")
    _require_main_diagonal(given)
    rows, columns = _two_axes(given, value)
    if (rows in value.flipped) != (columns in value.flipped):
        raise Untraceable("the diagonal of a matrix reversed along one axis (flip)")
    kept = [axis for axis in range(value.rank) if axis not in (rows, columns)]
    labels = [rows if axis == columns else axis for axis in value.axes]
    output = [*(axis for axis in kept if not value.unit[axis]), *([rows] if not value.unit[rows] else [])]
    unit = (*(value.unit[axis] for axis in kept), value.unit[rows])
    if rows not in labels and columns not in labels:
        return Value(value.node, unit)
    flipped = frozenset(place for place, axis in enumerate([*kept, rows]) if axis in value.flipped)
    return Value(build.product_of([(value.node, labels)], output), unit, flipped)


@operator("diag_embed")
def _diag_embed(given: Arguments) -> Value:
    """The last axis as the diagonal of two."""
    value = given.tensor("self")
    _require_main_diagonal(given)
    rank = value.rank + 1
    rows, columns = given.axis("dim1", rank), given.axis("dim2", rank)
    sources = iter(range(value.rank - 1))
    order = [value.rank - 1 if axis in (rows, columns) else next(sources) for axis in range(rank)]
    unit = tuple(value.unit[axis] for axis in order)
    node = build.product_of([(value.straight(), value.axes)], [axis for axis in order if not value.unit[axis]])
    return Value(node, unit)


@operator("diagonal_backward")
def _diagonal_backward(given: Arguments) -> Value:
    value, dims = given.tensor("grad_output"), given.shape()
    _require_main_diagonal(given)
    rows, columns = given.axis("dim1", len(dims)), given.axis("dim2", len(dims))
    sources = iter(range(value.rank - 1))
    order = [value.rank - 1 if axis in (rows, columns) else next(sources) for axis in range(len(dims))]
    if any(value.unit):
        raise Untraceable("the diagonal of a tensor with axes of length 1")
    return Value(build.product_of([(value.straight(), range(value.rank))], order), _units(dims))


@operator("tril", "triu")
def _triangle(given: Arguments) -> Value:
    """A triangle of the last two axes, with or without the diagonal."""
    value, lower = given.tensor("self"), given.operation.name == "aten.tril"
    diagonal = given.integer("diagonal")
    allowed = {0: (1, 1, 0), -1: (1, 0, 0)} if lower else {0: (0, 1, 1), 1: (0, 0, 1)}
    weights = allowed.get(diagonal)
    if weights is None or value.unit[-1] or value.unit[-2]:
        raise Untraceable(f"{'tril' if lower else 'triu'} cut at diagonal {diagonal}")
    return masked(value, weights)


def masked(value: Value, weights: tuple[int, int, int]) -> Value:
    """The last two axes weighed below, on and above the diagonal."""
    node = value.straight()
    labels = range(node.rank)
    mask = _mask(weights, node.shape[-2:])
    return Value(build.product_of([(mask, labels[-2:]), (node, labels)], labels), value.unit)


def _mask(weights: tuple[int, int, int], shape: tuple[Dim, ...]) -> Mask:
    below, on, above = map(Fraction, weights)
    return Mask(below, on, above, shape)


@operator("as_strided", "as_strided_scatter")
def _as_strided(given: Arguments) -> Value:
    """The diagonal of a square matrix by its place in memory, as `fill_diagonal_` reads and writes it."""
    name = "src" if "src" in given else "self"
    base = given.tensor("self")
    rows = [point for point in _lengths(base, 0, given)] if base.rank == 2 and not any(base.unit) else []
    offset = given.operation.arguments["storage_offset"]
    if not rows or given.lengths("size") != (tuple(rows),) or given.lengths("stride") != (tuple(n + 1 for n in rows),):
        raise Untraceable("a tensor read by its layout in memory (as_strided)")
    if offset is not None and given.integer("storage_offset"):
        raise Untraceable("a diagonal other than the main one")
    if name == "self":
        return Value(build.diagonal(base.straight()), (False,))
    return _with_diagonal(base, given.tensor("src"))


def _with_diagonal(base: Value, part: Value) -> Value:
    """A square matrix with another diagonal."""
    off = _mask((1, 0, 1), base.node.shape)
    rest = build.product_of([(base.straight(), (0, 1)), (off, (0, 1))], (0, 1))
    return Value(
        add([rest, build.product_of([(expand(part, base.node.shape[:1]).straight(), (0,))], (0, 0))]), base.unit
    )


@operator("index_put", "_unsafe_index_put", "_index_put_impl")
def _index_put(given: Arguments) -> Value:
    """A tensor with entries at constant places replaced, or added to: on the diagonal, or at a few places."""
    base, values, indices = given.tensor("self"), given.tensor("values"), given.constants("indices")
    tables = [[None if i is None else np.asarray(i.arrays[k]) for i in indices] for k in range(len(given.sizes.points))]
    if any(index is None or index.ndim != 1 or index.dtype == bool for table in tables for index in table):
        raise Untraceable("an assignment to places that are not listed one by one")
    square = base.node.rank == base.rank == len(indices) == 2 and base.dims[0] == base.dims[1]
    counted = [np.arange(n) for n in _lengths(base, 0, given)]
    if square and all(
        np.array_equal(i, n) for table, n in zip(tables, counted, strict=True) for i in table if i is not None
    ):
        if given.flag("accumulate"):
            raise Untraceable("an addition to the diagonal by its indices")
        return _with_diagonal(base, values)
    places = np.stack([index for index in tables[0] if index is not None], axis=1)
    same = all(np.array_equal(places, np.stack([i for i in table if i is not None], axis=1)) for table in tables)
    if not same or len(places) > MOST_PLACES:
        raise Untraceable("an assignment to places that follow no pattern at all sizes")
    spread = expand(values, [Dim.of(len(places)), *base.dims[len(indices) :]])
    for k, place in enumerate(places.tolist()):
        part = picked(spread, 0, Dim.of(k)) if len(places) > 1 else _without_axis(spread)
        base = _with_entry(base, place, part, given.flag("accumulate"))
    return base


def _without_axis(value: Value) -> Value:
    return Value(value.node, value.unit[1:])


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
    if all(np.array_equal(a, np.arange(d)) for a, d in zip(arrays, _lengths(value, axis, given), strict=True)):
        return value
    if all(np.array_equal(a, np.arange(d)[::-1]) for a, d in zip(arrays, _lengths(value, axis, given), strict=True)):
        return Value(value.node, value.unit, value.flipped ^ {axis})
    if any(len(array) > MOST_PLACES or not np.array_equal(array, arrays[0]) for array in arrays):
        raise Untraceable("an index whose places follow no pattern at all sizes")
    dim = value.dims[axis]
    parts = [_unsqueezed(picked(value, axis, Dim.of(int(p)) if p >= 0 else dim + int(p)), axis) for p in arrays[0]]
    return joined(parts, axis, given.shape())


@operator("gather")
def _gather(given: Arguments) -> Value:
    """Entries of a tensor of a fixed shape, each at a constant place along one axis."""
    value = given.tensor("self")
    axis, dims = given.axis("dim", value.rank), given.shape()
    entries = np.ndenumerate(_table(given))
    return Value(
        add([_alone(_entry(value, _moved(place, axis, chosen)), place, dims) for place, chosen in entries]),
        _units(dims),
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
    slices = (_unsqueezed(picked(source, axis, Dim.of(k)), axis) for k in range(len(_table(given))))
    added = [_placed(part, axis, dims, Dim.of(int(p))) for part, p in zip(slices, _table(given), strict=True)]
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


def _lengths(value: Value, axis: int, given: Arguments) -> tuple[int, ...]:
    return tuple(value.dims[axis].evaluate(point) for point in given.sizes.points)


def _entries(value: Value, axes: Sequence[int], indices: Sequence[Constant], given: Arguments) -> Value:
    """Single entries by all their indices, at the same few places at every size."""
    if len({array.shape for i in indices for array in i.arrays[:1]}) > 1:
        raise Untraceable("an index by tensors of different shapes")
    tables = [np.stack([np.asarray(i.arrays[k]) for i in indices]) for k in range(len(given.sizes.points))]
    triangle = [np.stack(np.triu_indices(n)) for n in _lengths(value, 0, given)]
    if value.node.rank == len(axes) == 2 and value.dims[0] == value.dims[1]:
        # The upper triangle row by row is the lower triangle of the transpose column by column.
        for turned, matrix in ((1, build.transpose(value.straight())), (-1, value.straight())):
            if all(np.array_equal(table[::turned], t) for table, t in zip(tables, triangle, strict=True)):
                return Value(build.half_vectorise(matrix), (False,))
    same = all(table.shape == tables[0].shape and np.array_equal(table, tables[0]) for table in tables)
    if len(axes) != value.rank or tables[0].ndim != 2 or not same or tables[0].shape[1] > MOST_PLACES:
        raise Untraceable("an index by several tensors whose places follow no pattern at all sizes")
    parts = [_entry(value, [int(p) for p in column]) for column in tables[0].T]
    return joined([_unsqueezed(part, 0) for part in parts], 0, given.shape())


def _entry(value: Value, places: Sequence[int]) -> Value:
    for place in places:
        dim = value.dims[0]
        value = picked(value, 0, Dim.of(place) if place >= 0 else dim + place)
    return value

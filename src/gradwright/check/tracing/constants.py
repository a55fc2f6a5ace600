"""Constant tensors of a trace, recognised from their entries.

A constant is known by its arrays at every point. Recognised are tensors with one entry throughout, what is
constant along an axis, the identity and weighted triangles, basis vectors and shifted identities, evenly
spaced vectors, and small tensors of a fixed shape entry by entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from gradwright.check.tracing.sizes import Sizes, exact_number
from gradwright.check.tracing.values import Untraceable, Value
from gradwright.core import build
from gradwright.core.arithmetic import Array, is_finite
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.dims import Dim
from gradwright.core.nodes import Mask, Node, Selection
from gradwright.core.sums import add

MOST_ENTRIES = 16
LARGEST_DENOMINATOR = 1000


def recognise(arrays: Sequence[Array], sizes: Sizes) -> Value:
    """The constant tensor that has these values at the points of a trace.

    Raises:
        Untraceable: it follows no pattern of the language.
    """
    shapes = [array.shape for array in arrays]
    lengths = list(zip(*shapes, strict=True))
    unit = tuple(all(length == 1 for length in axis) for axis in lengths)
    dims = [_dim(axis, sizes) for axis, one in zip(lengths, unit, strict=True) if not one]
    node = _recognised([_without_unit_axes(array, unit) for array in arrays], dims, sizes)
    if node is None:
        shape = " × ".join(map(str, shapes[0])) or "scalar"
        raise Untraceable(
            f"a constant tensor ({shape}) that follows no pattern: a captured parameter or data; pass it as an argument"
        )
    return Value(node, unit)


def _without_unit_axes(array: Array, unit: Sequence[bool]) -> Array:
    """The entries that count, truth values as 0 and 1."""
    kept = [length for length, one in zip(array.shape, unit, strict=True) if not one]
    return np.asarray(array.reshape(kept).astype(float) if array.dtype == bool else array.reshape(kept))


def _dim(lengths: Sequence[int], sizes: Sizes) -> Dim:
    dim = sizes.dim(lengths)
    if dim is None:
        raise Untraceable(f"an axis whose length ({lengths[0]}) is not made of the dimensions of the inputs")
    return dim


def _recognised(arrays: list[Array], dims: list[Dim], sizes: Sizes) -> Node | None:
    if any(array.size == 0 or not is_finite(array) for array in arrays):
        return None
    entry = _common_entry(arrays, sizes)
    if entry is not None:
        return build.spread(entry, tuple(dims))
    for axis in range(len(dims)):
        if all(_constant_along(array, axis) for array in arrays):
            return _repeated(arrays, dims, sizes, axis)
    patterns = {1: (_basis_vector, _evenly_spaced), 2: (_triangles, _placement)}.get(len(dims), ())
    found = (pattern(arrays, dims, sizes) for pattern in (*patterns, _entry_by_entry))
    return next((node for node in found if node is not None), None)


def _common_entry(arrays: list[Array], sizes: Sizes) -> Node | None:
    if any(np.any(array != array.flat[0]) for array in arrays):
        return None
    return sizes.scalar([array.flat[0].item() for array in arrays])


def _constant_along(array: Array, axis: int) -> bool:
    return bool(np.all(array == np.take(array, [0], axis=axis)))


def _repeated(arrays: list[Array], dims: list[Dim], sizes: Sizes, axis: int) -> Node | None:
    """What is constant along an axis, from the rest."""
    rest = _recognised([np.take(array, 0, axis=axis) for array in arrays], dims[:axis] + dims[axis + 1 :], sizes)
    if rest is None:
        return None
    labels = [label for label in range(len(dims)) if label != axis]
    return contract(1, [plain(rest, labels)], simple(range(len(dims))), dict(enumerate(dims)))


def _basis_vector(arrays: list[Array], dims: list[Dim], sizes: Sizes) -> Node | None:
    places = [np.flatnonzero(array) for array in arrays]
    if any(len(place) != 1 for place in places):
        return None
    value = sizes.scalar([array[place[0]].item() for array, place in zip(arrays, places, strict=True)])
    offset = sizes.dim([int(place[0]) for place in places])
    return None if value is None or offset is None else build.multiply(value, Selection(dims[0], None, offset))


def _evenly_spaced(arrays: list[Array], dims: list[Dim], sizes: Sizes) -> Node | None:
    """`first + step · i`, the place i being a running sum of ones less one."""
    steps = [array[1] - array[0] for array in arrays]
    for array, step in zip(arrays, steps, strict=True):
        if not np.allclose(np.diff(array), step, rtol=0, atol=1e-12 * abs(step)):
            return None
    starts = [array[0] - step for array, step in zip(arrays, steps, strict=True)]
    step, start = (sizes.scalar([value.item() for value in values]) for values in (steps, starts))
    if step is None or start is None:
        return None
    counted = build.cumulative_sum(build.ones(dims), 0)
    return build.plus(build.multiply(step, counted), start)


def _triangles(arrays: list[Array], dims: list[Dim], sizes: Sizes) -> Node | None:
    """A matrix with one value below, one on and one above the diagonal."""
    weights: list[Fraction] = []
    for choose in (lambda r, c: r > c, lambda r, c: r == c, lambda r, c: r < c):
        entries = [array[choose(*np.indices(array.shape))] for array in arrays]
        values = {entry for chosen in entries for entry in chosen.tolist()}
        weight = build.as_number(exact_number(values.pop())) if len(values) == 1 else None
        if weight is None:
            return None
        weights.append(weight)
    below, on, above = weights
    return build.product_of([(Mask(below, on, above, tuple(dims)), (0, 1))], (0, 1))


def _placement(arrays: list[Array], dims: list[Dim], sizes: Sizes) -> Node | None:
    """Ones along one diagonal that runs through every column, or through every row."""
    for transposed in (False, True):
        turned = [array.T if transposed else array for array in arrays]
        rows = [np.flatnonzero(array[:, 0]) for array in turned]
        if any(len(row) != 1 for row in rows):
            continue
        offsets = [int(row[0]) for row in rows]
        if all(np.array_equal(a, np.eye(*a.shape, k=-offset)) for a, offset in zip(turned, offsets, strict=True)):
            offset = sizes.dim(offsets)
            whole, part = dims[::-1] if transposed else dims
            if offset is not None and all(a.shape[1] + o <= a.shape[0] for a, o in zip(turned, offsets, strict=True)):
                place = Selection(whole, part, offset)
                return build.transpose(place) if transposed else place
    return None


def _entry_by_entry(arrays: list[Array], dims: list[Dim], sizes: Sizes) -> Node | None:
    """A small tensor of a fixed shape: the sum of its entries, each at its place."""
    first = arrays[0]
    fixed = all(dim.value is not None for dim in dims)
    if not fixed or first.size > MOST_ENTRIES or any(not np.array_equal(array, first) for array in arrays):
        return None
    numbers = [build.as_number(exact_number(value.item())) for value in first.flat]
    if any(number is None or number.denominator > LARGEST_DENOMINATOR for number in numbers):
        return None
    return add([_placed(exact_number(value.item()), place, dims) for place, value in np.ndenumerate(first) if value])


def _placed(value: Node, place: Sequence[int], dims: Sequence[Dim]) -> Node:
    factors: list[tuple[Node, Sequence[int]]] = [(value, ())]
    for axis, (dim, at) in enumerate(zip(dims, place, strict=True)):
        factors.append((Selection(dim, None, Dim.of(at)), (axis,)))
    return build.product_of(factors, range(len(dims)))

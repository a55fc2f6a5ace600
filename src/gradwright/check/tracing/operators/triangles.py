"""Operators on the diagonals and triangles of matrices."""

from __future__ import annotations

from fractions import Fraction

from gradwright.check.tracing.arguments import Arguments
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.values import Untraceable, Value, expand
from gradwright.core import build
from gradwright.core.dims import Dim
from gradwright.core.nodes import Mask
from gradwright.core.sums import add


@operator("diagonal", "diagonal_copy", "linalg_diagonal")
def _diagonal(given: Arguments) -> Value:
    """The main diagonal of two axes, put last."""
    value = given.tensor("self")
    _require_main_diagonal(given)
    rows, columns = _two_axes(given, value.rank)
    if value.dims[rows] != value.dims[columns]:
        raise Untraceable("the diagonal of a matrix that is not square")
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


@operator("diag_embed", "diagonal_backward")
def _diag_embed(given: Arguments) -> Value:
    """The last axis as the diagonal of two."""
    _require_main_diagonal(given)
    part = given.tensor("self" if "self" in given else "grad_output")
    return _embedded(part, given)


@operator("diagonal_scatter")
def _diagonal_scatter(given: Arguments) -> Value:
    """A tensor with another diagonal of two axes."""
    base = given.tensor("self")
    _require_main_diagonal(given)
    diagonal = _embedded(given.tensor("src"), given)
    rows, columns = _two_axes(given, base.rank)
    if base.unit[rows]:
        return diagonal
    off = _mask((1, 0, 1), (base.dims[rows], base.dims[columns]))
    rest = build.product_of([(base.straight(), base.axes), (off, (rows, columns))], base.axes)
    return Value(add([rest, diagonal.node]), base.unit)


def _embedded(value: Value, given: Arguments) -> Value:
    """A tensor of the shape of the result that is zero but for the diagonal of two axes."""
    dims = given.shape()
    rows, columns = _two_axes(given, len(dims))
    if dims[rows] != dims[columns]:
        raise Untraceable("the diagonal of a matrix that is not square")
    sources = iter(range(value.rank - 1))
    order = [value.rank - 1 if axis in (rows, columns) else next(sources) for axis in range(len(dims))]
    node = build.product_of([(value.straight(), value.axes)], [axis for axis in order if not value.unit[axis]])
    return Value(node, tuple(value.unit[axis] for axis in order))


@operator("as_strided", "as_strided_scatter")
def _as_strided(given: Arguments) -> Value:
    """The diagonal of a square matrix by its place in memory, as `fill_diagonal_` reads and writes it."""
    base = given.tensor("self")
    rows = given.sizes.of(base.dims[0]) if base.rank == 2 and not any(base.unit) else ()
    offset = given.operation.arguments["storage_offset"]
    if not rows or given.lengths("size") != (rows,) or given.lengths("stride") != (tuple(n + 1 for n in rows),):
        raise Untraceable("a tensor read by its layout in memory (as_strided)")
    if offset is not None and given.integer("storage_offset"):
        raise Untraceable("a diagonal other than the main one")
    if "src" in given:
        return with_diagonal(base, given.tensor("src"))
    return Value(build.diagonal(base.straight()), (False,))


def with_diagonal(base: Value, part: Value) -> Value:
    """A square matrix with another diagonal."""
    off = _mask((1, 0, 1), base.node.shape)
    rest = build.product_of([(base.straight(), (0, 1)), (off, (0, 1))], (0, 1))
    spread = expand(part, base.node.shape[:1]).straight()
    return Value(add([rest, build.product_of([(spread, (0,))], (0, 0))]), base.unit)


def _two_axes(given: Arguments, rank: int) -> tuple[int, int]:
    return given.axis("dim1", rank), given.axis("dim2", rank)


def _require_main_diagonal(given: Arguments) -> None:
    if given.integer("offset"):
        raise Untraceable(f"a diagonal other than the main one (offset {given.integer('offset')})")


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

"""The elementary operations on nodes: what the operators and the parts of the language stand for.

Every function here checks shapes by dimension name, and its error names both shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.contraction import conjugate, contract, plain, scale, simple, zero
from gradwright.core.dims import Dim
from gradwright.core.nodes import (
    Constant,
    Contract,
    Factor,
    Group,
    HalfVectorisation,
    Mask,
    Node,
    Selection,
    Shape,
    Size,
)
from gradwright.core.primitive import shape_text
from gradwright.core.sums import add
from gradwright.errors import DimensionMismatchError, ShapeError


def number(value: Fraction | int) -> Node:
    """A scalar constant."""
    return contract(value, (), (), {})


def as_number(node: Node) -> Fraction | None:
    """The rational number that a node is, or None."""
    if isinstance(node, Contract) and not node.factors and not node.output:
        return node.coefficient
    return None


def size(dim: Dim) -> Node:
    """A dimension as a number; a product of dimensions is a product of numbers."""
    if len(dim.terms) != 1:
        return Size(dim) if dim.terms else number(0)
    ((names, coefficient),) = dim.terms
    return contract(coefficient, [Factor(Size(Dim.of(name)), ()) for name in names], (), {})


def constant(name: str) -> Node:
    """`pi`, or `i`."""
    return Constant(name)


def identity(dim: Dim) -> Node:
    """The identity matrix."""
    return contract(1, (), ((0,), (0,)), {0: dim})


def is_identity(node: Node) -> bool:
    """Whether a tensor is an identity matrix."""
    return node.is_square and node == identity(node.shape[0])


def ones(shape: Sequence[Dim]) -> Node:
    """The tensor of ones."""
    return contract(1, (), simple(range(len(shape))), dict(enumerate(shape)))


def zeros(shape: Sequence[Dim]) -> Node:
    """The tensor of zeros."""
    return zero(tuple(shape))


def product_of(
    factors: Sequence[tuple[Node, Sequence[int]]],
    output: Sequence[int],
    coefficient: Fraction | int = 1,
) -> Node:
    """A contraction with one label on each axis; the labels' dimensions come from the factors."""
    dims: dict[int, Dim] = {}
    for node, labels in factors:
        for label, dim in zip(labels, node.shape, strict=True):
            require_equal(dims.setdefault(label, dim), dim, "in a product")
    placed = [plain(node, labels) for node, labels in factors]
    return contract(coefficient, placed, simple(output), dims)


def permute(node: Node, axes: Sequence[int]) -> Node:
    """The axes in another order: axis `i` of the result is axis `axes[i]` of the node."""
    return product_of([(node, range(node.rank))], axes)


def transpose(node: Node) -> Node:
    """The transpose of a matrix."""
    if node.rank != 2:
        instead = {
            0: ": leave it out",
            1: ", and a vector is neither row nor column: x @ y is xᵀ y, and outer(x, y) is x yᵀ",
        }.get(node.rank, ": einsum gives the axes of a tensor another order")
        raise ShapeError(f"only a matrix has a transpose; this is {shape_text(node.shape)}{instead}")
    return permute(node, (1, 0))


def adjoint(node: Node) -> Node:
    """The conjugate transpose of a matrix."""
    return conjugate(transpose(node))


def group_axes(node: Node, groups: Sequence[Sequence[int]]) -> Node:
    """Several axes made one, first axis slowest: `((0, 1),)` flattens a matrix row by row."""
    dims = dict(enumerate(node.shape))
    return contract(1, [plain(node, range(node.rank))], tuple(map(tuple, groups)), dims)


def split_axis(node: Node, shapes: Sequence[Sequence[Dim]]) -> Node:
    """Every axis split into the given dimensions, first slowest."""
    groups: list[Group] = []
    dims: dict[int, Dim] = {}
    for part in shapes:
        labels = tuple(range(len(dims), len(dims) + len(part)))
        dims.update(zip(labels, part, strict=True))
        groups.append(labels)
    return contract(1, [Factor(node, tuple(groups))], simple(range(len(dims))), dims)


def matmul(left: Node, right: Node) -> Node:
    """`A @ B`, with NumPy's meaning for vectors and for leading batch axes."""
    if not left.rank or not right.rank:
        raise ShapeError(
            f"'@' multiplies matrices and vectors, but one side is a scalar "
            f"({shape_text(left.shape)} and {shape_text(right.shape)}); write '*' to scale"
        )
    inner_left, inner_right = left.shape[-1], right.shape[-2 if right.rank > 1 else -1]
    _require_same(inner_left, inner_right, "'@' contracts", left.shape, right.shape)
    batch = max(left.rank - 2, right.rank - 2, 0)
    row, inner, column = batch, batch + 1, batch + 2
    left_labels = [*range(batch - max(left.rank - 2, 0), batch), *([row] if left.rank > 1 else []), inner]
    right_labels = [*range(batch - max(right.rank - 2, 0), batch), inner, *([column] if right.rank > 1 else [])]
    kept = [label for label in (*range(batch), row, column) if label in left_labels + right_labels]
    _check_batch(left, right, left_labels, right_labels)
    return product_of([(left, left_labels), (right, right_labels)], kept)


def _check_batch(left: Node, right: Node, a: list[int], b: list[int]) -> None:
    dims = dict(zip(a, left.shape, strict=True))
    for label, dim in zip(b, right.shape, strict=True):
        if label in dims:
            _require_same(dims[label], dim, "'@' pairs", left.shape, right.shape)


def multiply(left: Node, right: Node) -> Node:
    """`a * b`, entry by entry; a scalar is spread."""
    shape = common_shape(left, right, "'*'")
    labels = range(len(shape))
    factors = [plain(node, labels if node.rank else ()) for node in (left, right)]
    return contract(1, factors, simple(labels), dict(enumerate(shape)))


def plus(left: Node, right: Node, operator: str = "'+'") -> Node:
    """`a + b`; a scalar is spread."""
    shape = common_shape(left, right, operator)
    return add([spread(left, shape), spread(right, shape)])


def minus(left: Node, right: Node) -> Node:
    """`a - b`; a scalar is spread."""
    return plus(left, scale(-1, right), "'-'")


def spread(node: Node, shape: Shape) -> Node:
    """A scalar repeated to a shape; a tensor of that shape is left alone."""
    if node.shape == tuple(shape):
        return node
    return contract(1, [plain(node, ())], simple(range(len(shape))), dict(enumerate(shape)))


def repeated(node: Node, batch: Shape) -> Node:
    """A tensor repeated along new axes in front of its own."""
    if not batch:
        return node
    labels = range(len(batch) + node.rank)
    dims = dict(enumerate((*batch, *node.shape)))
    return contract(1, [plain(node, labels[len(batch) :])], simple(labels), dims)


def common_shape(left: Node, right: Node, operator: str) -> Shape:
    """The shape of an elementwise operation: scalars spread, all else must be equal."""
    if not left.rank or not right.rank:
        return left.shape or right.shape
    if left.rank != right.rank:
        product = "@ for the product of matrices and vectors, or " if operator == "'*'" else ""
        raise ShapeError(
            f"{operator} works entry by entry, but the shapes are {shape_text(left.shape)} and "
            f"{shape_text(right.shape)}; only scalars are spread: write {product}the repetition out, "
            f"for instance outer(ones(n), b)"
        )
    for a, b in zip(left.shape, right.shape, strict=True):
        _require_same(a, b, f"{operator} works entry by entry on", left.shape, right.shape)
    return left.shape


def trace(node: Node) -> Node:
    """The sum of the diagonal of a square matrix."""
    require_square(node, "trace")
    return product_of([(node, (0, 0))], ())


def diagonal(node: Node) -> Node:
    """The diagonal of a square matrix, as a vector."""
    require_square(node, "diagonal")
    return product_of([(node, (0, 0))], (0,))


def diag(node: Node) -> Node:
    """The diagonal matrix with a vector on its diagonal."""
    if node.rank != 1:
        raise ShapeError(
            f"diag makes a diagonal matrix of a vector; this is {shape_text(node.shape)} "
            f"(the diagonal of a matrix is diagonal(M))"
        )
    return product_of([(node, (0,))], (0, 0))


def outer(left: Node, right: Node) -> Node:
    """`S ⊗ T`: the axes of S, then those of T."""
    labels = range(left.rank + right.rank)
    return product_of([(left, labels[: left.rank]), (right, labels[left.rank :])], labels)


def kron(left: Node, right: Node) -> Node:
    """The Kronecker product of two matrices, or of two vectors."""
    if left.rank != right.rank or not left.rank:
        raise ShapeError(
            f"kron takes two matrices or two vectors; these are {shape_text(left.shape)} and {shape_text(right.shape)}"
        )
    rank = left.rank
    groups = tuple((axis, axis + rank) for axis in range(rank))
    dims = dict(enumerate((*left.shape, *right.shape)))
    factors = [plain(left, range(rank)), plain(right, range(rank, 2 * rank))]
    return contract(1, factors, groups, dims)


def vec(node: Node) -> Node:
    """The columns of a matrix stacked, first column first."""
    if node.rank != 2:
        raise ShapeError(f"vec stacks the columns of a matrix; this is {shape_text(node.shape)}")
    return group_axes(node, [(1, 0)])


def sum_axes(node: Node, axes: Sequence[int] | None = None) -> Node:
    """The sum over some axes, or over all."""
    summed = range(node.rank) if axes is None else axes
    kept = [axis for axis in range(node.rank) if axis not in summed]
    return product_of([(node, range(node.rank))], kept)


def masked(node: Node, below: Fraction | int, on: Fraction | int, above: Fraction | int) -> Node:
    """A matrix weighed by where its entries stand; `(1, 1, 0)` keeps the lower triangle."""
    if node.rank != 2:
        raise ShapeError(f"only a matrix has triangles; this is {shape_text(node.shape)}")
    mask = Mask(Fraction(below), Fraction(on), Fraction(above), node.shape)
    return product_of([(mask, (0, 1)), (node, (0, 1))], (0, 1))


def cumulative_sum(node: Node, axis: int) -> Node:
    """Running sums along an axis."""
    dim = node.shape[axis]
    mask = Mask(Fraction(1), Fraction(1), Fraction(0), (dim, dim))
    labels = list(range(node.rank))
    inside = [node.rank if place == axis else place for place in labels]
    return product_of([(mask, (axis, node.rank)), (node, inside)], labels)


Range = tuple[Dim | None, Dim | None]


def subscript(node: Node, places: Sequence[int | Range]) -> Node:
    """Entries, and ranges from a start up to a stop, of the first axes; a negative number counts from the end."""
    if len(places) > node.rank:
        many = "there is an index" if len(places) == 1 else f"there are indices for {len(places)} axes"
        axes = "1 axis" if node.rank == 1 else f"{node.rank} axes"
        raise ShapeError(f"{many}, and the tensor has {axes}: {shape_text(node.shape)}")
    axis = 0
    for place in places:
        if isinstance(place, int):
            node = index(node, axis, place)
        else:
            whole, (start, stop) = node.shape[axis], place
            node = slice_axis(node, axis, _bound(start, Dim.of(0), whole), _bound(stop, whole, whole))
            axis += 1
    return node


def _bound(bound: Dim | None, default: Dim, whole: Dim) -> Dim:
    if bound is None:
        return default
    return whole + bound if bound.value is not None and bound.value < 0 else bound


def index(node: Node, axis: int, place: int) -> Node:
    """One entry along an axis; a negative place counts from the end."""
    dim = node.shape[axis]
    offset = Dim.of(place) if place >= 0 else dim + place
    length = dim.value
    if length is not None and not -length <= place < length:
        raise ShapeError(f"index {place} is outside an axis of length {length}")
    labels = list(range(node.rank))
    chosen = Selection(dim, None, offset)
    return product_of([(node, labels), (chosen, (axis,))], [a for a in labels if a != axis])


def slice_axis(node: Node, axis: int, start: Dim, stop: Dim) -> Node:
    """The entries from start up to stop along an axis."""
    if start == Dim.of(0) and stop == node.shape[axis]:
        return node
    _require_range(start, stop, node.shape[axis])
    labels = list(range(node.rank))
    output = [node.rank if a == axis else a for a in labels]
    cut = Selection(node.shape[axis], stop - start, start)
    return product_of([(node, labels), (cut, (axis, node.rank))], output)


def _require_range(start: Dim, stop: Dim, length: Dim) -> None:
    """Refuse what no size makes a range of the axis."""
    inside = not start.is_smaller_than(Dim.of(0)) and not length.is_smaller_than(stop)
    if not inside or stop.is_smaller_than(start):
        fault = "ends before it starts" if inside else f"is outside an axis of length {length}"
        raise ShapeError(f"the range {start}:{stop} {fault}")


def concatenate(nodes: Sequence[Node], axis: int) -> Node:
    """Tensors one after the other along an axis."""
    if len(nodes) == 1:
        return nodes[0]
    whole = sum((node.shape[axis] for node in nodes), Dim.of(0))
    offset, terms = Dim.of(0), list[Node]()
    for node in nodes:
        _require_parallel(nodes[0], node, axis)
        labels = list(range(node.rank))
        output = [node.rank if a == axis else a for a in labels]
        place = Selection(whole, node.shape[axis], offset)
        terms.append(product_of([(place, (node.rank, axis)), (node, labels)], output))
        offset = offset + node.shape[axis]
    return add(terms)


def block_matrix(rows: Sequence[Sequence[Node]]) -> Node:
    """Matrices, vectors and numbers side by side in rows; a vector is a row of its own, a number an entry."""
    shapes = [[_as_matrix(cell) for cell in row] for row in rows]
    whole = [_row_shape(row) for row in shapes]
    for shape in whole:
        _require_same(whole[0][1], shape[1], "block joins rows", whole[0], shape)
    height = sum((row for row, _ in whole), Dim.of(0))
    terms, down = list[Node](), Dim.of(0)
    for row, row_shapes in zip(rows, shapes, strict=True):
        along = Dim.of(0)
        for cell, (high, wide) in zip(row, row_shapes, strict=True):
            terms.append(_placed_cell(cell, (height, high, down), (whole[0][1], wide, along)))
            along = along + wide
        down = down + row_shapes[0][0]
    return add(terms)


def entries_and_vectors(parts: Sequence[Node]) -> Node:
    """Vectors and numbers one after the other."""
    lengths = [part.shape[0] if part.rank else Dim.of(1) for part in parts]
    whole, offset, terms = sum(lengths, Dim.of(0)), Dim.of(0), list[Node]()
    for part, length in zip(parts, lengths, strict=True):
        terms.append(_placed_cell(part, (whole, length, offset)))
        offset = offset + length
    return add(terms)


def _as_matrix(cell: Node) -> Shape:
    if cell.rank > 2:
        raise ShapeError(f"block takes numbers, vectors and matrices, and one of these is {shape_text(cell.shape)}")
    return (*[Dim.of(1)] * (2 - cell.rank), *cell.shape)


def _row_shape(row: Sequence[Shape]) -> Shape:
    column = "; a vector is a row, and outer(x, ones(1)) its column" if any(h == Dim.of(1) for h, _ in row) else ""
    for shape in row:
        _require_same(row[0][0], shape[0], "block joins in one row", row[0], shape, column)
    return row[0][0], sum((wide for _, wide in row), Dim.of(0))


def _placed_cell(cell: Node, *axes: tuple[Dim, Dim, Dim]) -> Node:
    """A cell in its place: `S M Tᵀ` for a matrix, with a basis vector for an axis that the cell has not."""
    rank = len(axes)
    held = range(rank - cell.rank, rank)
    factors, output, dims = [plain(cell, held)], list(range(rank)), dict(zip(held, cell.shape, strict=True))
    for axis, (whole, part, offset) in enumerate(axes):
        output[axis] = axis if whole == part else axis + rank
        dims[output[axis]] = whole
        if whole != part:
            length, inner = (part, (axis,)) if axis in held else (None, ())
            factors.insert(axis, plain(Selection(whole, length, offset), (axis + rank, *inner)))
    return contract(1, factors, simple(output), dims)


def half_vectorise(node: Node) -> Node:
    """The lower triangle with its diagonal, column by column."""
    require_square(node, "vech")
    tensor = HalfVectorisation(node.shape[0])
    return product_of([(tensor, (0, 1, 2)), (node, (1, 2))], (0,))


def require_square(node: Node, function: str) -> None:
    """Refuse what is not a square matrix."""
    if node.rank != 2:
        raise ShapeError(f"{function} takes a square matrix; this is {shape_text(node.shape)}")
    rows, columns = node.shape
    if rows != columns:
        raise DimensionMismatchError(f"{function} takes a square matrix, but this is {rows} × {columns}", rows, columns)


def require_equal(left: Dim, right: Dim, where: str) -> None:
    """Refuse two dimensions that are not known to be equal."""
    if left != right:
        raise DimensionMismatchError(f"{left} and {right} are different dimensions {where}", left, right)


def _require_same(a: Dim, b: Dim, what: str, left: Shape, right: Shape, remedy: str = "") -> None:
    if a != b:
        raise DimensionMismatchError(
            f"{what} {shape_text(left)} and {shape_text(right)}, "
            f"but {a} and {b} are different dimensions{remedy}", a, b,
        )  # fmt: skip


def _require_parallel(first: Node, other: Node, axis: int) -> None:
    if first.rank != other.rank:
        raise ShapeError(
            f"concatenate takes tensors with the same number of axes; these are "
            f"{shape_text(first.shape)} and {shape_text(other.shape)}"
        )
    for place, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)):
        if place != axis:
            _require_same(a, b, "concatenate joins", first.shape, other.shape)

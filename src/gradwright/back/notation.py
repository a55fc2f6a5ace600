"""What vectors and matrices are written with: inner and outer products, traces, diagonals, sums, named constants.

Of several ways to write one, such as the turns of a trace, the one with a direction last and few transposes is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial

from gradwright.back.algebra import (
    column_times_row,
    linear,
    multiplied,
    sign_in_front,
    split_number,
    transposed,
    transposed_factors,
    with_fewer_transposes,
)
from gradwright.back.formula import (
    BasisVector,
    Call,
    Conjugated,
    Formula,
    MaskMatrix,
    MatrixProduct,
    Name,
    Place,
    Transposed,
    factors_of,
    is_call,
)
from gradwright.back.masks import is_running_sum, masked_product, turns
from gradwright.back.products import is_part, product, sliced
from gradwright.core.dims import Dim
from gradwright.core.greek import latex_of_name


def outer_product(left: Formula, right: Formula) -> Formula:
    """`x yᵀ`, the scalars of both in front."""
    return linear(lambda x: linear(lambda y: column_times_row(x, y), right), left)


def hadamard(left: Formula, right: Formula) -> Formula:
    """The elementwise product of two matrices; of a matrix and a mask, the masked matrix."""
    for mask, other in ((left, right), (right, left)):
        if isinstance(mask, MaskMatrix):
            return linear(partial(masked_product, mask.weights), other)
    return multiplied(Fraction(1), (left, right), (), 2)


def diagonal_of(matrix: Formula) -> Formula:
    """The diagonal of a matrix, as a vector."""
    if is_call(matrix, "diag"):
        return matrix.arguments[0]
    return linear(lambda inside: Call(1, True, "diagonal", (inside,)), matrix)


def diagonal_matrix(vector: Formula) -> Formula:
    """The diagonal matrix of a vector."""
    return linear(lambda inside: Call(2, True, "diag", (inside,)), vector)


def trace_of(matrix: Formula) -> Formula:
    """The trace, cyclically turned or transposed: a direction last, else with few transposes."""
    return linear(_trace, matrix)


def _trace(matrix: Formula) -> Formula:
    best = matrix
    if isinstance(matrix, MatrixProduct):
        turned = transposed(matrix)
        both = [matrix, turned] if isinstance(turned, MatrixProduct) else [matrix]
        best = min((r for m in both for r in _rotations(m)), key=_reading_cost)
    return Call(0, True, "trace", (best,), text="tr({0})", latex=r"\operatorname{tr}\left({0}\right)")


def _rotations(matrix: MatrixProduct) -> list[Formula]:
    """The cyclic orders of a product; without a direction, a part or a power across its ends only the one it has."""
    turned = matrix.has_direction or any(map(is_part, matrix.factors)) or _ends_alike(matrix)
    count = len(matrix.factors) if turned else 1
    return [product((*matrix.factors[k:], *matrix.factors[:k])) for k in range(count)]


def _ends_alike(formula: Formula) -> bool:
    """Whether a product begins and ends with the same matrix, the trace of `A B A`: that of `A² B`."""
    return isinstance(formula, MatrixProduct) and len(formula.factors) > 2 and formula.factors[0] == formula.factors[-1]


def _reading_cost(formula: Formula) -> tuple[int, int, int, int]:
    """A plain direction stands last, a conjugate transposed one first; then few selections, powers, few transposes."""
    factors: tuple[Formula, ...] = factors_of(formula)
    first, last = factors[0], factors[-1]
    if not last.has_direction and last.rank == 1 and len(factors) > 1:
        last = factors[-2]
    adjoint = first.has_direction and isinstance(first, Transposed) and first.conj
    badly = formula.has_direction and not adjoint and (not last.has_direction or isinstance(last, Transposed))
    return int(badly or isinstance(last, Conjugated)), sum(map(is_part, factors)), _ends_alike(formula), turns(formula)


def sum_of(vector: Formula) -> Formula:
    """The sum of the entries; of row sums, that of the matrix."""
    return linear(_total, vector)


def _total(vector: Formula) -> Formula:
    if is_call(vector, "diagonal"):
        return trace_of(vector.arguments[0])
    if is_call(vector, "sum") and vector.keywords and vector.arguments[0].rank == 2:
        return sum_of(vector.arguments[0])
    return Call(0, True, "sum", (with_fewer_transposes(vector) if vector.rank == 2 else vector,))


def norm_of(tensor: Formula) -> Formula:
    """`‖T‖`, of all entries."""
    return Call(0, True, "norm", (tensor,), text="‖{0}‖", latex=r"\left\lVert {0} \right\rVert")


def inner_product(left: Formula, right: Formula) -> Formula:
    """`xᵀ y`, with matrices in between opened: `xᵀ A y`, and scalars in front."""
    return linear(lambda x: linear(lambda y: _inner(x, y), right), left)


def _inner(left: Formula, right: Formula) -> Formula:
    parts = sliced([*transposed_factors(factors_of(left)), *factors_of(right)])
    forward = sign_in_front(MatrixProduct(0, True, tuple(parts)))
    return min(forward, sign_in_front(MatrixProduct(0, True, transposed_factors(parts))), key=_inner_cost)


def _inner_cost(formula: Formula) -> tuple[int, int]:
    """A direction stands untransposed and not first, but for a conjugated one: `dxᴴ A x`; then few transposes."""
    formula = split_number(formula)[1]
    assert isinstance(formula, MatrixProduct)
    first = formula.factors[0]
    conjugated = any(f.has_direction and isinstance(f, Conjugated) for f in formula.factors[1:])
    badly = any(f.has_direction and isinstance(f, Transposed) and not f.conj for f in formula.factors)
    leads = first.has_direction and not isinstance(first, Conjugated)
    return int(badly or leads or conjugated), turns(formula)


def times_vector(matrix: Formula, vector: Formula) -> Formula:
    """A matrix times a vector; a square mask of ones gives running sums, as many as there are entries."""
    if is_running_sum(matrix):
        return Call(1, True, "cumsum", (vector,))
    if is_call(matrix, "diag"):
        return multiplied(Fraction(1), (matrix.arguments[0], vector), (), 1)
    return product((matrix, vector))


def ones(dims: Sequence[Dim]) -> Formula:
    """A vector or matrix of ones."""
    listed = ", ".join(map(str, dims))
    return Name(len(dims), len(dims) < 2 or dims[0] == dims[1], "1", f"ones({listed})", r"\mathbf{1}")


def identity(dim: Dim) -> Formula:
    """The identity matrix."""
    return Name(2, True, "I", f"eye({dim})", "I")


def size_formula(dim: Dim) -> Formula:
    """A dimension as a number."""
    text = str(dim)
    simple = dim.name is not None or dim.value is not None
    shown = text if simple else f"({text})"
    return Name(0, True, shown, shown, latex_of_name(text) if simple else shown)


def basis_vector(dim: Dim, entry: str, start: Dim | None = None) -> Formula:
    """A column of the identity matrix, by what is written for its place, which is a number unless it is given."""
    number = entry.removeprefix("-")
    if start is None and number.isdigit():
        start = dim - int(number) if entry != number else Dim.of(int(number))
    place = None if start is None else Place(start, Dim.of(1), dim)
    index = entry if start is None or entry == number else str(start).replace(" ", "")  # e_-1 reads as e − 1
    shown = index if index.isidentifier() or index.isdigit() else f"({index.replace('-', '−')})"
    return BasisVector(1, True, f"e_{shown}", f"eye({dim})[{entry}]", f"e_{{{index}}}", place=place)

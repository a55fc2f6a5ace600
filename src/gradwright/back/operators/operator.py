"""Derivatives as linear operators: products, systems and determinants without the matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from gradwright.back.arrays import in_double, numbers_of
from gradwright.back.operators.inverses import DenseInverse, Inverse, IterationFirst
from gradwright.back.operators.recognition import DENSE_LIMIT, recognised
from gradwright.back.operators.tangents import Tangent, tangent_inverse
from gradwright.back.operators.terms import Term
from gradwright.back.operators.writing import write
from gradwright.back.systems.krylov import KrylovInverse
from gradwright.core.arithmetic import Array, is_finite
from gradwright.errors import ConditionError, EvaluationError, UnsupportedError
from gradwright.frozen import frozen

Product = Callable[[Array], Array]
TOLERANCE = 1e-10
ITERATED = 512  # rows from which a symmetric operator in factored form is solved by iteration first
COLUMNS = 256  # columns of a matrix that are computed together where only a part of it is wanted
STEPS = 8  # an iteration may take as many products as the matrix has rows, divided by this
# The stub of SciPy's class describes how it dispatches on its arguments, in which subclasses take no part.
_Base: Any = LinearOperator


@frozen
class Action:
    """A linear map of tensors.

    Attributes:
        row_shape: the shape of its values.
        column_shape: the shape of its arguments.
        dtype: the type of its entries.
        terms: the map as a sum of products of arrays, if it is one.
        forward: the map applied to columns.
        adjoint: its conjugate transpose applied to columns.
        row_tangent, column_tangent: the tangent spaces that the map is between, if it is.
        symmetric: whether it is its own transpose.
    """

    row_shape: tuple[int, ...]
    column_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    terms: tuple[Term, ...] | None
    forward: Product
    adjoint: Product
    row_tangent: Tangent | None = None
    column_tangent: Tangent | None = None
    symmetric: bool = False


class StructuredOperator(_Base):
    """A Jacobian or a Hessian at a point, as a linear operator that never forms its matrix.

    It is a SciPy `LinearOperator`, so that SciPy's iterative methods take it: `@`, `matvec`, `matmat`,
    `.T`, `.H`, `shape`, `dtype`. Rows and columns are the entries of the output and of the variable,
    in NumPy's order (last axis fastest). A vector of entries gives a vector, a matrix with a direction a column
    a matrix. A tensor with the shape of the variable, if that has no axis or several, is accepted too, and then the
    result has the shape of the output; a matrix of one column that is such a tensor counts as one.

    All numbers are in double precision, and all results NumPy arrays. The operator is that of the point where it
    was made.

    Attributes:
        row_shape: the shape of the output.
        column_shape: the shape of the variable.
    """

    # NumPy must not take `array @ operator` apart; SciPy's operators answer it themselves.
    __array_ufunc__ = None

    def __init__(self, action: Action) -> None:
        self._action = action
        self.row_shape, self.column_shape = action.row_shape, action.column_shape
        super().__init__(action.dtype, (prod(action.row_shape), prod(action.column_shape)))

    @property
    def structure(self) -> str:
        """What the operator was recognised as, in words: how its systems are solved."""
        if self._action.column_tangent is None and self.shape[0] != self.shape[1]:
            return "rectangular"
        return self._inverse(TOLERANCE).structure

    def dot(self, x: Any) -> Any:
        """The operator times a vector, a matrix, a tensor with the variable's shape, or another operator."""
        if isinstance(x, LinearOperator) or np.isscalar(x):
            return super().dot(x)
        columns, shape = _columns(x, self.column_shape, self.row_shape, "the operator is applied to")
        return self._matmat(columns).reshape(shape)

    def solve(self, right: Any, tolerance: float = TOLERANCE) -> Array:
        """The solution X of `operator @ X = right`.

        Structured operators are inverted factor by factor, small ones by a factorisation, others by an
        iteration. For a structured variable (symmetric, triangular, …) the solution is the one in its
        tangent space.

        Args:
            right: a vector, a matrix with one right side a column, or a tensor with the output's shape.
            tolerance: the relative residual at which an iteration stops.

        Raises:
            ConditionError: the operator is singular to working precision.
            EvaluationError: the shapes do not fit, the operator is not square, or the right side is not finite.
        """
        if not 0 < tolerance < 1:
            raise EvaluationError(f"a tolerance is a relative residual between 0 and 1, and this is {tolerance}")
        columns, shape = _columns(right, self.row_shape, self.column_shape, "the right side of this operator is")
        if not is_finite(columns):
            raise EvaluationError("the right side has entries that are not finite")
        if not columns.size:
            return np.empty(shape, np.result_type(self.dtype, columns))
        return self._inverse(tolerance).solve(columns).reshape(shape)

    def slogdet(self) -> tuple[complex, float]:
        """The sign of the determinant, and the logarithm of its absolute value.

        For a structured variable it is the determinant between tangent spaces, in orthonormal coordinates.
        """
        sign, logarithm = self._inverse(TOLERANCE).slogdet()
        return sign, float(logarithm)

    def logdet(self) -> float:
        """The logarithm of the determinant.

        Raises:
            ConditionError: the determinant is not positive; `slogdet` gives sign and size.
        """
        sign, logarithm = self.slogdet()
        if not np.isclose(sign, 1.0):
            raise ConditionError(f"the determinant is not positive (its sign is {sign:.3g}): ask for slogdet()")
        return logarithm

    def diagonal(self) -> Array:
        """The entries on the diagonal."""
        self._require_square("a diagonal")
        if self._action.terms is not None:
            found = [term.diagonal() for term in self._action.terms]
            return np.array(sum(found[1:], found[0]))
        result = np.empty(self.shape[0], self.dtype)
        for start in range(0, len(result), COLUMNS):
            units = np.eye(len(result), min(COLUMNS, len(result) - start), -start, dtype=self.dtype)
            result[start : start + COLUMNS] = np.diag(self._matmat(units)[start : start + COLUMNS])
        return result

    def trace(self) -> complex:
        """The sum of the diagonal."""
        return np.sum(self.diagonal()).item()

    def to_dense(self, out: Any = None) -> Any:
        """The matrix.

        Args:
            out: a C-contiguous buffer for the entries, either the matrix or the tensor with the output's and the
                variable's axes: an array, or a PyTorch tensor in the processor's memory. Writing into memory that
                is already in use is several times faster than into fresh memory.

        Returns:
            `out`, or a new matrix.

        Raises:
            EvaluationError: the buffer has another shape, layout or type, or cannot be written to.
        """
        result = np.empty(self.shape, self.dtype) if out is None else _memory(out)
        tensor_shape = (*self.row_shape, *self.column_shape)
        if result.shape not in (self.shape, tensor_shape) or not result.flags.c_contiguous:
            raise EvaluationError(
                f"the buffer has to be C-contiguous with shape {self.shape} or {tensor_shape}; this has {result.shape}"
            )
        if not np.can_cast(self.dtype, result.dtype, "same_kind"):
            raise EvaluationError(f"a buffer of type {result.dtype} cannot hold entries of type {self.dtype}")
        if self._action.terms is None:
            result.reshape(self.shape)[...] = self._matmat(np.eye(self.shape[1], dtype=self.dtype))
        for place, term in enumerate(self._action.terms or ()):
            write(term, result, accumulate=place > 0)
        return result if out is None else out

    def __repr__(self) -> str:
        rows, columns = (" × ".join(map(str, shape)) or "scalar" for shape in (self.row_shape, self.column_shape))
        return f"<operator from {columns} to {rows}, {self.dtype}>"

    def _matvec(self, x: Array) -> Array:
        return self._matmat(x.reshape(-1, 1))[:, 0]

    def _matmat(self, X: Array) -> Array:
        return self._action.forward(in_double(X))

    def _rmatvec(self, x: Array) -> Array:
        return self._rmatmat(x.reshape(-1, 1))[:, 0]

    def _rmatmat(self, X: Array) -> Array:
        return self._action.adjoint(in_double(X))

    def __reduce__(self) -> tuple[Any, ...]:
        return StructuredOperator, (self._action,)

    def _adjoint(self) -> StructuredOperator:
        a = self._action
        terms = None if a.terms is None else tuple(term.transposed.conjugated for term in a.terms)
        return StructuredOperator(
            Action(
                a.column_shape, a.row_shape, a.dtype, terms, a.adjoint, a.forward,
                a.column_tangent, a.row_tangent, a.symmetric,
            )
        )  # fmt: skip

    def _transpose(self) -> StructuredOperator:
        if not np.issubdtype(self.dtype, np.complexfloating):
            return self._adjoint()
        a = self._action
        terms = None if a.terms is None else tuple(term.transposed for term in a.terms)
        return StructuredOperator(
            Action(
                a.column_shape, a.row_shape, a.dtype, terms, _Conjugated(a.adjoint), _Conjugated(a.forward),
                a.column_tangent, a.row_tangent, a.symmetric,
            )
        )  # fmt: skip

    def _inverse(self, tolerance: float) -> Inverse:
        direct = self._direct
        if direct is None and self.shape[0] > DENSE_LIMIT:
            return self._iteration(tolerance, 2000)
        if direct is None:
            return IterationFirst(self._iteration(tolerance, self.shape[0] // STEPS), self._written_out)
        if isinstance(direct, DenseInverse) and direct.count == 1 and self._is_cheaper_applied:
            return IterationFirst(self._iteration(tolerance, self.shape[0] // STEPS), direct)
        return direct

    @cached_property
    def _written_out(self) -> Inverse:
        return DenseInverse(1, lambda: self.to_dense()[None])

    @property
    def _is_cheaper_applied(self) -> bool:
        a = self._action
        parts = [part for term in a.terms or () for part in term.parts]
        whole = any(prod(part.array.shape) >= self.shape[0] ** 2 and len(parts) == 1 for part in parts)
        return a.symmetric and self.shape[0] >= ITERATED and not whole

    @cached_property
    def _direct(self) -> Inverse | None:
        a = self._action
        if a.column_tangent is not None:
            self._require_finite()
            return tangent_inverse(a.terms, a.forward, a.column_tangent, a.symmetric)
        if a.row_tangent is not None:
            raise UnsupportedError(
                "the transpose of the Jacobian in a structured variable has no inverse of its own: "
                "solve with the Jacobian"
            )
        self._require_square("an inverse")
        self._require_finite()
        return None if a.terms is None else recognised(a.terms)

    def _iteration(self, tolerance: float, most_steps: int) -> KrylovInverse:
        a = self._action
        scale = self.diagonal() if a.terms is not None and a.symmetric else None
        return KrylovInverse(a.forward, self.shape[0], a.symmetric, scale, tolerance, most_steps)

    def _require_finite(self) -> None:
        arrays = {id(part.array): part.array for term in self._action.terms or () for part in term.parts}
        if not all(map(is_finite, arrays.values())):
            raise ConditionError("the operator is made of numbers that are not finite, so that it has no inverse")

    def _require_square(self, what: str) -> None:
        if self.shape[0] != self.shape[1]:
            raise EvaluationError(f"only a square operator has {what}; this is {self.shape[0]} × {self.shape[1]}")


def from_terms(terms: Sequence[Term], rows: tuple[int, ...], columns: tuple[int, ...], **options: Any) -> Action:
    """The action of a sum of terms, between tensors of the given shapes."""
    adjoints = [term.transposed.conjugated for term in terms]
    dtype = np.result_type(*(term.dtype for term in terms))
    return Action(rows, columns, dtype, tuple(terms), _Sum(tuple(terms)), _Sum(tuple(adjoints)), **options)


@frozen
class _Sum:
    """A sum of terms, applied to columns."""

    terms: tuple[Term, ...]

    def __call__(self, matrix: Array) -> Array:
        parts = [term.apply(matrix) for term in self.terms]
        # A new array: one term may be a view of its argument, which an iteration goes on to change.
        return np.array(sum(parts[1:], parts[0]))


@frozen
class _Conjugated:
    """The map with all of its entries conjugated."""

    product: Product

    def __call__(self, columns: Array) -> Array:
        return np.conj(self.product(np.conj(columns)))


def _memory(buffer: Any) -> Array:
    """The buffer as an array in the same memory."""
    array: Any = buffer
    if type(buffer).__module__.partition(".")[0] == "torch":
        try:
            array = buffer.numpy()
        except (RuntimeError, TypeError) as error:
            raise EvaluationError(f"this tensor is no buffer to write to: {error}") from error
    if not isinstance(array, np.ndarray):
        raise EvaluationError(f"a buffer is a NumPy array or a PyTorch tensor, not {type(buffer).__name__}")
    if not array.flags.writeable:
        raise EvaluationError("the buffer may only be read")
    return array.view(np.ndarray)  # a subclass, as `numpy.matrix`, may have rules of its own


def _columns(value: Any, expected: tuple[int, ...], other: tuple[int, ...], what: str) -> tuple[Array, tuple[int, ...]]:
    """An argument as columns, and the shape that the result should have."""
    array = in_double(numbers_of(value, "what the operator is given"))
    count = prod(expected)
    if array.shape == expected and array.ndim != 1:
        return array.reshape(count, 1), other
    if array.ndim in (1, 2) and array.shape[0] == count:
        return array.reshape(count, prod(array.shape[1:])), (prod(other), *array.shape[1:])
    raise EvaluationError(
        f"{what} a vector of length {count}, a matrix with {count} rows or a tensor of shape {expected}; "
        f"this has shape {array.shape}"
    )

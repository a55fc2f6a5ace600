"""Solvers and determinants from one factorisation of a matrix, by LAPACK.

A matrix that is singular to working precision is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg

from gradwright.core.arithmetic import Array, largest
from gradwright.errors import ConditionError

SINGULAR = 1e-14  # reciprocal condition numbers below this leave no correct digit
Determinant = tuple[complex, float]
Factored = tuple[Callable[[Array], Array], Determinant]


def factored(matrix: Array) -> Factored:
    """A solver and the determinant of a matrix, from one factorisation.

    Raises:
        ConditionError: the matrix is singular to working precision.
    """
    norm = float(np.max(np.sum(np.abs(matrix), axis=0), initial=0.0))
    if _is_hermitian(matrix):
        factor, info = lapack(("potrf",), (matrix,))[0](matrix, lower=1)
        if info == 0:
            return _from_cholesky(factor, norm)
    return _from_lu(matrix, norm)


def lapack(names: Sequence[str], arrays: Sequence[Array]) -> Any:
    """LAPACK's routines for the type of the arrays."""
    return scipy.linalg.get_lapack_funcs(names, arrays)


def require_regular(reciprocal_condition: float) -> None:
    """Refuse a matrix that is singular to working precision."""
    if not reciprocal_condition > SINGULAR:
        raise ConditionError(
            f"the operator is singular to working precision at these inputs (reciprocal condition number "
            f"{reciprocal_condition:.1e}), so that it has neither an inverse nor the logarithm of a determinant"
        )


def _from_cholesky(factor: Array, norm: float) -> Factored:
    condition, solver = lapack(("pocon", "potrs"), (factor,))
    require_regular(float(condition(factor, norm, uplo="L")[0]))
    logarithm = 2 * float(np.sum(np.log(np.real(np.diag(factor)))))
    return by_parts(lambda right: solver(factor, right, lower=1)[0], np.isrealobj(factor)), (1.0, logarithm)


def _from_lu(matrix: Array, norm: float) -> Factored:
    factorise, condition, solver = lapack(("getrf", "gecon", "getrs"), (matrix,))
    factor, pivots, _ = factorise(matrix)
    require_regular(float(condition(factor, norm)[0]))
    diagonal = np.diag(factor)
    swaps = int(np.sum(pivots != np.arange(len(pivots))))
    sign = (-1) ** swaps * np.prod(diagonal / np.abs(diagonal))
    logarithm = float(np.sum(np.log(np.abs(diagonal))))
    return by_parts(lambda right: solver(factor, pivots, right)[0], np.isrealobj(factor)), (
        unwrapped(sign),
        logarithm,
    )


def _is_hermitian(matrix: Array) -> bool:
    if not np.all(np.real(np.diag(matrix)) > 0):
        return False
    return largest(matrix - matrix.conj().T) <= 1e-13 * largest(matrix)


def by_parts(solver: Callable[[Array], Array], is_real: bool) -> Callable[[Array], Array]:
    """A solver of a real matrix for complex right sides too."""

    def solve(right: Array) -> Array:
        if is_real and np.iscomplexobj(right):
            return solver(np.real(right).copy()) + 1j * solver(np.imag(right).copy())
        return solver(right)

    return solve


def unwrapped(value: Any) -> complex:
    """A number of NumPy's as Python's, a real one without an imaginary part."""
    number = complex(value)
    return number.real if not number.imag else number


def ratio(size: Array) -> float:
    """The smallest absolute value over the largest."""
    whole = largest(size)
    return float(np.min(size, initial=whole)) / whole if whole else float(not size.size)

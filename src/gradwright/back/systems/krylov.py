"""Solving without a matrix: conjugate gradients and GMRES with the products alone.

The methods are SciPy's; what is added is the choice between them and the refusal of a result that did
not reach the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import scipy.sparse.linalg

from gradwright.core.arithmetic import Array
from gradwright.errors import ConditionError, UnsupportedError
from gradwright.frozen import frozen


@frozen
class KrylovInverse:
    """A matrix that is known by its products only.

    Attributes:
        product: the matrix times a matrix.
        size: the number of rows.
        symmetric: whether the matrix is its own transpose.
        scale: the diagonal, for preconditioning, where it is known.
        tolerance: the relative size of the residual that is accepted.
        most_steps: how many products a right side may take.
    """

    product: Callable[[Array], Array]
    size: int
    symmetric: bool
    scale: Array | None = None
    tolerance: float = 1e-10
    most_steps: int = 2000

    @property
    def structure(self) -> str:
        """`matrix-free`."""
        return "matrix-free"

    def solve(self, right: Array) -> Array:
        """One right side after the other."""
        return np.stack([self._solved(column) for column in right.T], axis=1)

    def slogdet(self) -> NoReturn:
        """Refused."""
        raise UnsupportedError(
            f"the operator has {self.size} rows and no structure from which its determinant could be "
            f"computed without writing it out"
        )

    def _solved(self, column: Array) -> Array:
        norm = float(np.linalg.norm(column))
        if not norm:
            return np.zeros_like(column)
        residual = np.inf
        for method in self._methods():
            solution, _ = method(self._operator(column.dtype), column)
            residual = float(np.linalg.norm(self.product(solution[:, None])[:, 0] - column)) / norm
            if residual <= 10 * self.tolerance:
                return solution
        raise ConditionError(
            f"the iteration did not reach the tolerance {self.tolerance:.0e} (relative residual {residual:.1e}): the "
            f"operator is singular or badly conditioned at these inputs; a larger tolerance accepts less"
        )

    def _methods(self) -> list[Callable[..., Any]]:
        given = {"rtol": self.tolerance, "maxiter": self.most_steps, "M": self._preconditioner()}
        krylov = scipy.sparse.linalg

        def gmres(operator: Any, right: Array) -> Any:
            restart = min(self.size, 100)
            return krylov.gmres(
                operator, right, **{**given, "maxiter": -(-self.most_steps // restart)}, restart=restart
            )

        if not self.symmetric:
            return [gmres]
        return [lambda operator, right: krylov.cg(operator, right, **given), gmres]

    def _operator(self, dtype: Any) -> scipy.sparse.linalg.LinearOperator:
        shape = (self.size, self.size)
        return scipy.sparse.linalg.LinearOperator(
            shape, matvec=lambda x: self.product(x.reshape(-1, 1))[:, 0], dtype=dtype
        )

    def _preconditioner(self) -> Any:
        """Division by the diagonal, where it is positive."""
        if self.scale is None or np.iscomplexobj(self.scale) or not bool(np.all(self.scale > 0)):
            return None
        shape = (self.size, self.size)
        return scipy.sparse.linalg.LinearOperator(shape, matvec=lambda x: x.reshape(-1) / self.scale, dtype=float)

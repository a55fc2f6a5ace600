"""The solution of a system by the Cholesky factor of its matrix, defined by `L Lᴴ Y = B`."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.solve import with_vector


def solve_by_factor(B: np.ndarray, L: np.ndarray) -> np.ndarray:
    """Solve `L Lᴴ Y = B` with the lower triangle of L."""
    from scipy.linalg import cho_solve

    return cho_solve((L, True), B)


cholesky_solve = Primitive(
    name="cholesky_solve",
    signature="B: n m, L: n n lower -> Y: n m",
    summary="the solution Y of L Lᴴ Y = B, L lower triangular",
    identity=("L @ L.H @ Y = B",),
    conditions=("{L} has no zero on its diagonal",),
    numpy=solve_by_factor,
    torch="torch.cholesky_solve({0}, {1})",
    jax="jax.scipy.linalg.cho_solve(({1}, True), {0})",
    notation=Notation(name="cholesky_solve"),
    samples=(Sample("B: n m, L: n n lower"),),
)

register_primitive(cholesky_solve, with_vector(cholesky_solve))

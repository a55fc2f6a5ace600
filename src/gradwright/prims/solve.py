"""The solution of a linear system, defined by `A Y = B`; triangular and Cholesky variants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwright.core.primitive import ErrorSample, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive


def solve_system(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Solve `A Y = B` for a matrix or a vector B."""
    if B.ndim == A.ndim - 1:
        return np.linalg.solve(A, B[..., None])[..., 0]
    return np.linalg.solve(A, B)


def solve_lower(L: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Solve with the lower triangle of L."""
    from scipy.linalg import solve_triangular

    return solve_triangular(L, B, lower=True)


def solve_by_factor(B: np.ndarray, L: np.ndarray) -> np.ndarray:
    """Solve `L Lᴴ Y = B` with the lower triangle of L."""
    from scipy.linalg import cho_solve

    return cho_solve((L, True), B)


solve = Primitive(
    name="solve",
    signature="A: n n, B: n m -> Y: n m",
    summary="the solution Y of A Y = B",
    identity=("A @ Y = B",),
    conditions=("{A} is invertible",),
    numpy=solve_system,
    torch="torch.linalg.solve",
    notation=Notation(text="{A}⁻¹ {B}", latex="{A}^{-1} {B}", name="solve", product=True),
    samples=(Sample("A: n n, B: n m"),),
    error_samples=(ErrorSample("solve(A, B)", "A: n n, B: m n", "dimension"),),
)
solve_triangular = Primitive(
    name="solve_triangular",
    signature="L: n n lower, B: n m -> Y: n m",
    summary="the solution Y of L Y = B, L lower triangular",
    identity=("L @ Y = B",),
    conditions=("{L} has no zero on its diagonal",),
    numpy=solve_lower,
    torch="torch.linalg.solve_triangular",
    notation=Notation(name="solve_triangular"),
    samples=(Sample("L: n n lower, B: n m"),),
)
cholesky_solve = Primitive(
    name="cholesky_solve",
    signature="B: n m, L: n n lower -> Y: n m",
    summary="the solution Y of L Lᴴ Y = B, L lower triangular",
    identity=("L @ L.H @ Y = B",),
    conditions=("{L} has no zero on its diagonal",),
    numpy=solve_by_factor,
    torch="torch.cholesky_solve",
    notation=Notation(name="cholesky_solve"),
    samples=(Sample("B: n m, L: n n lower"),),
)


def with_vector(primitive: Primitive) -> Primitive:
    """The same system with a vector on the right."""
    samples = tuple(replace(s, declarations=_vector_text(s.declarations)) for s in primitive.samples)
    return replace(primitive, signature=_vector_text(primitive.signature), samples=samples, error_samples=())


def _vector_text(declarations: str) -> str:
    return declarations.replace("n m", "n")


for _primitive in (solve, solve_triangular, cholesky_solve):
    register_primitive(_primitive, with_vector(_primitive))

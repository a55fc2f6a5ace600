"""The solution of a linear system, defined by `A Y = B`; triangular and Cholesky variants."""

from __future__ import annotations

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


def _solves(
    name: str, inputs: tuple[str, str], identity: str, numpy: object, torch: str, **fields: object
) -> tuple[Primitive, Primitive]:
    """The records for a matrix and for a vector on the right."""
    both = []
    for columns in ("n m", "n"):
        inside = ", ".join(f"{d}{columns}" if d.startswith("B") else d for d in inputs)
        both.append(
            Primitive(
                name=name,
                signature=f"{inside} -> Y: {columns}",
                identity=(identity,),
                numpy=numpy,
                torch=torch,
                samples=(Sample(inside),),
                **fields,
            )  # type: ignore[arg-type]  # fmt: skip
        )
    return both[0], both[1]


solve = _solves(
    "solve",
    ("A: n n", "B: "),
    "A @ Y = B",
    solve_system,
    "torch.linalg.solve",
    summary="the solution Y of A Y = B",
    conditions=("{A} is invertible",),
    notation=Notation(text="{A}⁻¹ {B}", latex="{A}^{-1} {B}", name="solve"),
    error_samples=(ErrorSample("solve(A, B)", "A: n n, B: m n", "dimension"),),
)
solve_triangular = _solves(
    "solve_triangular",
    ("L: n n lower", "B: "),
    "L @ Y = B",
    solve_lower,
    "torch.linalg.solve_triangular",
    summary="the solution Y of L Y = B, L lower triangular",
    conditions=("{L} has no zero on its diagonal",),
    notation=Notation(name="solve_triangular"),
)
cholesky_solve = _solves(
    "cholesky_solve",
    ("B: ", "L: n n lower"),
    "L @ L.H @ Y = B",
    solve_by_factor,
    "torch.cholesky_solve",
    summary="the solution Y of L Lᴴ Y = B, L lower triangular",
    conditions=("{L} has no zero on its diagonal",),
    notation=Notation(name="cholesky_solve"),
)

for _overloads in (solve, solve_triangular, cholesky_solve):
    register_primitive(*_overloads)

"""The solution of a linear system, defined by `A Y = B`, for a matrix or a vector B."""

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


def with_vector(primitive: Primitive) -> Primitive:
    """The same system with a vector on the right."""
    samples = tuple(replace(s, declarations=_vector_text(s.declarations)) for s in primitive.samples)
    return replace(primitive, signature=_vector_text(primitive.signature), samples=samples, error_samples=())


def _vector_text(declarations: str) -> str:
    return declarations.replace("n m", "n")


register_primitive(solve, with_vector(solve))

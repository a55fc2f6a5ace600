"""The least-squares solution, `A⁺ B`, for a matrix or a vector B."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.pinv import by_singular_values


def least_squares(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The least-squares solution of smallest norm."""
    return np.linalg.lstsq(A, B, rcond=None)[0]


def has_full_rank(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether the smallest singular value is more than a rounding error."""
    A = inputs[0]
    return bool(np.all(np.linalg.matrix_rank(A) == min(A.shape[-2:])))


SOLUTIONS = {
    "n k": ("least_squares", "B", "Vh.mH @ ((U.mH @ B) / S[..., None])"),
    "n": ("least_squares_vector", "b", "(Vh.mH @ ((U.mH @ b[..., None]) / S[..., None]))[..., 0]"),
}


def in_torch(rows: str) -> str:
    """The function for PyTorch, for a matrix or a vector."""
    name, right, result = SOLUTIONS[rows]
    parameters = f"A: torch.Tensor, {right}: torch.Tensor"
    return by_singular_values(name, parameters, "The least-squares solution of smallest norm", result)


lstsq = [
    Primitive(
        name="lstsq",
        signature=f"A: n m, B: {rows} -> Y: {columns}",
        summary="the least-squares solution Y of A Y = B",
        definition=("pinv(A) @ B",),
        laws=("A.H @ A @ Y = A.H @ B", "pinv(A) @ A @ Y = pinv(A) @ B"),  # the residual is orthogonal to the columns
        conditions=("{A} has full rank",),
        regular=has_full_rank,
        numpy=least_squares,
        torch=in_torch(rows),
        jax="jax.numpy.linalg.pinv({0}) @ {1}",
        notation=Notation(name="lstsq"),
        samples=(Sample(f"A: n m, B: {rows}"),),
        source="Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432",
    )
    for rows, columns in (("n k", "m k"), ("n", "m"))
]

register_primitive(*lstsq)

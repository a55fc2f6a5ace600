"""The least-squares solution, `A⁺ B`, for a matrix or a vector B."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive


def least_squares(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The least-squares solution of smallest norm."""
    return np.linalg.lstsq(A, B, rcond=None)[0]


def has_full_rank(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether the smallest singular value is more than a rounding error."""
    A = inputs[0]
    return bool(np.all(np.linalg.matrix_rank(A) == min(A.shape[-2:])))


# With the singular values, as in pinv.py, which says why; the drivers of torch.linalg.lstsq want full rank on a GPU.
IN_TORCH = '''
def least_squares(A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
    """The least-squares solution of smallest norm."""
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    smallest = max(A.shape[-2:]) * torch.finfo(S.dtype).eps * S[..., :1]
    S = torch.where(S > smallest, S, torch.inf)
    return Vh.mH @ ((U.mH @ B) / S[..., :, None])
'''
IN_TORCH_FOR_A_VECTOR = '''
def least_squares_vector(A: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The least-squares solution of smallest norm, for a vector."""
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    smallest = max(A.shape[-2:]) * torch.finfo(S.dtype).eps * S[..., :1]
    S = torch.where(S > smallest, S, torch.inf)
    return (Vh.mH @ ((U.mH @ b[..., None]) / S[..., :, None]))[..., 0]
'''

lstsq = [
    Primitive(
        name="lstsq",
        signature=f"A: n m, B: {rows} -> Y: {columns}",
        summary="the least-squares solution Y of A Y = B",
        definition=("pinv(A) @ B",),
        conditions=("{A} has full rank",),
        regular=has_full_rank,
        numpy=least_squares,
        torch=IN_TORCH if rows != "n" else IN_TORCH_FOR_A_VECTOR,
        jax="jax.numpy.linalg.pinv({0}) @ {1}",
        notation=Notation(name="lstsq"),
        samples=(Sample(f"A: n m, B: {rows}"),),
    )
    for rows, columns in (("n k", "m k"), ("n", "m"))
]

register_primitive(*lstsq)

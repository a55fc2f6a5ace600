"""What algorithms ask of numbers: finite matrices; some of SciPy's know double precision only."""

from __future__ import annotations

import numpy as np

ROUNDING = 32  # rounding errors of eigenvalues, in units of the precision


def in_precision_of(result: np.ndarray, *inputs: np.ndarray) -> np.ndarray:
    """The result in single precision where all inputs are; real where it is real, and complex where it is complex."""
    if np.finfo(np.result_type(*inputs, np.float32)).bits == 64:
        return result
    return result.astype(np.complex64 if np.iscomplexobj(result) else np.float32)


def require_finite(X: np.ndarray) -> None:
    """Refuse matrices with entries that are not finite: some algorithms for singular values never return with them."""
    if not np.all(np.isfinite(X)):
        raise np.linalg.LinAlgError("a matrix has an entry that is not finite")


def require_separate(a: np.ndarray, b: np.ndarray, field: np.dtype) -> None:
    """Refuse eigenvalues of which two add up to what is a rounding error of the largest ones."""
    smallest = np.abs(a[:, None] + b).min(initial=np.inf)
    largest = np.abs(a).max(initial=0) + np.abs(b).max(initial=0)
    if not smallest > ROUNDING * np.finfo(field).eps * largest:
        raise np.linalg.LinAlgError("an equation has no unique solution: two eigenvalues add up to zero")

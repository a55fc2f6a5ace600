"""Results in the precision of what they are computed from: some of SciPy's algorithms know double precision only."""

from __future__ import annotations

import numpy as np


def in_precision_of(result: np.ndarray, *inputs: np.ndarray) -> np.ndarray:
    """The result in single precision where all inputs are; real where it is real, and complex where it is complex."""
    if np.finfo(np.result_type(*inputs, np.float32)).bits == 64:
        return result
    return result.astype(np.complex64 if np.iscomplexobj(result) else np.float32)

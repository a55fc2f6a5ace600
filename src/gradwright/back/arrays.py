"""What a user hands in, as NumPy arrays of numbers: arrays of any library, numbers and nested lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.errors import EvaluationError


def numbers_of(value: Any, what: str) -> Array:
    """A value as an array of floating-point numbers, real or complex.

    Args:
        value: an array, a PyTorch tensor (what it remembers of its making is left out), a number, a list.
        what: what it is called in a message.

    Raises:
        EvaluationError: it is no array, or its entries are no numbers.
    """
    if hasattr(value, "detach"):
        value = value.detach().resolve_conj().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise EvaluationError(f"{what} is not an array: {error}") from error
    if array.dtype.kind not in "biufc":
        raise EvaluationError(f"{what} is not an array of numbers")
    return array.astype(float) if array.dtype.kind in "biu" else array


def in_double(array: Array) -> Array:
    """The array in double precision; itself, if it already is."""
    return array.astype(complex if np.iscomplexobj(array) else float, copy=False)

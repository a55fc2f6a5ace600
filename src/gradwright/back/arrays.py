"""What a user hands in, as NumPy arrays of numbers: arrays of any library, numbers and nested lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.errors import EvaluationError

# What linear algebra computes in; whole numbers, half and extended precision, and bfloat16 are converted to double.
PRECISIONS = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))


def numbers_of(value: Any, what: str) -> Array:
    """A value as an array of floating-point numbers, real or complex.

    Args:
        value: an array, a PyTorch tensor (what it remembers of its making is left out), a number, a list.
        what: what it is called in a message.

    Raises:
        EvaluationError: it is no array, or its entries are no numbers.
    """
    try:
        array = np.asarray(_off_graph(value) if hasattr(value, "detach") else value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise EvaluationError(f"{what} {_no_numbers(value, error)}") from error
    if array.dtype.kind not in "biufc" and not np.can_cast(array.dtype, float):  # which JAX's bfloat16 can be
        raise EvaluationError(f"{what} is not an array of numbers")
    return array if array.dtype in PRECISIONS else in_double(array)


def _no_numbers(value: Any, error: Exception) -> str:
    """What to do about a value that NumPy cannot read: tracers and tensors without memory are none of its arrays."""
    library = type(value).__module__.partition(".")[0].removesuffix("lib")
    if library not in ("jax", "torch") or "sparse" in str(error).lower():
        return f"is not an array: {str(error).partition(chr(10))[0]}"
    return (
        f"has no numbers that NumPy could read: compile('{library}') computes with what {library} traces or transforms"
    )


def _off_graph(tensor: Any) -> Array:
    """A PyTorch tensor as an array; in double precision where NumPy has no type like it, as for bfloat16."""
    values = tensor.detach().resolve_conj().resolve_neg().cpu()
    try:
        return values.numpy()
    except TypeError:
        return values.double().numpy()


def in_double(array: Array) -> Array:
    """The array in double precision; itself, if it already is."""
    return array.astype(complex if np.iscomplexobj(array) else float, copy=False)

"""Inputs as arrays of the library that computes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from gradwright.api.inputs import as_array
from gradwright.errors import EvaluationError


def shaped(name: str, value: Any) -> Any:
    """An input as something with a shape."""
    return value if hasattr(value, "shape") and hasattr(value, "ndim") else as_array(name, value)


def is_complex(value: Any) -> bool:
    """Whether an input has complex entries: PyTorch's types say so themselves."""
    told = getattr(getattr(value, "dtype", None), "is_complex", None)
    return np.iscomplexobj(value) if told is None else bool(told)


def _torch_array(name: str, value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        value = torch.as_tensor(as_array(name, value))
    return value if value.is_floating_point() or value.is_complex() else value.to(torch.get_default_dtype())


def _jax_array(name: str, value: Any) -> Any:
    import jax.numpy as jnp

    array = value if hasattr(value, "aval") else jnp.asarray(as_array(name, value))
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(float)


def check_buffer(buffer: Any, library: str, has_imaginary_parts: bool) -> None:
    """Refuse what a result of the library cannot be written into without losing a part of its numbers.

    Raises:
        EvaluationError: it is no array of the library, or its type holds no such numbers; or it is one of JAX.
    """
    if library == "jax":
        raise EvaluationError("JAX arrays cannot be written into: leave out= away")
    kind = f"{type(buffer).__module__.partition('.')[0]}.{type(buffer).__name__}"
    if not isinstance(buffer, np.ndarray if library == "numpy" else sys.modules["torch"].Tensor):
        raise EvaluationError(f"out is an array of {NAMES[library]}, not {kind.removeprefix('builtins.')}")
    holds = is_complex(buffer) or (not has_imaginary_parts and is_floating(buffer))
    if not holds:
        numbers = "complex numbers" if has_imaginary_parts else "fractions"
        raise EvaluationError(f"out is of type {buffer.dtype}, which does not hold {numbers}")


def is_floating(array: Any) -> bool:
    """Whether the entries of an array of NumPy or PyTorch are floating-point numbers."""
    told = getattr(array.dtype, "is_floating_point", None)
    return np.issubdtype(array.dtype, np.floating) if told is None else bool(told)


NAMES = {"numpy": "NumPy", "torch": "PyTorch"}
CONVERT: dict[str, Callable[[str, Any], Any]] = {"numpy": as_array, "torch": _torch_array, "jax": _jax_array}

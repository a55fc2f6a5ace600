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


def require_writable(out: Any, library: str, value_is_complex: bool) -> None:
    """Refuse what results of a library cannot be written into: numbers of a narrower kind would be others.

    Raises:
        EvaluationError: it is no array of the library, or of whole numbers, or real for complex results; or arrays of
            the library are never written into.
    """
    if library == "jax":
        raise EvaluationError("JAX arrays cannot be written into: leave out= away")
    kind = np.ndarray if library == "numpy" else sys.modules["torch"].Tensor
    if not isinstance(out, kind):
        raise EvaluationError(f"out is a {library}.{kind.__name__} to write into, and this is {type(out).__name__}")
    floating = np.issubdtype(out.dtype, np.floating) if library == "numpy" else out.is_floating_point()
    if not is_complex(out) and (value_is_complex or not floating):
        wanted = "complex" if value_is_complex else "floating-point"
        raise EvaluationError(f"the result is {wanted}, and out is of type {out.dtype}")


CONVERT: dict[str, Callable[[str, Any], Any]] = {"numpy": as_array, "torch": _torch_array, "jax": _jax_array}

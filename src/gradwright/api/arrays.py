"""Inputs as arrays of the library that computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradwright.api.inputs import as_array


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


CONVERT: dict[str, Callable[[str, Any], Any]] = {"numpy": as_array, "torch": _torch_array, "jax": _jax_array}

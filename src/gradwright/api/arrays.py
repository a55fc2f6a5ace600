"""Inputs as arrays of the library that computes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from gradwright.api.inputs import as_array
from gradwright.errors import EvaluationError


def shaped(name: str, value: Any) -> Any:
    """An input as something with a shape."""
    return value if all(hasattr(value, own) for own in ("shape", "ndim", "dtype")) else as_array(name, value)


def is_complex(value: Any) -> bool:
    """Whether an input has complex entries: PyTorch's types say so themselves."""
    told = getattr(getattr(value, "dtype", None), "is_complex", None)
    return np.iscomplexobj(value) if told is None else bool(told)


def _torch_array(name: str, value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        array = as_array(name, value)
        value = torch.as_tensor(array if array.flags.writeable else array.copy())
    return value if value.is_floating_point() or value.is_complex() else value.to(torch.get_default_dtype())


def _jax_array(name: str, value: Any) -> Any:
    import jax.numpy as jnp

    array = value if hasattr(value, "aval") else jnp.asarray(as_array(name, value))
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(float)


def in_one_precision(arrays: Mapping[str, Any], inputs: Mapping[str, Any], library: str) -> dict[str, Any]:
    """Arrays of a library, with numbers and lists of Python in the precision of what came as an array.

    PyTorch, whose products take one type, has all in the precision of the tensors with axes.
    """
    typed = {name: array for name, array in arrays.items() if hasattr(inputs[name], "dtype")}
    if not typed:
        return dict(arrays)
    if library == "torch":
        return _in_one_type(arrays, [x for x in typed.values() if x.dim()] or list(typed.values()))
    widest = max((array.real.dtype for array in typed.values()), key=lambda dtype: dtype.itemsize)
    weak = [name for name in arrays if name not in typed and not is_complex(arrays[name])]
    return {**arrays, **{name: arrays[name].astype(widest) for name in weak}}


def _in_one_type(tensors: Mapping[str, Any], deciding: Sequence[Any]) -> dict[str, Any]:
    import torch

    if len({x.dtype for x in tensors.values()}) == 1:  # the rest cannot be traced in one graph
        return dict(tensors)
    widest = reduce(torch.promote_types, (x.dtype.to_real() for x in deciding))
    return {name: x.to(widest.to_complex() if x.is_complex() else widest) for name, x in tensors.items()}


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

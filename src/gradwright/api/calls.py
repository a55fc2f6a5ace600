"""Calls that are like earlier ones: what has been checked once need not be checked again.

A call of a compiled function takes microseconds, so that looking at the inputs counts: everything that Python touches
after a product of matrices has to come from memory again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradwright.back.code.live import load_source

Likeness = Callable[..., tuple[Any, tuple[Any, ...]]]


def likeness(names: Sequence[str], needed: Sequence[str]) -> Likeness:
    """A function of inputs, by name or position, that returns what a call is known by, and the needed inputs in order.

    Calls with inputs of the same types and shapes are alike. The function raises TypeError where an input is unknown
    or given twice, and AttributeError where one is missing or no array. It is generated, because a loop over the
    inputs takes three times as long.

    Args:
        names: the inputs that may be given, in order.
        needed: those that the code reads.
    """
    parameters = ", ".join(f"{name}=None" for name in names)
    known = "".join(f"{name}.__class__, {name}.dtype, {name}.shape, " for name in needed)
    arrays = "".join(f"{name}, " for name in needed)
    text = f"def likeness({parameters}):\n    return ({known}), ({arrays})\n"
    return load_source(text, "likeness")["likeness"]


def leave_no_graph(tensors: Sequence[Any]) -> bool:
    """Whether PyTorch just computes with these tensors, and they are memory that holds numbers.

    Otherwise it records, differentiates forward, transforms, traces or watches operations, chooses their precision
    (autocast), or a tensor is of a subclass, sparse, or without memory.
    """
    torch = sys.modules["torch"]
    if not all([_is_plain(tensor, torch) for tensor in tensors]):
        return False
    # Tangents exist inside a dual level only. Inside vmap, jvp and grad tensors are wrapped, a dispatch mode sees every
    # operation, and autocast may be on for any device; nothing public tells it.
    if getattr(torch.autograd.forward_ad, "_current_level", 0) >= 0:
        return False
    if is_traced():
        return False
    stack = getattr(getattr(torch._C, "_functorch", None), "peek_interpreter_stack", None)
    modes = getattr(torch._C, "_len_torch_dispatch_stack", None)
    casts = getattr(torch._C, "_is_any_autocast_enabled", None)
    if stack is None or modes is None or casts is None:
        return False
    return stack() is None and modes() == 0 and not casts()


def may_overlap(out: Any, array: Any) -> bool:
    """Whether what is written into one array may change another: PyTorch's products read while they write."""
    if isinstance(array, np.ndarray):
        return np.may_share_memory(out, array)
    return out.untyped_storage().data_ptr() == array.untyped_storage().data_ptr()


def is_traced() -> bool:
    """Whether PyTorch traces operations: for `torch.compile`, `torch.export` or `torch.jit`."""
    torch = sys.modules["torch"]
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def _is_plain(tensor: Any, torch: Any) -> bool:
    kind, layout = type(tensor), tensor.layout
    return kind is torch.Tensor and layout is torch.strided and not tensor.requires_grad and not tensor.is_meta

"""Functions of NumPy or JAX arrays under check: made to take and return tensors, as those of PyTorch do.

NumPy takes tensors too, by converting them without a word, but a tensor's methods are not an array's: `x.std()`
is another number. So a function that has tensors converted, and works on arrays, is given arrays. A function of JAX
alone has the gradient that JAX gives it, by the rule that `custom_vjp` adds or by its own.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from gradwright.check.report import first_line
from gradwright.check.subject import Subject, applied, copied
from gradwright.errors import CheckError
from gradwright.frozen import replace

Function = Callable[..., Any]


def in_tensors(subject: Subject, cotangent: torch.Tensor, inputs: Mapping[str, torch.Tensor]) -> Subject:
    """The subject, with what is written in NumPy taking and returning tensors.

    Args:
        subject: the function under check.
        cotangent: of the output, at a point at which to try what it is written in.
        inputs: there.

    Raises:
        CheckError: it is no pair, and nothing that PyTorch differentiates, so that it has no gradient to check.
    """
    if subject.backward is None:
        pair = _of_jax(subject, inputs)
        if pair is not None:
            return pair
        _require_gradient(subject, inputs)
        return subject
    forward, backward = subject.forward, subject.backward
    if forward is not None and _takes_arrays(forward, (), inputs, subject.names):
        forward = _of_tensors(forward)
    outside = _takes_arrays(backward, (cotangent,), inputs, subject.names)
    return replace(subject, forward=forward, backward=_of_tensors(backward) if outside else backward, outside=outside)


def _of_jax(subject: Subject, inputs: Mapping[str, torch.Tensor]) -> Subject | None:
    """A function of JAX's, with its vector-Jacobian product as the backward; None if it is none."""
    jax: Any = sys.modules.get("jax")  # where it is not imported, no function is written in it
    forward = subject.forward
    if jax is None or forward is None:
        return None
    arrays = {name: value.clone().numpy() for name, value in inputs.items()}

    def value(varied: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        return applied(forward, (), {**given, **varied}, subject.names)

    custom = _has_rule(jax, lambda varied: value(varied, arrays), arrays)
    if not custom and not _takes_arrays(forward, (), inputs, subject.names):
        return None
    if not custom and not isinstance(value({}, arrays), jax.Array):
        return None

    def backward(cotangent: Any, *inputs: Any) -> tuple[Any, ...]:
        given = dict(zip(subject.names, inputs, strict=True))
        found, pull = jax.vjp(lambda varied: value(varied, given), {name: given[name] for name in subject.wrt})
        (gradients,) = pull(jax.numpy.asarray(cotangent, found.dtype))
        return tuple(gradients[name] for name in subject.wrt)

    return replace(
        subject, forward=_of_tensors(forward), backward=_of_tensors(backward), outside=True, automatic=not custom
    )


def _has_rule(jax: Any, function: Function, arrays: Mapping[str, Any]) -> bool:
    """Whether a function is one of JAX's with a rule from `custom_vjp`, even if it takes tensors, too."""
    try:
        return "custom_vjp" in str(jax.make_jaxpr(function)(arrays))
    except Exception:  # whatever the user's function raises: then it is none of JAX's
        return False


def _require_gradient(subject: Subject, inputs: Mapping[str, torch.Tensor]) -> None:
    """Refuse a function alone that computes outside of PyTorch."""
    assert subject.forward is not None
    if subject.node is not None:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = applied(subject.forward, (), subject.leaves(inputs), subject.names)
    except RuntimeError as error:
        if "numpy()" not in str(error):
            return  # what else fails may do so here alone, and the check says it
        reason = first_line(error)
    except Exception:
        return
    else:
        if value is None or isinstance(value, torch.Tensor | tuple | list):
            return
        reason = f"it returns a {type(value).__name__}, not a tensor"
    named = subject.title.isidentifier()
    pair = f"({subject.title if named else 'forward'}, backward), with backward(G, {', '.join(subject.names)})"
    raise CheckError(
        f"{subject.title if named else 'the function'} has no gradient to check, for PyTorch does not differentiate it "
        f"({reason}): give the gradient that you wrote, as the pair {pair}, or a function of PyTorch's operations"
    )


class _Conversions(TorchFunctionMode):
    """Notes whether a tensor was made an array without being asked."""

    made = False

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.made = self.made or function is torch.Tensor.__array__
        return function(*args, **(kwargs or {}))


def _takes_arrays(
    function: Function, first: Sequence[torch.Tensor], inputs: Mapping[str, torch.Tensor], names: Sequence[str]
) -> bool:
    """Whether a function is one of arrays: it converts tensors, or does not know them, and works on arrays."""
    copies = copied(inputs)
    with _Conversions() as conversions, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy may warn of tensors, which it is not given in the check
        try:
            known = isinstance(_some(applied(function, [v.clone() for v in first], copies, names)), torch.Tensor)
        except Exception:  # whatever the user's function raises: then arrays may be what it takes
            known = False
    if known and not conversions.made:
        return False
    arrays = {name: value.clone().numpy() for name, value in inputs.items()}
    try:
        found = applied(function, [value.clone().numpy() for value in first], arrays, names)
    except Exception:  # then it is none of arrays either, and the check says what it raises
        return False
    return _is_array(_some(found))


def _some(result: Any) -> Any:
    """One of several results that is not None."""
    several = result if isinstance(result, tuple | list) else (result,)
    return next((item for item in several if item is not None), None)


def _is_array(value: object) -> bool:
    """Whether it is an array of NumPy's, or of a library whose arrays become such."""
    return not isinstance(value, torch.Tensor) and hasattr(value, "__array__")


def _of_tensors(function: Function) -> Function:
    @wraps(function)
    def of_tensors(*args: torch.Tensor, **kwargs: torch.Tensor) -> Any:
        named = {name: value.detach().numpy() for name, value in kwargs.items()}
        with _in_double():
            return _as_tensors(function(*(value.detach().numpy() for value in args), **named))

    return of_tensors


def _in_double() -> AbstractContextManager[Any]:
    """Where JAX keeps double precision, as mistakes are told from rounding by it; it narrows arrays otherwise."""
    jax: Any = sys.modules.get("jax")
    if jax is None:
        return nullcontext()
    return (jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64)(True)


def _as_tensors(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return tuple(map(_as_tensors, result))
    return torch.from_numpy(np.array(result)) if _is_array(result) else result

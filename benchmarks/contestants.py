"""Who competes: gradwright's emitted code, code written by hand, and automatic differentiation.

Every contestant is a function without arguments that returns the derivative; inputs were converted
before, once. PyTorch and JAX are given double precision and one thread, like everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Arrays, Case

Contestant = Callable[[], Any]
IN_NUMPY = "in NumPy"  # gradwright's function for NumPy arrays
IN_JAX = "in JAX"  # gradwright's function for JAX arrays
MODULE = "module"  # gradwright's autograd.Function, forward and backward


def contestants(case: Case, arrays: Arrays, compiled: bool = False) -> dict[str, Contestant]:
    """All contestants of a case, at the given inputs; gradwright is the first."""
    import torch

    tensors = {name: torch.as_tensor(value) for name, value in arrays.items()}
    needed = case.derived.compile("torch", hints=dict(case.sizes))
    in_numpy = case.derived.compile("numpy", hints=dict(case.sizes))
    found: dict[str, Contestant] = {
        "gradwright": lambda: needed(**tensors),
        IN_NUMPY: lambda: in_numpy(**arrays),
        "hand-written": lambda: case.hand(**tensors),
    }
    if case.plain is not None:
        found["torch"] = torch_autodiff(case, tensors)
        if case.kind in ("gradient", "vjp"):
            found[MODULE] = torch_module(case, tensors)
        if compiled:
            found["torch.compile"] = torch_compiled(case, tensors)
    for name, function in case.others.items():
        found[name] = lambda function=function: function(**tensors)
    if case.plain_jax is not None:
        found["jax.jit"] = jax_autodiff(case, arrays)
        found[IN_JAX] = in_jax(case, arrays)
    return found


def in_jax(case: Case, arrays: Arrays) -> Contestant:
    """What gradwright compiles for JAX, by XLA at its second call; the result is waited for."""
    import jax.numpy as jnp

    function = case.derived.compile("jax", hints=dict(case.sizes))
    values = {name: jnp.asarray(value) for name, value in arrays.items()}
    function(**values)
    return lambda: function(**values).block_until_ready()


def torch_autodiff(case: Case, tensors: dict[str, Any]) -> Contestant:
    """Eager autograd for first derivatives; `torch.func` for Hessians, products and Jacobians."""
    import torch

    wrt, rest = case.wrt, {k: v for k, v in tensors.items() if k not in (case.wrt, "G", f"d{case.wrt}")}
    point = tensors[wrt]

    def value(x: Any) -> Any:
        return case.plain(**{**rest, wrt: x})

    def reverse() -> Any:
        x = point.detach().requires_grad_()
        return torch.autograd.grad(value(x), x, tensors.get("G"))[0]

    made: dict[str, Contestant] = {
        "gradient": reverse,
        "vjp": reverse,
        "hessian": lambda: torch.func.hessian(value)(point),
        "hvp": lambda: torch.func.jvp(torch.func.grad(value), (point,), (tensors[f"d{wrt}"],))[1],
        "jacobian": lambda: torch.func.jacrev(value)(point),
    }
    return made[case.kind]


def torch_module(case: Case, tensors: dict[str, Any]) -> Contestant:
    """The emitted module in place of the plain function: its forward, and its backward in the variable."""
    import dataclasses
    import inspect

    function = case.derivation.function("torch")
    taken = inspect.signature(function).parameters

    def plain(**given: Any) -> Any:
        return function(**{name: x for name, x in given.items() if name in taken})

    return torch_autodiff(dataclasses.replace(case, plain=plain), tensors)


def torch_compiled(case: Case, tensors: dict[str, Any]) -> Contestant:
    """The plain function through `torch.compile`, differentiated by autograd."""
    import dataclasses

    import torch

    if case.kind not in ("gradient", "vjp"):
        return torch_autodiff(case, tensors)
    return torch_autodiff(dataclasses.replace(case, plain=torch.compile(case.plain)), tensors)


def jax_autodiff(case: Case, arrays: Arrays) -> Contestant:
    """One jitted function of all inputs; the result is waited for."""
    function, values = jax_function(case, arrays)
    return lambda: function(values).block_until_ready()


def jax_function(case: Case, arrays: Arrays) -> tuple[Any, Any]:
    """The jitted derivative, and its inputs on the device."""
    import jax
    import jax.numpy as jnp

    wrt = case.wrt
    values = {name: jnp.asarray(value) for name, value in arrays.items()}

    def value(x: Any, rest: dict[str, Any]) -> Any:
        return case.plain_jax(**{**{k: v for k, v in rest.items() if k not in ("G", f"d{wrt}")}, wrt: x})

    def pulled(x: Any, rest: dict[str, Any]) -> Any:
        return jax.vjp(lambda at: value(at, rest), x)[1](rest["G"])[0]

    def moved(x: Any, rest: dict[str, Any]) -> Any:
        return jax.jvp(lambda at: jax.grad(value)(at, rest), (x,), (rest[f"d{wrt}"],))[1]

    made = {
        "gradient": jax.grad(value), "vjp": pulled, "hessian": jax.hessian(value), "hvp": moved,
        "jacobian": jax.jacrev(value),
    }  # fmt: skip
    return jax.jit(lambda rest: made[case.kind](rest[wrt], rest)), values


def disagreements(case: Case, found: dict[str, Contestant], tolerance: float = 1e-6) -> dict[str, float]:
    """The relative distance of every contestant's result from gradwright's, where it exceeds the tolerance.

    The derivative in a symmetric variable is compared in its tangent space: automatic differentiation
    knows nothing of the symmetry.
    """
    reference = _numpy(found["gradwright"]())
    tangent = any(word in case.declarations[case.wrt].split() for word in ("spd", "symmetric"))
    errors: dict[str, float] = {}
    for name, run in found.items():
        value = _numpy(run())
        if tangent and value.ndim == 2:
            value = (value + value.T) / 2
        error = float(np.max(np.abs(value.reshape(reference.shape) - reference)) / np.max(np.abs(reference)))
        if not error <= tolerance:
            errors[name] = error
    return errors


def _numpy(value: Any) -> np.ndarray:
    return value.detach().numpy() if hasattr(value, "detach") else np.asarray(value)

"""What a live function calls where its library lacks an algorithm: the record's NumPy implementation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from gradwright.back.code.library import Library
from gradwright.back.code.program import Foreign, Program
from gradwright.core.arithmetic import as_returned, implementation
from gradwright.core.dims import Dim
from gradwright.errors import UnsupportedError

Function = Callable[..., Any]


def bound(program: Program, library: Library) -> dict[str, Function]:
    """A function for every foreign name of a program."""
    bind = {"numpy": in_numpy, "torch": in_torch, "jax": in_jax}[library.name]
    return {foreign.name: bind(foreign) for foreign in program.foreign}


def in_numpy(foreign: Foreign) -> Function:
    """The implementation itself."""
    function = implementation(foreign.primitive)
    parameters = foreign.parameters
    return (lambda *arrays: function(*arrays, *parameters)) if parameters else function


def over_batches(foreign: Foreign) -> Function:
    """The implementation, one item at a time where arrays have more leading axes than it knows of."""
    function = in_numpy(foreign)
    ranks = [len(declared.shape) for declared in foreign.primitive.inputs]
    one_by_one = np.vectorize(function, signature=_core_shapes(foreign))

    def apply(*arrays: Any) -> Any:
        extra = any(array.ndim > rank for array, rank in zip(arrays, ranks, strict=True))
        return one_by_one(*arrays) if extra and not foreign.primitive.batched else function(*arrays)

    return apply


def _core_shapes(foreign: Foreign) -> str:
    """The ranks of inputs and outputs, as `numpy.vectorize` writes them."""
    letters = map("axis{}".format, count())
    inputs, outputs = (
        ",".join(f"({','.join(next(letters) for _ in declared.shape)})" for declared in declarations)
        for declarations in (foreign.primitive.inputs, foreign.primitive.outputs)
    )
    return f"{inputs}->{outputs}"


def in_torch(foreign: Foreign) -> Function:
    """The implementation on detached values, also under `vmap`; differentiating through it is refused."""
    import torch

    function = over_batches(foreign)

    def values(*tensors: Any) -> Any:
        like = tensors[0]
        found = function(*(t.detach().resolve_conj().resolve_neg().cpu().numpy() for t in tensors))
        return _each(found, partial(_to_torch, like=like))

    def refused(ctx: Any, *_: Any) -> Any:
        raise UnsupportedError(
            f"{foreign.primitive.name} is computed outside PyTorch, which cannot differentiate it: "
            f'use derive(…).function("torch"), whose derivatives are the derived ones'
        )

    class Opaque(torch.autograd.Function):
        forward = staticmethod(values)
        setup_context = staticmethod(lambda ctx, inputs, output: None)
        backward = staticmethod(refused)
        jvp = staticmethod(refused)

        @staticmethod
        def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Any) -> tuple[Any, Any]:
            stacked = (
                t.expand(info.batch_size, *t.shape) if d is None else t.movedim(d, 0)
                for t, d in zip(tensors, in_dims, strict=True)
            )
            found = Opaque.apply(*stacked)
            return found, (0,) * len(found) if isinstance(found, tuple) else 0

    return Opaque.apply


def _to_torch(array: Any, like: Any) -> Any:
    import torch

    tensor = torch.from_numpy(np.array(array)).to(like.device)
    single = like.dtype in (torch.float32, torch.complex64)
    return tensor.to(torch.complex64 if tensor.is_complex() else torch.float32) if single else tensor


def in_jax(foreign: Foreign) -> Function:
    """The implementation, as a callback under `jit`, `vmap` and `grad`; a callback is compiled at every call."""
    import jax
    import jax.numpy as jnp

    function = in_numpy(foreign)

    def values(*arrays: Any) -> Any:
        kind = jnp.result_type(*arrays)
        shapes = _result_shapes(foreign, arrays, kind)

        def compute(*numbers: Any) -> Any:
            found = function(*map(np.asarray, numbers))
            listed = found if isinstance(found, tuple) else (found,)
            typed = tuple(np.asarray(x, dtype=s.dtype) for x, s in zip(listed, shapes, strict=True))
            return as_returned(typed)

        if not are_traced(arrays):
            return _each(compute(*arrays), jnp.asarray)
        return jax.pure_callback(compute, as_returned(shapes), *arrays, vmap_method="sequential")

    return values


def are_traced(arrays: Sequence[Any]) -> bool:
    """Whether JAX transforms or traces: its arrays then stand for numbers that are not there yet."""
    return any(isinstance(array, sys.modules["jax"].core.Tracer) for array in arrays)


def _result_shapes(foreign: Foreign, arrays: Sequence[Any], kind: Any) -> tuple[Any, ...]:
    import jax

    primitive = foreign.primitive
    batch, sizes = primitive.bind(tuple(tuple(map(Dim.of, a.shape)) for a in arrays))
    shapes = [(*batch, *(d.substitute(sizes) for d in declared.shape)) for declared in primitive.outputs]
    real = tuple(not np.issubdtype(a.dtype, np.complexfloating) for a in arrays)
    single = np.dtype(kind).itemsize <= (4 if all(real) else 8)
    types = [
        ("float32" if single else "float64") if primitive.real(k, real) else ("complex64" if single else "complex128")
        for k in range(len(shapes))
    ]
    return tuple(
        jax.ShapeDtypeStruct(tuple(int(d.value or 0) for d in shape), kind_)
        for shape, kind_ in zip(shapes, types, strict=True)
    )


def _each(found: Any, convert: Function) -> Any:
    return tuple(map(convert, found)) if isinstance(found, tuple) else convert(found)

"""PyTorch's own tracing, at several points.

`make_fx` runs a function and records the operators of ATen that it calls. What escapes it is looked for
here: a value that leaves PyTorch (NumPy, SciPy), a decision that depends on values, randomness, inputs
that are changed in place, dependencies that are cut (`detach`, `no_grad`).
"""

from __future__ import annotations

import linecache
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch._guards import TracingContext, tracing
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functionalize
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

from gradwright.check.tracing.values import Untraceable

_PYTORCH = str(Path(torch.__file__).parent)
_OWN = str(Path(__file__).parent)


class _Watch(TorchFunctionMode):
    """Marks what the function itself detaches.

    `detach`, `.data` and results under `no_grad` become `aten.detach_copy` in the graph, an operator that
    nothing else uses, because PyTorch detaches saved tensors on its own account too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.grad_enabled = True

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        result = func(*args, **(kwargs or {}))
        if name == "_set_grad_enabled":
            self.grad_enabled = bool(args[0])
        if name in ("detach", "detach_") or func == _DATA or not self.grad_enabled:
            return _marked(result)
        return result


# What reading `.data` calls; PyTorch's types have it as a tensor, and not as the descriptor that it is.
_DATA = torch.Tensor.data.__get__  # type: ignore[attr-defined]


def _marked(result: Any) -> Any:
    if not isinstance(result, torch.Tensor) or not _is_inexact(result):
        return result
    with torch._C.DisableTorchFunction():
        return torch.ops.aten.detach_copy(result.detach())


def _is_inexact(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def record(
    function: Callable[..., Any],
    inputs: Sequence[torch.Tensor],
    decompositions: Mapping[Any, Callable[..., Any]],
) -> GraphModule:
    """The operators that a function of tensors calls, as a graph without mutation.

    Raises:
        Untraceable: the function cannot be traced; the message says why, and where.
    """
    graph = _trace(_watched(function), inputs, decompositions)
    if _mutates(graph):
        _refuse_changed_inputs(function, inputs)
        graph = _trace(functionalize(graph, remove="mutations"), inputs, decompositions)
    graph.graph.eliminate_dead_code()
    return graph


def _watched(function: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*tensors: torch.Tensor) -> Any:
        with _Watch():
            return function(*tensors)

    return watched


def _trace(
    function: Callable[..., Any], inputs: Sequence[torch.Tensor], decompositions: Mapping[Any, Callable[..., Any]]
) -> GraphModule:
    # PyTorch notes a shape for every result, and would set up a mode for each of them.
    shapes = tracing(TracingContext(FakeTensorMode(allow_fallback_kernels=True)))
    with warnings.catch_warnings(), torch.enable_grad(), torch.random.fork_rng(devices=[]), shapes:
        warnings.simplefilter("ignore")
        given = _differentiable(inputs)
        try:
            return make_fx(function, decomposition_table=dict(decompositions), tracing_mode="real")(*given)
        except Untraceable:
            raise
        except Exception as error:
            raise Untraceable(_reason(error)) from error


def called(function: Callable[..., Any], inputs: Sequence[torch.Tensor], copied: bool = True) -> Any:
    """What a function gives, from the same state of the random generator every time."""
    with warnings.catch_warnings(), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        return function(*(_differentiable(inputs) if copied else inputs))


class _Counting(TorchFunctionMode):
    """Counts the calls of PyTorch's functions."""

    calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


def calls_of(function: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> int | None:
    """How many functions of PyTorch a function calls; None where it raises."""
    try:
        with _Counting() as counting:
            called(function, inputs)
    except Exception:  # the tracer meets the same error, and says where it is
        return None
    return counting.calls


def _differentiable(inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Copies that autograd follows; they are no leaves, so that a function may change them in place."""
    with torch.enable_grad():
        return [tensor.detach().requires_grad_(_is_inexact(tensor)).clone() for tensor in inputs]


def _mutates(graph: GraphModule) -> bool:
    schemas = [getattr(node.target, "_schema", None) for node in graph.graph.nodes if node.op == "call_function"]
    return any(schema is not None and schema.is_mutable for schema in schemas)


def _refuse_changed_inputs(function: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> None:
    given = _differentiable(inputs)
    called(function, given, copied=False)
    if not all(torch.equal(before, after) for before, after in zip(inputs, given, strict=True)):
        raise Untraceable("the function changes one of its inputs in place")


def _reason(error: Exception) -> str:
    """What to tell of an exception inside the traced function."""
    message = " ".join(str(error).split())
    where = _where(error)
    if "get value out of a tracing tensor" in message:
        return f"a decision or a number that depends on the values of a tensor{where}"
    if type(error).__name__ == "_LinAlgError":
        return f"the function fails at a generic point{where}: {message}"
    short = message if len(message) <= 200 else f"{message[:197]}…"
    return f"the function raises {type(error).__name__}{where}: {short}"


def _where(error: Exception) -> str:
    """The line of the user's code in which an exception arose."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_PYTORCH, _OWN, "<eval_with_key"))
    ]  # fmt: skip
    if not frames:
        return ""
    last = frames[-1]
    line = (last.line or linecache.getline(last.filename, last.lineno or 0)).strip()
    return f" (line {last.lineno}{f': `{line}`' if line else ''})"

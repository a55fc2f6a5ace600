"""From a function of tensors to an expression.

The function is run by PyTorch's own tracer at several sizes and at several values; the operations are read as
one expression over named dimensions; and the expression is held against the function's values at every
point. What cannot be traced is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing

from gradwright.back.render import brief
from gradwright.check.tracing.interpret import Interpretation, interpret, output_node, reasons_of
from gradwright.check.tracing.lockstep import DifferentOperations, Operation, in_lockstep
from gradwright.check.tracing.operators import IGNORING, RANDOM, RULES
from gradwright.check.tracing.recording import called, calls_of, record
from gradwright.check.tracing.sizes import Sizes
from gradwright.check.tracing.subjects import ATTEMPTS, Subject, subject_of
from gradwright.check.tracing.values import Untraceable
from gradwright.core.arithmetic import largest
from gradwright.core.dims import sizes_text
from gradwright.core.evaluate import evaluate
from gradwright.core.facts import closure
from gradwright.core.nodes import Node, Symbol
from gradwright.core.signature import Signature
from gradwright.core.walks import postorder
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen
from gradwright.simplify.pipeline import simplify

TOLERANCE = 1e-8
SINGLE_TOLERANCE = 1e-3
MISSED = (
    "the operations that PyTorch shows do not make up the function's values: a value that leaves PyTorch and comes "
    "back (through NumPy, say), or a condition that holds at single points only"
)
NUDGE = 1e-9
LARGEST_FIXED = 8
# Where PyTorch defines operators by others of ATen; its other definitions are in terms of a further set of operators.
DEFINITIONS = ("torch._decomp.decompositions", "torch._refs.nn.functional")
Function = Callable[..., Any]


@frozen
class Traced:
    """A function as an expression, or why it cannot be one.

    Attributes:
        node: the expression; None if there is none.
        signature: the inputs; dimensions that could not stay names are numbers here.
        reasons: what could not be traced.
        detached: the quantities that the function detaches, in words, without their parts: derivatives take them as
            constants.
        fixed: the dimensions that the trace holds at one size, because the function's steps depend on them.
    """

    node: Node | None
    signature: Signature
    reasons: tuple[str, ...] = ()
    detached: tuple[str, ...] = ()
    fixed: Mapping[str, int] = MappingProxyType({})

    @property
    def text(self) -> str:
        """The expression in mathematical notation, or the reasons."""
        if self.node is None:
            return f"not traced: {'; '.join(self.reasons)}"
        held = sizes_text(self.fixed)
        return brief(self.node) + (f"   (at {held})" if held else "")


@frozen
class _Run:
    """A function recorded at one point."""

    sizes: Mapping[str, int]
    inputs: Sequence[torch.Tensor]
    graph: GraphModule


_Runs = tuple[Subject, list[_Run], dict[str, int]]


def trace_forward(
    function: Function, inputs: Mapping[str, torch.Tensor], declarations: Mapping[str, str] | None = None
) -> Traced:
    """The expression that a function of tensors computes.

    Args:
        function: called with the inputs by position.
        inputs: example values, which settle the sizes; may be empty if there are declarations.
        declarations: dimensions and facts of the inputs, in order. Without them dimensions are named after the
            sizes: equal sizes are one dimension.
    """
    return trace(function, subject_of(inputs, declarations))


def trace_backward(
    backward: Function,
    cotangent: Symbol,
    inputs: Mapping[str, torch.Tensor],
    declarations: Mapping[str, str] | None = None,
) -> Traced:
    """The expression of a hand-written backward, called with the cotangent and the inputs by position."""
    return trace(backward, subject_of(inputs, declarations).with_input(cotangent))


def trace_gradient(
    function: Function,
    wrt: str,
    inputs: Mapping[str, torch.Tensor],
    declarations: Mapping[str, str] | None = None,
    cotangent: Symbol | None = None,
) -> Traced:
    """The expression of the gradient that PyTorch returns: of a custom function, its own backward.

    The cotangent is called `G` if none is given.
    """
    subject = subject_of(inputs, declarations)
    place = subject.signature.names.index(wrt)
    if cotangent is None:
        try:
            cotangent = _cotangent(function, subject)
        except Untraceable as reason:
            return Traced(None, subject.signature, (str(reason),))

    def gradient(G: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
        found = torch.autograd.grad(function(*given), given[place], G, allow_unused=True)[0]
        return torch.zeros_like(given[place]) if found is None else found

    return trace(gradient, subject.with_input(cotangent))


def _cotangent(function: Function, subject: Subject) -> Symbol:
    """A symbol of the shape and the field of what a function returns."""
    subject, runs, _ = _runs(function, subject)
    sizes = Sizes(tuple({name: run.sizes[name] for name in subject.names} for run in runs))
    outputs = in_lockstep([run.graph for run in runs], [run.inputs for run in runs])[-1].results
    if not all(isinstance(output, torch.Tensor) for output in outputs):
        raise Untraceable("the function does not return one tensor")
    dims = [sizes.dim(axis) for axis in zip(*(tuple(output.shape) for output in outputs), strict=True)]
    if any(dim is None for dim in dims):
        raise Untraceable("the shape of the result is not made of the dimensions of the inputs")
    return Symbol("G", tuple(d for d in dims if d), closure({"complex"} if outputs[0].is_complex() else ()))


def trace(function: Function, subject: Subject) -> Traced:
    """The expression that a function computes on the inputs of a subject.

    What has no expression over named dimensions may have one at a fixed size: then that is given. Inputs that
    nobody declared are taken to be what the examples are, if that is needed.
    """
    found = _traced(function, subject, _runs)
    if found.node is None and not subject.declared:
        near = _traced(function, subject.like_examples(), _runs)
        found = found if near.node is None else near
    if found.node is None and subject.names and not found.fixed:
        at_one_size = _traced(function, subject, _runs_at_one_size)
        return found if at_one_size.node is None else at_one_size
    return found


def _traced(function: Function, subject: Subject, runs_of: Callable[..., _Runs]) -> Traced:
    try:
        subject, runs, fixed = runs_of(function, subject)
        sizes = Sizes(tuple({name: run.sizes[name] for name in subject.names} for run in runs))
        operations = in_lockstep([run.graph for run in runs], [run.inputs for run in runs])
        found = interpret(operations, subject.symbols, sizes)
    except Untraceable as reason:
        return Traced(None, subject.signature, (str(reason),))
    except DifferentOperations:
        return Traced(None, subject.signature, ("decisions that depend on the values of its inputs",))
    return _finished(found, subject, runs, fixed)


def _finished(found: Interpretation, subject: Subject, runs: Sequence[_Run], fixed: Mapping[str, int]) -> Traced:
    inside = {part for node in found.notes.detached for part in postorder(*node.children)}
    detached = tuple(brief(simplify(node)) for node in found.notes.detached if node not in inside)
    try:
        node = output_node(found)
        _require_same_values(node, found, subject, runs)
    except Untraceable as reason:
        reasons = tuple(dict.fromkeys((str(reason), *reasons_of(found))))
        return Traced(None, subject.signature, reasons, detached, fixed)
    return Traced(simplify(node), subject.signature, (), detached, fixed)


def _runs_at_one_size(function: Function, subject: Subject) -> _Runs:
    """The function recorded at two points of the same sizes, all dimensions held at them."""
    first = _first_run(function, subject)
    if max(first.sizes.values()) > LARGEST_FIXED:
        raise Untraceable("sizes that are too large to be written out")
    again = _run_at(function, subject, first.sizes, seed=1)
    return subject.fixed(first.sizes), [first, again], dict(first.sizes)


def _runs(function: Function, subject: Subject) -> _Runs:
    """The function recorded at several points with the same operations; the dimensions that had to be held."""
    first = _first_run(function, subject)
    again = _run_at(function, subject, first.sizes, seed=1)
    if not _same_operations(first, again):
        raise Untraceable("decisions that depend on the values of its inputs, or on chance")
    others = _alike(function, subject, first, {})
    if others is not None:
        return subject, [first, *others, again], {}
    fixed = {name: size for name, size in first.sizes.items() if not _may_vary(function, subject, first, name)}
    others = _alike(function, subject, first, fixed) if len(fixed) < len(first.sizes) else None
    if others is None:
        fixed, others = dict(first.sizes), []
    return subject.fixed(fixed), [first, *others, again], fixed


def _alike(function: Function, subject: Subject, first: _Run, fixed: Mapping[str, int]) -> list[_Run] | None:
    """The function at other sizes, some of them held; None as soon as it does other steps there."""
    found: list[_Run] = []
    for sizes in subject.other_sizes(first.sizes):
        run = _attempt(function, subject, {**sizes, **fixed}, first)
        if run is None:
            return None
        found.append(run)
    return found


def _may_vary(function: Function, subject: Subject, first: _Run, name: str) -> bool:
    """Whether the function does the same steps when one dimension has another size."""
    return _attempt(function, subject, {**first.sizes, name: max(first.sizes.values()) + 1}, first) is not None


def _first_run(function: Function, subject: Subject) -> _Run:
    """The function at the user's own values, or at the first generic point where it runs."""
    failure: Untraceable | None = None
    for sizes in subject.first_sizes():
        values = subject.example_values(sizes)
        try:
            if values is None:
                return _run_at(function, subject, sizes)
            return _Run(sizes, values, record(function, values, _decompositions()))
        except Untraceable as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _attempt(function: Function, subject: Subject, sizes: Mapping[str, int], first: _Run) -> _Run | None:
    """The function at other sizes; None where it fails, or does other steps than at the first point.

    A loop that is longer is seen by the number of its calls, which is had for little.
    """
    calls = calls_of(function, subject.values(sizes, seed=0))
    if calls is not None and calls != calls_of(function, first.inputs):
        return None
    try:
        run = _run_at(function, subject, sizes)
    except Untraceable:
        return None
    return run if _same_operations(first, run) else None


def _run_at(function: Function, subject: Subject, sizes: Mapping[str, int], seed: int = 0) -> _Run:
    """The function recorded at generic values; several are tried, for it may fail at some."""
    failure: Untraceable | None = None
    for attempt in range(ATTEMPTS):
        values = subject.values(sizes, seed, attempt)
        try:
            _require_stable(function, values)
            return _Run(sizes, values, record(function, values, _decompositions()))
        except Untraceable as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _require_stable(function: Function, values: Sequence[torch.Tensor]) -> None:
    """Refuse a point at which rounding decides the result: a normal matrix of too few rows is singular."""
    nearby = [value * (1 + NUDGE) for value in values]
    try:
        results = [called(function, point) for point in (values, nearby)]
    except Exception:
        return  # the tracer meets the same error, and says where it is
    if any(isinstance(result, torch.Tensor) and result.layout is not torch.strided for result in results):
        raise Untraceable("a sparse tensor")
    if all(isinstance(result, torch.Tensor) and result.is_floating_point() for result in results):
        one, other = (result.detach() for result in results)
        if not bool(torch.isfinite(one).all()):
            raise Untraceable("the function has no finite value at generic points")
        if (
            one.shape == other.shape
            and one.numel()
            and not torch.allclose(one, other, rtol=0, atol=1e-4 * float(one.abs().amax()))
        ):
            raise Untraceable("the function has no numerically stable value at generic points")


def _same_operations(one: _Run, other: _Run) -> bool:
    nodes = [list(run.graph.graph.nodes) for run in (one, other)]
    return [(n.op, str(n.target)) for n in nodes[0]] == [(n.op, str(n.target)) for n in nodes[1]]


@cache
def _decompositions() -> Mapping[Any, Callable[..., Any]]:
    """PyTorch's own definitions of the operators that have no rule here."""
    from torch._decomp import core_aten_decompositions, decomposition_table

    known = {*RULES, *IGNORING, *RANDOM}
    own = {op: rule for op, rule in decomposition_table.items() if rule.__module__ in DEFINITIONS}
    listed = {**own, **core_aten_decompositions()}
    kept = {op: rule for op, rule in listed.items() if _name(op) not in known and not _mutates(op)}
    return {**kept, torch.ops.aten.equal.default: _equal_conditions}


def _equal_conditions(left: torch.Tensor, right: torch.Tensor) -> Any:
    """Whether two tensors of truth values are equal, which `cov` asks of its constants; the tracer refuses to say."""
    if left.dtype != torch.bool:
        return NotImplemented
    with disable_proxy_modes_tracing():
        return left.shape == right.shape and bool((left == right).all())


def _mutates(operator: Any) -> bool:
    schema = getattr(operator, "_schema", None)
    return schema is None or schema.is_mutable


def _name(operator: Any) -> str:
    return Operation("call_function", operator, {}, ()).name


def _require_same_values(node: Node, found: Interpretation, subject: Subject, runs: Sequence[_Run]) -> None:
    """Hold the expression against the function's own values at every point of the trace."""
    for place, run in enumerate(runs):
        leaves: dict[Node, Any] = {s: t.numpy(force=True) for s, t in zip(subject.symbols, run.inputs, strict=True)}
        leaves |= {known: values[place] for known, values in found.notes.known.items()}
        result = found.operations[-1].results[place]
        returned = result[0] if isinstance(result, list | tuple) else result
        expected = returned.to(torch.complex128 if returned.is_complex() else torch.float64).numpy(force=True)
        tolerance = TOLERANCE if returned.dtype in (torch.float64, torch.complex128) else SINGLE_TOLERANCE
        try:
            with np.errstate(all="ignore"):
                value = evaluate(node, leaves, found.sizes.points[place])
        except GradwrightError as error:
            raise Untraceable(f"the traced expression cannot be evaluated: {error}") from error
        scale = max(largest(expected), 1e-300)
        if value.shape != expected.shape or not np.allclose(value, expected, rtol=0, atol=tolerance * scale):
            raise Untraceable(MISSED)

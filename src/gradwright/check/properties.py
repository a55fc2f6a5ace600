"""How a function behaves beside its numbers: batches, precision, strides, memory, and input that does not fit."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import numpy as np
import torch

from gradwright.check.other_points import TIGHT, agree, near, other_points
from gradwright.check.other_rules import other_rules
from gradwright.check.report import Finding, first_line, held, note, wrong
from gradwright.check.subject import Subject, Unusable
from gradwright.check.truth import Point
from gradwright.core.arithmetic import Array
from gradwright.frozen import replace

CALLS = 10
SINGLE = {torch.float64: torch.float32, torch.complex128: torch.complex64}
LOOSE = 1e-3
UNGUARDED = (
    "where an input is changed in place between the forward and the backward, the gradient is silently another; "
    "PyTorch refuses that for what is saved with ctx.save_for_backward, and not for an attribute of ctx"
)
CHANGED = "the backward must not change what the forward left for it"
SHARED = "what a forward leaves for its backward must go into ctx, where every call has its own"


def properties(subject: Subject, points: list[Point]) -> Iterator[Finding]:
    """Everything that is tried of a function whose numbers are right."""
    yield _strides(subject, points[0])
    yield _precision(subject, points[0])
    yield from other_points(subject, points[0])
    if subject.forward is None or subject.backward is not None:
        return
    yield _batch(subject, points)
    if subject.is_handwritten(points[0].inputs) and not subject.constant.issuperset(subject.wrt):
        yield _calls_apart(subject, points)
        yield from _after_a_change(subject, points[0])
    node = subject.custom_function(points[0].inputs)
    if node is not None:
        yield from other_rules(subject, node, points)
    if subject.node is not None:
        yield _memory(subject, points[0])
    guarded = _guard(subject, points[0])
    if guarded is not None:
        yield guarded


def _strides(subject: Subject, point: Point) -> Finding:
    """The same numbers where inputs and cotangent are not contiguous."""
    question = "non-contiguous tensors"
    inputs = {name: _strided(value) for name, value in point.inputs.items()}
    try:
        found = subject.gradients(_strided(point.cotangent_tensor), inputs)
    except Unusable as problem:
        words = f"it fails on tensors that are transposed or sliced, as PyTorch passes them: {problem}"
        return note(question, words) if subject.backward is not None else wrong(question, words)
    if not agree(found, point.gradients):
        return wrong(question, "the gradient is silently wrong when a tensor is not contiguous")
    return held(question, "the same gradients")


def _strided(value: torch.Tensor) -> torch.Tensor:
    """The same entries, column after column, in every second place of a larger tensor: no `view` joins its axes."""
    if value.dim() > 1:
        return _spread(value.mT).mT
    return _spread(value) if value.dim() else value


def _spread(value: torch.Tensor) -> torch.Tensor:
    larger = torch.zeros((*value.shape[:-1], 2 * value.shape[-1] + 1), dtype=value.dtype)
    larger[..., :-1:2] = value
    return larger[..., :-1:2]


def _precision(subject: Subject, point: Point) -> Finding:
    """Single precision in, single precision out."""
    question = "precision"
    inputs = {name: value.to(SINGLE[value.dtype]) for name, value in point.inputs.items()}
    cotangent = point.cotangent_tensor
    try:
        found = subject.gradients(cotangent.to(SINGLE[cotangent.dtype]), inputs)
    except Unusable as problem:
        return note(question, f"it does not take float32: {problem}")
    kinds = {value.dtype for value in found.values()}
    if not kinds <= set(SINGLE.values()):
        return note(question, f"float32 goes in and {', '.join(map(str, kinds))} comes out".replace("torch.", ""))
    if not agree(found, point.gradients, LOOSE):
        return note(question, "in float32 the gradient is off by more than a thousandth")
    return held(question, "float32 stays float32")


def _calls_apart(subject: Subject, points: list[Point]) -> Finding:
    """The same gradients from a second backward through one graph, after another call, and for each input alone."""
    question, point = "other calls", points[0]
    cotangent, leaves = point.cotangent_tensor, subject.leaves(point.inputs)
    varied = [name for name in subject.wrt if name not in subject.constant]
    value, wanted = subject.value(leaves), [leaves[name] for name in varied]
    torch.autograd.grad(value, wanted, cotangent, retain_graph=True)
    try:
        again = torch.autograd.grad(value, wanted, cotangent, retain_graph=True)
    except RuntimeError as error:
        return wrong(question, f"a second backward through the same graph raises {first_line(error)}: {CHANGED}")
    if not agree(dict(zip(varied, again, strict=True)), point.gradients):
        return wrong(question, f"a second backward through the same graph gives other gradients: {CHANGED}")
    subject.value(points[1 % len(points)].inputs)
    try:
        later = torch.autograd.grad(value, wanted, cotangent)
    except RuntimeError as error:
        return wrong(question, f"after another call, the backward of the first raises {first_line(error)}: {SHARED}")
    if not agree(dict(zip(varied, later, strict=True)), point.gradients):
        return wrong(question, f"after another call, the backward of the first gives other gradients: {SHARED}")
    for name in subject.wrt if len(subject.wrt) > 1 else ():
        try:
            found = replace(subject, wrt=(name,)).gradients(cotangent, point.inputs)
        except Unusable as problem:
            return wrong(question, f"where {name} alone requires a gradient it fails: {problem}")
        if not agree(found, point.gradients):
            return wrong(question, f"where {name} alone requires a gradient, that of {name} is silently wrong")
    return held(question, "the same gradients from a second backward, after another call, and for each input alone")


def _after_a_change(subject: Subject, point: Point) -> Iterator[Finding]:
    """Whether a gradient is another where an input is changed in place after the forward, and PyTorch says nothing."""
    leaves = subject.leaves(point.inputs)
    value = subject.value(leaves)
    with torch.no_grad():
        for leaf in leaves.values():
            leaf.add_(1)
    try:
        found = subject.differentiated(value, point.cotangent_tensor, leaves)
    except Unusable:
        return
    if not agree(found, point.gradients):
        yield note("inputs that are changed", UNGUARDED)


def _batch(subject: Subject, points: list[Point]) -> Finding:
    """A leading axis with two points, in all inputs and in all but one."""
    question = "batches"
    first = points[0]
    second = next((p for p in points[1:] if p.sizes == first.sizes), first)
    try:
        if not _takes_batch(subject, [first, second], None):
            return note(question, "it does not take a leading batch axis")
        bad = _wrong_in_batch(subject, [first, second], None)
    except Unusable as problem:
        return note(question, f"it does not take a leading batch axis: {problem}")
    if bad:
        words = f"the forward takes a leading batch axis, but the gradient of {bad} is then silently wrong"
        return wrong(question, words)
    for alone in subject.names if len(subject.names) > 1 else ():
        shared = [first, replace(second, values={**second.values, alone: first.values[alone]})]
        try:
            bad = _wrong_in_batch(subject, shared, alone) if _takes_batch(subject, shared, alone) else ""
        except Unusable:
            continue
        if bad:
            words = f"where all inputs but {alone} have a leading batch axis, the gradient of {bad} is silently wrong"
            return wrong(question, words)
    return held(question, "a leading batch axis works, forward and backward")


def _takes_batch(subject: Subject, points: list[Point], alone: str | None) -> bool:
    """Whether the forward gives the values at all points, where all inputs but one have an axis of points."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _same(subject.value(_stacked(points, alone)), [point.value for point in points])


def _wrong_in_batch(subject: Subject, points: list[Point], alone: str | None) -> str:
    """The input whose gradient is wrong then; empty if there is none."""
    key = points[0].truth.cotangent.name
    found = subject.gradients(torch.stack([point.tensors[key] for point in points]), _stacked(points, alone))
    for name, value in found.items():
        parts = [point.gradients[name] for point in points]
        if not (near(value, np.sum(parts, axis=0), TIGHT) if name == alone else _same(value, parts)):
            return name
    return ""


def _stacked(points: list[Point], alone: str | None) -> dict[str, torch.Tensor]:
    first = points[0].inputs
    return {n: v if n == alone else torch.stack([p.inputs[n] for p in points]) for n, v in first.items()}


def _memory(subject: Subject, point: Point) -> Finding:
    """The tensors that stay alive after some calls and a collection."""
    question = "memory"
    _calls(subject, point, 2)
    # What there was before is set aside: in a long session it takes seconds to look through.
    gc.freeze()
    try:
        _calls(subject, point, CALLS)
        gc.collect()
        # By type: some objects warn when they are asked for their class.
        kept = sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())
    finally:
        gc.unfreeze()
    if kept >= CALLS:
        words = (
            f"{kept / CALLS:g} tensor(s) are kept for ever by each call: save with ctx.save_for_backward, not as an "
            f"attribute of ctx"
        )
        return wrong(question, words, f"{kept} tensors more after {CALLS} calls")
    return held(question, "nothing is kept after a call", f"{kept} tensors more after {CALLS} calls")


def _calls(subject: Subject, point: Point, count: int) -> None:
    cotangent = point.cotangent_tensor
    for _ in range(count):
        try:
            subject.gradients(cotangent, point.inputs)
        except Unusable:
            return


def _guard(subject: Subject, point: Point) -> Finding | None:
    """A matrix that should be square and is not."""
    square = next((s for s in point.truth.signature.symbols if s.is_square), None)
    if square is None:
        return None
    question = "input that does not fit"
    inputs = {**point.inputs, square.name: torch.cat([point.inputs[square.name]] * 2, dim=1)}
    try:
        subject.value(inputs)
    except Unusable as problem:
        return held(question, f"a matrix {square.name} that is not square is refused", str(problem))
    return note(question, f"a matrix {square.name} that is not square is accepted without a word")


def _same(value: torch.Tensor, parts: list[Array]) -> bool:
    return near(value, np.stack(parts), TIGHT)

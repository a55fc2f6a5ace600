"""The check itself: the questions in their order, each answered by a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from statistics import median

import numpy as np
import torch

from gradwright.check.arrays import in_tensors
from gradwright.check.diagnosis.diagnose import confused, diagnosed, forward_diagnosed
from gradwright.check.diagnosis.strides import packed
from gradwright.check.free_signs import free_signs
from gradwright.check.judging import judged
from gradwright.check.properties import properties
from gradwright.check.report import Finding, Report, held, note, worst, wrong
from gradwright.check.second_order import second_order
from gradwright.check.subject import Subject, Unusable, copied
from gradwright.check.truth import NOISE, Point, Truth, difference, received, usable_points
from gradwright.check.trying import ALONE, POINTS, Tried, narrow, repeats, tried_at_points, wide
from gradwright.core.arithmetic import Array, largest
from gradwright.core.contraction import is_zero
from gradwright.core.dims import sizes_text
from gradwright.core.facts import Facts
from gradwright.core.points import project_array
from gradwright.frozen import frozen, replace
from gradwright.linear.projection import is_structured

FAR_TOLERANCE = 1e-3  # large numbers cancel, and what is clipped is off by more
FAR_NOISE = 1e-3  # of the usual gradient: what is smaller may be what large numbers leave
SINGLE_DIGITS = 1e-5
OF_SINGLE_PRECISION = (
    "it is right to the digits of single precision alone: a constant has too few digits, as 3.14159 for pi, or is of "
    "float32, as torch.tensor(0.1) is, and needs the dtype of the inputs"
)
UNTRIED = "what the function does there was not tried"
FEW_DIGITS = 5e-9  # what double precision is never off by at a usable point, and single precision is
NARROWED = (
    "but to the digits of single precision alone: something is computed in float32, or a constant has too few digits; "
    "PyTorch makes a float64 gradient of it in silence"
)
Progress = Callable[[str], None]


@frozen
class Example:
    """The user's own test point.

    Attributes:
        values: the inputs, and the cotangent if there is one.
        sizes: the sizes of the dimensions there.
    """

    values: Mapping[str, Array]
    sizes: Mapping[str, int]


def examine(subject: Subject, truth: Truth, example: Example | None, progress: Progress) -> Report:
    """Check a function with its gradient against an expression.

    Args:
        subject: the function.
        truth: the expression.
        example: the user's own test point; it is judged, and its sizes serve where other sizes do not work.
        progress: told what is being done.
    """
    meant = f" as {truth.text}" if truth.stated == truth.text else ""
    title = f"{subject.title}{meant}, by {', '.join(truth.wrt)}"
    findings = list(_findings(subject, truth, example.sizes if example else None, progress))
    if example is not None:
        progress("judging the test point")
        findings.append(judged(truth, example.values, example.sizes))
    return Report(title, tuple(findings))


def _findings(subject: Subject, truth: Truth, sizes: Mapping[str, int] | None, progress: Progress) -> Iterator[Finding]:
    progress("deriving the right gradient")
    generic = usable_points(truth, POINTS)
    first = next(iter(generic), None)
    if first is not None:
        subject = in_tensors(subject, first.cotangent_tensor, first.inputs)
        signs = free_signs(subject, generic)
        if signs is not None:
            subject = signs.subject
            yield from signs.findings
    constant = frozenset(name for name, gradient in truth.gradients.items() if is_zero(gradient))
    subject = replace(subject, constant=constant)
    tried, findings = tried_at_points(subject, truth, sizes)
    packing = packed(subject, first) if tried is None and first is not None else None
    if packing is not None:
        subject = packing.subject
        yield wrong("a first call", packing.words)
        tried, findings = tried_at_points(subject, truth, sizes)
    yield from findings
    if tried is None:
        return
    forward = _forward(subject, tried) if subject.forward is not None else None
    if forward is not None:
        yield forward
    automatic = subject.automatic or (subject.backward is None and subject.node is None)
    if automatic and forward is not None and worst([forward]):
        yield note(
            "backward", "the function is differentiated automatically; it is the forward that has to be put right"
        )
        return
    progress("comparing the gradients")
    exchanged = _exchanged(truth, tried)
    backward = [_backward(subject, name, tried, exchanged.get(name), progress) for name in truth.wrt]
    yield from backward
    if tried.untried and not worst(backward):
        where = " or where ".join(tried.untried)
        yield note("branches", f"no point was found where {where}, and the right gradient has a value: {UNTRIED}")
    if not (worst(backward) or tried.single or (forward is not None and worst([forward]))):
        yield from _beyond_gradients(subject, truth, tried, progress)


def _beyond_gradients(subject: Subject, truth: Truth, tried: Tried, progress: Progress) -> Iterator[Finding]:
    """What else is asked of right gradients: how they are differentiated, and take batches, precisions and strides."""
    if any(_is_projected(subject, name, tried) for name in truth.wrt):
        yield note("the rest", "the function is differentiated automatically; no backward of yours takes part")
        return
    progress("differentiating again")
    if subject.outside:
        words = "the backward computes in NumPy or JAX, which PyTorch does not differentiate: none was tried"
        yield note("second derivative", words)
    else:
        yield from (second_order(subject, name, tried.points[0]) for name in truth.wrt)
    progress("trying batches, precision, strides and memory")
    yield from properties(subject, tried.points)


def _forward(subject: Subject, tried: Tried) -> Finding:
    """Whether the forward is the stated expression."""
    question = "forward"
    errors: list[float] = []
    for point in tried.points:
        inputs = {n: narrow(v) for n, v in point.inputs.items()} if tried.single else point.inputs
        try:
            value = subject.value(copied(inputs)).detach()
            again = subject.value(copied(inputs)).detach()
        except Unusable as problem:
            return wrong(question, str(problem))
        if value.shape != again.shape or not repeats(value, again):
            return wrong(question, "it gives another value at every call with the same inputs: it is random")
        got = wide(value).numpy(force=True)
        if got.shape != np.shape(point.value):
            wanted = f"{point.truth.stated} has {np.shape(point.value)}"
            return wrong(question, f"it has the shape {got.shape}, and {wanted}")
        errors.append(difference(got, point.value))
    evidence = f"relative error {max(errors):.1e} at {len(errors)} points, the first {tried.points[0].words()}"
    if max(errors) > tried.tolerance:
        found = None if tried.single else forward_diagnosed(subject, tried.points)
        why = f": {found}" if found else ""
        return wrong(question, f"it is not {tried.points[0].truth.stated}{why}", evidence)
    return held(question, f"it is {tried.points[0].truth.stated}", evidence)


def _exchanged(truth: Truth, tried: Tried) -> dict[str, str]:
    """The variables that got each other's gradients, with whose each got: a permutation of those that are wrong."""
    points = list(zip(tried.gradients, tried.points, strict=True))

    def got(name: str, other: str) -> bool:
        errors = (_error(g[name], p.gradients[other], 1e-9) for g, p in points)
        return all(error <= tried.tolerance for error in errors)

    shapes = {name: truth.signature.symbol(name).shape for name in truth.wrt}
    mistaken = [name for name in truth.wrt if not got(name, name)]
    alike = {a: [b for b in mistaken if b != a and shapes[a] == shapes[b] and got(a, b)] for a in mistaken}
    images = {name: others[0] for name, others in alike.items() if len(others) == 1}
    while (kept := {a: b for a, b in images.items() if a in images.values() and b in images}) != images:
        images = kept
    return images


def _backward(subject: Subject, name: str, tried: Tried, exchanged: str | None, progress: Progress) -> Finding:
    """Whether the gradient of one variable is right; if not, what is wrong."""
    projected = _is_projected(subject, name, tried)
    returned = [_taken(g[name], p, name, projected) for g, p in zip(tried.gradients, tried.points, strict=True)]
    wanted = [point.gradients[name] for point in tried.points]
    # Where the terms of a branch cancel, what is left of them is rounding, and no measure of it.
    usual = max(largest(want) for want in wanted)
    errors = [_error(got, want, max(NOISE * usual, 1e-9)) for got, want in zip(returned, wanted, strict=True)]
    evidence = f"{_measured(errors, returned, wanted)} at {len(errors)} points, the first {tried.points[0].words()}"
    question = f"backward of {name}"
    if max(errors) > tried.tolerance:
        if exchanged is not None:
            return confused(tried.points[0].truth, name, exchanged, evidence)
        progress(f"looking for what is wrong with the gradient of {name}")
        found = diagnosed(subject, name, tried.points, returned, evidence)
        if not found.labels and max(errors) <= SINGLE_DIGITS:
            return wrong(question, OF_SINGLE_PRECISION, evidence)
        fits = [error <= tried.tolerance for error in errors]
        return replace(found, words=f"{_right_at_some_sizes(tried.points, fits)}{found.words}")
    for words, point, gradients in tried.far:
        got, want = _taken(gradients[name], point, name, projected), point.gradients[name]
        if (error := _error(got, want, max(FAR_NOISE * usual, 1e-9))) > FAR_TOLERANCE:
            evidence = f"relative error {error:.1e} there, and {max(errors):.1e} at {len(errors)} other points"
            found = diagnosed(subject, name, [*tried.points, point], [*returned, got], evidence)
            return replace(found, words=f"only {words}: {found.words}")
    right = f"the gradient of {name} is right{_as_taken(returned[0], wanted[0])}"
    if median(errors) > FEW_DIGITS and not tried.single:
        return note(question, f"{right}, {NARROWED}", evidence)
    return held(question, right, evidence)


def _measured(errors: list[float], returned: list[torch.Tensor], wanted: list[Array]) -> str:
    """By how much gradients are off; what has another shape, or is no number, is not off by so much."""
    if any(received(got, want) is None for got, want in zip(returned, wanted, strict=True)):
        return f"the shape {tuple(returned[0].shape)} and not {np.shape(wanted[0])}"
    finite = [error for error in errors if error < float("inf")]
    beside = f", and no finite numbers in {len(errors) - len(finite)} cases," if finite else ""
    if len(finite) < len(errors):
        return f"relative error {max(finite):.1e}{beside}" if finite else "no finite numbers"
    return f"relative error {max(errors):.1e}"


def _taken(gradient: torch.Tensor, point: Point, name: str, projected: bool) -> torch.Tensor:
    """A gradient, or what it is in the tangent space."""
    if not projected:
        return gradient
    return _tangent(gradient, point.truth.signature.symbol(name).facts, point.values[name])


def _right_at_some_sizes(points: list[Point], fits: list[bool]) -> str:
    """The sizes at which the gradient is right at all points, if there are any, beside those at which it never is."""
    other = next((point for point in points if point.sizes != points[0].sizes), None)
    for works, fails in ((points[0], other), (other, points[0])) if other is not None else ():
        right = [fit for point, fit in zip(points, fits, strict=True) if point.sizes == works.sizes]
        others = [fit for point, fit in zip(points, fits, strict=True) if point.sizes == fails.sizes]
        if all(right) and not any(others):
            return f"only where {sizes_text(fails.sizes)} (where {sizes_text(works.sizes)} it is right; {ALONE}): "
    return ""


def _as_taken(returned: torch.Tensor, wanted: Array) -> str:
    """What PyTorch does to a right gradient of another shape."""
    if tuple(returned.shape) == np.shape(wanted):
        return ""
    return f" once it is summed down from the shape {tuple(returned.shape)}, as PyTorch does in an autograd.Function"


def _is_projected(subject: Subject, name: str, tried: Tried) -> bool:
    """Whether PyTorch alone differentiates by a structured variable.

    It knows nothing of the declared set, and its gradient stands for the one in the tangent space.
    """
    point = tried.points[0]
    structured = is_structured(point.truth.signature.symbol(name).facts)
    return structured and not tried.single and not subject.is_handwritten(point.inputs)


def _tangent(gradient: torch.Tensor, facts: Facts, value: Array) -> torch.Tensor:
    return torch.from_numpy(np.array(project_array(gradient.numpy(force=True), facts, value), copy=True))


def _error(got: torch.Tensor, want: Array, least: float) -> float:
    """The relative error, of the gradient as PyTorch takes it."""
    taken = received(got, want)
    return float("inf") if taken is None else difference(taken.numpy(force=True), want, least)

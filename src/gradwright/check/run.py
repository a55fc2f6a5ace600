"""The check itself: the questions in their order, each answered by a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from statistics import median

import numpy as np
import torch

from gradwright.check.arrays import in_tensors
from gradwright.check.diagnosis.diagnose import confused, diagnosed, forward_diagnosed
from gradwright.check.diagnosis.misfits import misfit
from gradwright.check.diagnosis.recording import returned_by_node
from gradwright.check.diagnosis.side_by_side import side_by_side
from gradwright.check.diagnosis.strides import packed
from gradwright.check.judging import judged
from gradwright.check.properties import properties
from gradwright.check.report import Finding, Report, held, note, worst, wrong
from gradwright.check.second_order import second_order
from gradwright.check.subject import Subject, Unusable
from gradwright.check.truth import NOISE, Point, Truth, difference, received, usable_points
from gradwright.core.arithmetic import Array, largest
from gradwright.core.facts import Facts
from gradwright.core.points import project_array
from gradwright.core.walks import free_leaves
from gradwright.frozen import frozen, replace
from gradwright.linear.projection import is_structured

POINTS = 3
TOLERANCE = 1e-7
FAR_TOLERANCE = 1e-3  # large numbers cancel, and what is clipped is off by more
FAR_NOISE = 1e-3  # of the usual gradient: what is smaller may be what large numbers leave
SINGLE_TOLERANCE = 2e-4
SINGLE_DIGITS = 1e-5
OF_SINGLE_PRECISION = (
    "it is right to the digits of single precision alone: a constant has too few digits, as 3.14159 for pi, or is of "
    "float32, as torch.tensor(0.1) is, and needs the dtype of the inputs"
)
FEW_DIGITS = 5e-9  # what double precision is never off by at a usable point, and single precision is
NARROWED = (
    "but to the digits of single precision alone: something is computed in float32, or a constant has too few digits; "
    "PyTorch makes a float64 gradient of it in silence"
)
ALONE = "if sizes like these alone are meant, give example inputs, or declare the sizes as numbers"
REFUSED = "returned an invalid gradient"
Progress = Callable[[str], None]


@frozen
class Tried:
    """The points at which the function could be tried, with what it returned there.

    Attributes:
        points: where.
        gradients: the gradients that it returned, point by point.
        single: whether it computes in single precision.
        narrowed: whether it took double precision, and returned single.
        far: points with a large cotangent, large or small inputs, in words, with the gradients there.
    """

    points: list[Point]
    gradients: list[dict[str, torch.Tensor]]
    single: bool = False
    narrowed: bool = False
    far: tuple[tuple[str, Point, dict[str, torch.Tensor]], ...] = ()

    @property
    def tolerance(self) -> float:
        """How far numbers may be off."""
        return SINGLE_TOLERANCE if self.single else TOLERANCE


@frozen
class Example:
    """The user's own test point.

    Attributes:
        values: the inputs, and the cotangent if there is one.
        sizes: the sizes of the dimensions there.
    """

    values: Mapping[str, Array]
    sizes: Mapping[str, int]


def examine(
    subject: Subject, truth: Truth, example: Example | None = None, progress: Progress = lambda stage: None
) -> Report:
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
    first = next(iter(usable_points(truth, 1)), None)
    if first is not None:
        subject = in_tensors(subject, first.tensors[truth.cotangent.name], first.inputs)
    tried, findings = _tried(subject, truth, sizes)
    packing = packed(subject, first) if tried is None and first is not None else None
    if packing is not None:
        subject = packing.subject
        yield wrong("a first call", packing.words)
        tried, findings = _tried(subject, truth, sizes)
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


def _has_value(subject: Subject, point: Point) -> bool:
    try:
        return subject.forward is None or subject.value(point.inputs) is not None
    except Unusable:
        return False


Domain = tuple[str, Mapping[str, str]]


def _tried(subject: Subject, truth: Truth, sizes: Mapping[str, int] | None) -> tuple[Tried | None, list[Finding]]:
    """The function at generic points; where it fails there, at points of a narrower set, with a finding."""
    first: Unusable | None = None
    existed = False
    for words, domain in _domains(truth):
        for given in (None, sizes) if sizes else (None,):
            points = usable_points(truth, POINTS, given, domain)
            if not points:
                continue
            existed = True
            try:
                tried = _at(subject, points)
            except Unusable as problem:
                first = first or problem
                if not words and not sizes and (found := _at_one_size(subject, points, problem)):
                    return _crossed(subject, truth, found[0], domain), [found[1]]
                if problem.cause is None:
                    return None, [wrong("a first call", str(problem))]
                continue
            return _crossed(subject, truth, tried, domain), _restricted(words, first, tried)
    if not existed:
        needs = "declare what it needs of its variables, such as 'positive' or 'spd'"
        return None, [wrong("generic points", f"the expression has no value at generic points: {needs}")]
    assert first is not None
    return None, [_failed(subject, truth, first)]


def _at_one_size(subject: Subject, points: list[Point], problem: Unusable) -> tuple[Tried, Finding] | None:
    """The function at those sizes alone at which it works, with a finding; None if there are none."""
    both = (points[0], points[-1])
    for works, fails in (both, both[::-1]) if both[0].sizes != both[1].sizes else ():
        try:
            tried = _at(subject, usable_points(works.truth, POINTS, works.sizes))
        except Unusable:
            continue
        words = f"where {_sized(fails)}, {problem}; where {_sized(works)} it works: {ALONE}"
        return tried, wrong("sizes", words)
    return None


def _sized(point: Point) -> str:
    return ", ".join(f"{name} = {size}" for name, size in point.sizes.items())


def _failed(subject: Subject, truth: Truth, problem: Unusable) -> Finding:
    """What fails everywhere; and why, where the shapes in a backward do not fit."""
    question, words = "a first call", f"{problem}, at every point that was tried{_unused(truth, problem)}"
    points = usable_points(truth, POINTS)
    found = misfit(subject, points) if points and _has_value(subject, points[0]) else None
    if found is None:
        return wrong(question, words)
    formulas = side_by_side(truth, truth.gradients[truth.wrt[0]], None) if len(truth.wrt) == 1 else {}
    return wrong(question, f"{words}; {found[0]}, and with that the gradient is right", labels=found[1], **formulas)


def _unused(truth: Truth, problem: Unusable) -> str:
    """Variables that are declared alone: a function that takes as many as the expression has is given too many."""
    leaves = free_leaves(truth.node)
    names = [symbol.name for symbol in truth.signature.symbols if symbol not in leaves]
    if not names or not isinstance(problem.cause, TypeError):
        return ""
    return f"; {' and '.join(names)} is declared and does not occur in {truth.stated}, and was given to it, too"


def _domains(truth: Truth) -> Iterator[Domain]:
    """The declared set; then narrower ones, for a function that fails there."""
    yield "", {}
    symbols = truth.signature.symbols
    yield "with positive entries", {s.name: "positive" for s in symbols if s.rank < 2 and s.real}
    square = {s.name: "spd" for s in symbols if s.rank == 2 and s.shape[0] == s.shape[1]}
    yield "with positive definite matrices", square
    yield (
        "with positive entries and positive definite matrices",
        {s.name: square.get(s.name, "positive") for s in symbols if s.real},
    )


def _restricted(words: str, problem: Unusable | None, tried: Tried) -> list[Finding]:
    found: list[Finding] = []
    if tried.single:
        how = "was given float64 and returns float32" if tried.narrowed else "takes float32 only"
        found.append(note("precision", f"the function {how}, and was judged in that"))
    if words and problem is not None:
        text = f"{problem}, at generic points; {words} it works: declare that ('positive', 'spd'), or handle the rest"
        found.append(wrong("generic points", text))
    elif words:
        text = f"the expression has a value only {words}; it was tried there (declare it to say so)"
        found.append(note("generic points", text))
    elif problem is not None:
        found.append(note("generic points", f"it works at the sizes of the example only: {problem}"))
    return found


def _at(subject: Subject, points: list[Point]) -> Tried:
    """The gradients at some points, in double or else in single precision."""
    try:
        if subject.forward is not None:
            subject.value({name: value.clone() for name, value in points[0].inputs.items()})
        found = [_gradients(subject, point, False) for point in points]
        single = all(value.dtype in (torch.float32, torch.complex64) for g in found for value in g.values())
        return Tried(points, [{n: _wide(v) for n, v in g.items()} for g in found], single, single)
    except Unusable as problem:
        if problem.cause is None or not _is_about_precision(problem):
            raise
        return Tried(points, [{n: _wide(v) for n, v in _gradients(subject, p, True).items()} for p in points], True)


def _crossed(subject: Subject, truth: Truth, tried: Tried, domain: Mapping[str, str]) -> Tried:
    """With more points, at which signs and branches may be other ones.

    Where the function fails at one of these, that says nothing: its values may be none that it is meant for.
    """
    if tried.single:
        return tried
    points, gradients = list(tried.points), list(tried.gradients)
    for number in range(truth.crossings):
        point = truth.crossed(points[0], number, domain)
        if not point.usable:
            continue
        try:
            found = _gradients(subject, point, False)
        except Unusable:
            continue
        if all(bool(torch.isfinite(value).all()) for value in found.values()):
            points.append(point)
            gradients.append({name: _wide(value) for name, value in found.items()})
    return Tried(points, gradients, far=tuple(_far(subject, truth, points[0])))


def _far(subject: Subject, truth: Truth, point: Point) -> Iterator[tuple[str, Point, dict[str, torch.Tensor]]]:
    """The gradients at large cotangents, large and small inputs, where there are any: a right formula may overflow."""
    for words, far in truth.far(point):
        try:
            found = _gradients(subject, far, False)
        except Unusable:
            continue
        if all(bool(torch.isfinite(value).all()) for value in found.values()):
            yield words, far, {name: _wide(value) for name, value in found.items()}


def _is_about_precision(problem: Unusable) -> bool:
    text = str(problem).lower()
    return any(word in text for word in ("dtype", "float", "double", "half", "scalar type"))


def _gradients(subject: Subject, point: Point, single: bool) -> dict[str, torch.Tensor]:
    cotangent, inputs = point.tensors[point.truth.cotangent.name], point.inputs
    if single:
        cotangent, inputs = _narrow(cotangent), {n: _narrow(v) for n, v in inputs.items()}
    first = _once(subject, cotangent, inputs)
    again = _once(subject, cotangent, inputs)
    for name, value in first.items():
        if value.shape != again[name].shape or not _repeats(value, again[name]):
            raise Unusable(f"the gradient of {name} is another at every call with the same inputs: it is random")
    return {name: _settled(value) for name, value in first.items()}


def _settled(value: torch.Tensor) -> torch.Tensor:
    """The numbers of a tensor; PyTorch may have put off a conjugate or a sign, and zeros may take no memory."""
    return value.detach().resolve_conj().resolve_neg().clone()


def _once(subject: Subject, cotangent: torch.Tensor, inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """The gradients; those that PyTorch refuses for their shape, as the backward of an `autograd.Function` has them."""
    try:
        return subject.gradients(cotangent.clone(), {n: v.clone() for n, v in inputs.items()})
    except Unusable as problem:
        found = returned_by_node(subject, cotangent, inputs) if REFUSED in str(problem) else None
        if found is None:
            raise
        return found


def _repeats(left: torch.Tensor, right: torch.Tensor) -> bool:
    return bool(torch.allclose(left.detach(), right.detach(), rtol=1e-6, atol=1e-9, equal_nan=True))


def _narrow(value: torch.Tensor) -> torch.Tensor:
    return value.to(torch.complex64 if value.is_complex() else torch.float32)


def _wide(value: torch.Tensor) -> torch.Tensor:
    return value.to(torch.complex128 if value.is_complex() else torch.float64)


def _forward(subject: Subject, tried: Tried) -> Finding:
    """Whether the forward is the stated expression."""
    question = "forward"
    errors: list[float] = []
    for point in tried.points:
        inputs = {n: _narrow(v) for n, v in point.inputs.items()} if tried.single else point.inputs
        try:
            value = subject.value({n: v.clone() for n, v in inputs.items()}).detach()
            again = subject.value({n: v.clone() for n, v in inputs.items()}).detach()
        except Unusable as problem:
            return wrong(question, str(problem))
        if value.shape != again.shape or not _repeats(value, again):
            return wrong(question, "it gives another value at every call with the same inputs: it is random")
        got = _wide(value).numpy(force=True)
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
            return replace(found, words=f"only {words}, as if something were clipped: {found.words}")
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
            return f"only where {_sized(fails)} (where {_sized(works)} it is right; {ALONE}): "
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

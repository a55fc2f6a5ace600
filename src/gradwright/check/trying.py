"""The function under check at generic points: what it returns there, and where it cannot be tried at all.

A function that fails at points of the declared sets is tried at those of narrower ones, in single precision, and at
single sizes; where it works there alone, a finding says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from gradwright.check.branches import taking, untaken
from gradwright.check.diagnosis.misfits import misfit
from gradwright.check.diagnosis.recording import returned_by_node
from gradwright.check.diagnosis.side_by_side import side_by_side
from gradwright.check.report import Finding, note, wrong
from gradwright.check.subject import Subject, Unusable, copied
from gradwright.check.truth import Point, Truth, usable_points
from gradwright.core.dims import sizes_text
from gradwright.core.walks import free_leaves
from gradwright.frozen import frozen

POINTS = 3
TOLERANCE = 1e-7
SINGLE_TOLERANCE = 2e-4
ALONE = "if sizes like these alone are meant, give example inputs, or declare the sizes as numbers"
REFUSED = "returned an invalid gradient"


@frozen
class Tried:
    """The points at which the function could be tried, with what it returned there.

    Attributes:
        points: where.
        gradients: the gradients that it returned, point by point.
        single: whether it computes in single precision.
        narrowed: whether it took double precision, and returned single.
        far: where the cotangent is large, inputs are large or small, or branches are others: in words, with the
            gradients there.
        untried: where no point was found at which the right gradient has a value.
    """

    points: list[Point]
    gradients: list[dict[str, torch.Tensor]]
    single: bool = False
    narrowed: bool = False
    far: tuple[tuple[str, Point, dict[str, torch.Tensor]], ...] = ()
    untried: tuple[str, ...] = ()

    @property
    def tolerance(self) -> float:
        """How far numbers may be off."""
        return SINGLE_TOLERANCE if self.single else TOLERANCE


Domain = tuple[str, Mapping[str, str]]


def tried_at_points(
    subject: Subject, truth: Truth, sizes: Mapping[str, int] | None
) -> tuple[Tried | None, list[Finding]]:
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
                tried = _gradients_at(subject, points)
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
            tried = _gradients_at(subject, usable_points(works.truth, POINTS, works.sizes))
        except Unusable:
            continue
        words = f"where {sizes_text(fails.sizes)}, {problem}; where {sizes_text(works.sizes)} it works: {ALONE}"
        return tried, wrong("sizes", words)
    return None


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
    square = {s.name: "spd" for s in symbols if s.is_square}
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


def _gradients_at(subject: Subject, points: list[Point]) -> Tried:
    """The gradients at some points, in double or else in single precision."""
    try:
        if subject.forward is not None:
            subject.value(copied(points[0].inputs))
        found = [_gradients(subject, point, False) for point in points]
        single = all(value.dtype in (torch.float32, torch.complex64) for g in found for value in g.values())
        return Tried(points, [{n: wide(v) for n, v in g.items()} for g in found], single, single)
    except Unusable as problem:
        if problem.cause is None or not _is_about_precision(problem):
            raise
        return _in_single(subject, points, problem)


def _in_single(subject: Subject, points: list[Point], problem: Unusable) -> Tried:
    """The gradients in single precision; what fails there, too, is a problem that is not of the precision."""
    try:
        found = [_gradients(subject, point, True) for point in points]
    except Unusable:
        raise problem from None
    return Tried(points, [{n: wide(v) for n, v in g.items()} for g in found], True)


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
            gradients.append({name: wide(value) for name, value in found.items()})
    unusual, untried = _unusual(truth, points)
    return Tried(points, gradients, far=tuple(_far(subject, unusual)), untried=untried)


def _unusual(truth: Truth, points: list[Point]) -> tuple[list[tuple[str, Point]], tuple[str, ...]]:
    """Points with a large cotangent, large and small inputs, or with other branches; the branches without any."""
    found = list(truth.far(points[0]))
    branches = untaken(truth, [*points, *(far for _, far in found)])
    taken = [(branch, taking(branch, points)) for branch in branches]
    found += [(f"where {branch.words}", point) for branch, point in taken if point is not None]
    return found, tuple(branch.words for branch, point in taken if point is None and branch.stated)


def _far(subject: Subject, unusual: list[tuple[str, Point]]) -> Iterator[tuple[str, Point, dict[str, torch.Tensor]]]:
    """The gradients at unusual points, where there are any: a right formula may overflow."""
    for words, far in unusual:
        try:
            gradients = _gradients(subject, far, False)
        except Unusable:
            continue
        if all(bool(torch.isfinite(value).all()) for value in gradients.values()):
            yield words, far, {name: wide(value) for name, value in gradients.items()}


def _is_about_precision(problem: Unusable) -> bool:
    text = str(problem).lower()
    return any(word in text for word in ("dtype", "float", "double", "half", "scalar type"))


def _gradients(subject: Subject, point: Point, single: bool) -> dict[str, torch.Tensor]:
    cotangent, inputs = point.cotangent_tensor, point.inputs
    if single:
        cotangent, inputs = narrow(cotangent), {n: narrow(v) for n, v in inputs.items()}
    first = _once(subject, cotangent, inputs)
    again = _once(subject, cotangent, inputs)
    for name, value in first.items():
        if value.shape != again[name].shape or not repeats(value, again[name]):
            raise Unusable(f"the gradient of {name} is another at every call with the same inputs: it is random")
    return {name: _settled(value) for name, value in first.items()}


def _settled(value: torch.Tensor) -> torch.Tensor:
    """The numbers of a tensor; PyTorch may have put off a conjugate or a sign, and zeros may take no memory."""
    return value.detach().resolve_conj().resolve_neg().clone()


def _once(subject: Subject, cotangent: torch.Tensor, inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """The gradients; those that PyTorch refuses for their shape, as the backward of an `autograd.Function` has them."""
    try:
        return subject.gradients(cotangent.clone(), copied(inputs))
    except Unusable as problem:
        found = returned_by_node(subject, cotangent, inputs) if REFUSED in str(problem) else None
        if found is None:
            raise
        return found


def repeats(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether two calls gave the same."""
    return bool(torch.allclose(left.detach(), right.detach(), rtol=1e-6, atol=1e-9, equal_nan=True))


def narrow(value: torch.Tensor) -> torch.Tensor:
    """In single precision."""
    return value.to(torch.complex64 if value.is_complex() else torch.float32)


def wide(value: torch.Tensor) -> torch.Tensor:
    """In double precision."""
    return value.to(torch.complex128 if value.is_complex() else torch.float64)


def _has_value(subject: Subject, point: Point) -> bool:
    try:
        return subject.forward is None or subject.value(point.inputs) is not None
    except Unusable:
        return False

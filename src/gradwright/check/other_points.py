"""Points that are special and no exceptions: sizes of one, equal and larger sizes, and entries that are zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from gradwright.check.report import Finding, note, wrong
from gradwright.check.subject import Subject, Unusable
from gradwright.check.truth import Point, difference, received
from gradwright.core.arithmetic import Array, largest
from gradwright.core.dims import sizes_text
from gradwright.core.nodes import Solve
from gradwright.core.walks import postorder
from gradwright.frozen import replace

TIGHT = 1e-7
ROUGH = 1e-4  # square matrices, and large ones, may be ill-conditioned, and what is wrong there is off by more
LARGER = 14  # than the usual sizes: blocks of up to 16 are then more than one
NEAR = 1e-7  # a zero: where a gradient bends there, this far away it is nearly the same
BENDS = 1e-5
_OF_ANY_SIGN = {"complex"}


def other_points(subject: Subject, point: Point) -> Iterator[Finding]:
    """What is wrong at special points, where it is right at generic ones."""
    yield from _sizes_of_one(subject, point)
    yield from _equal_sizes(subject, point)
    yield from _larger_sizes(subject, point)
    yield from _zeros(subject, point)


def _sizes_of_one(subject: Subject, point: Point) -> Iterator[Finding]:
    """What goes wrong where dimensions have the size 1, which `squeeze` takes away and broadcasting spreads."""
    for bound in sorted(set(point.sizes.values())):
        # The order of the sizes stays: what is meant for tall matrices is tried at no wide ones.
        sizes = {name: 1 if size <= bound else size for name, size in point.sizes.items()}
        ones = ", ".join(f"{name} = 1" for name, size in sizes.items() if size == 1)
        found = list(_at_sizes(subject, point, sizes, "sizes of one", ones))
        yield from found
        if found:
            return


def _equal_sizes(subject: Subject, point: Point) -> Iterator[Finding]:
    """What goes wrong where all dimensions are equal, so that no shape tells a matrix from its transpose."""
    if len(set(point.sizes.values())) > 1:
        size = max(point.sizes.values())
        where = f"{' = '.join(point.sizes)} = {size}"
        yield from _at_sizes(subject, point, dict.fromkeys(point.sizes, size), "equal sizes", where)


def _larger_sizes(subject: Subject, point: Point) -> Iterator[Finding]:
    """What goes wrong in the second of several blocks."""
    if any(isinstance(node, Solve) for root in point.truth.gradients.values() for node in postorder(root)):
        return  # whose right answer takes time there
    sizes = {name: size + LARGER for name, size in point.sizes.items()}
    where = sizes_text(sizes)
    if sizes:
        yield from _at_sizes(subject, point, sizes, "larger sizes", where)


def _at_sizes(subject: Subject, point: Point, sizes: Mapping[str, int], question: str, where: str) -> Iterator[Finding]:
    if any(length < 1 for length in point.truth.lengths(sizes)):
        return  # a part such as x[2:] is not there
    other = point.truth.point(1, sizes)
    if not other.usable:
        return
    try:
        found = subject.gradients(other.cotangent_tensor, other.inputs)
    except Unusable as problem:
        yield note(question, f"where {where} it fails: {problem}")
        return
    # Much may be zero there, as a derivative of x / |x| is: then what is left is rounding, beside the usual gradient.
    usual = max(largest(value) for value in point.gradients.values())
    if not agree(found, other.gradients, ROUGH, usual):
        yield wrong(question, f"where {where} the gradient is silently wrong")


def _zeros(subject: Subject, point: Point) -> Iterator[Finding]:
    """What goes wrong where entries of the inputs are zero, and the right gradient is none the worse for it."""
    question = "entries that are zero"
    names = [s.name for s in point.truth.signature.symbols if s.rank and s.facts <= _OF_ANY_SIGN]
    other = _with_zeros(point, names, 0.0)
    if not names or not _is_smooth(other, [_with_zeros(point, names, shift) for shift in (NEAR, -NEAR)]):
        return
    try:
        found = subject.gradients(other.cotangent_tensor, other.inputs)
    except Unusable:
        return
    where = f"where an entry of {' and of '.join(names)} is zero"
    if not all(bool(value.isfinite().all()) for value in found.values()):
        yield note(question, f"{where}, the gradient is not finite, and the right one is")
    elif not agree(found, other.gradients):
        yield wrong(question, f"{where}, the gradient is silently wrong")


def _with_zeros(point: Point, names: list[str], shift: float) -> Point:
    """The point with the last entry of some inputs moved to near zero."""
    moved = {name: np.array(point.values[name]) for name in names}
    for value in moved.values():
        value[(-1,) * value.ndim] = shift
    return replace(point, values={**point.values, **moved})


def _is_smooth(point: Point, nearby: list[Point]) -> bool:
    """Whether the gradients exist at a point, and are nearly those on both sides: it is no kink."""
    if not all(p.usable for p in (point, *nearby)):
        return False
    return all(difference(p.gradients[name], value) < BENDS for p in nearby for name, value in point.gradients.items())


def agree(
    found: Mapping[str, torch.Tensor], want: Mapping[str, Array], tolerance: float = TIGHT, least: float = 1e-9
) -> bool:
    """Whether gradients are the right ones, as PyTorch takes them."""
    return all(near(value, want[name], tolerance, least) for name, value in found.items())


def near(got: torch.Tensor, want: Array, tolerance: float, least: float = 1e-9) -> bool:
    """Whether a tensor is the right one, as PyTorch takes it."""
    taken = received(got.detach(), want)
    return taken is not None and difference(taken.numpy(force=True), want, least) <= tolerance

"""Factors of which the definition leaves signs free, computed with other ones than the stated expression has.

`Q R = A` holds for Q and R with the signs of columns and of rows turned, so that a function with a positive diagonal
of R is a right one, too; and PyTorch gives an eigenvector the other sign than NumPy at some matrices. The value F is
the stated one, S, but for a sign σ of each column or row; these do not change nearby, so that `S = σ ∘ F`, and its
gradient at the cotangent G is that of F at `σ ∘ G`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from gradwright.check.report import Finding, note
from gradwright.check.subject import Subject, Unusable, applied, copied
from gradwright.check.truth import Point
from gradwright.core.arithmetic import Array
from gradwright.core.inference import matrix_chain
from gradwright.core.nodes import Apply, Contract, Node
from gradwright.frozen import frozen, replace

MATRIX = 2  # axes
DIGITS = 1e-6
AXES = (0, 1)  # along which a sign is the same
Tensors = Mapping[str, torch.Tensor]


@frozen
class FreeSigns:
    """A function that is the stated one up to signs that are free.

    Attributes:
        subject: the same function with the stated signs.
        findings: that its own are others, if they are.
    """

    subject: Subject
    findings: tuple[Finding, ...]


def free_signs(subject: Subject, points: Sequence[Point]) -> FreeSigns | None:
    """The function with the stated signs, where at some points it is the stated one but for free signs; else None."""
    free = _gauge(points[0].truth.simple)
    if subject.forward is None or not free:
        return None
    try:
        values = [subject.value(copied(point.inputs)).numpy(force=True) for point in points]
    except Unusable:
        return None
    pairs = [(value, np.asarray(point.value)) for value, point in zip(values, points, strict=True)]
    if not all(
        value.shape == stated.shape and _close(_signs(value, stated) * value, stated) for value, stated in pairs
    ):
        return None
    told = f"they are others than those of {points[0].truth.stated}, which are free ({free}): it is judged with them"
    same = all(_close(value, stated) for value, stated in pairs)
    return FreeSigns(_signed(subject, points[0]), () if same else (note("signs", told),))


def _gauge(root: Node) -> str:
    """What is free of a factor, or of its transpose, in words; empty for anything else."""
    chain = matrix_chain(root) if isinstance(root, Contract) and root.rank == MATRIX else None
    factor = chain[0][0].node if chain is not None and len(chain) == 1 else root
    return factor.primitive.gauge if isinstance(factor, Apply) and factor.rank == MATRIX and factor.real else ""


def _close(value: Array, stated: Array) -> bool:
    return np.allclose(value, stated, rtol=DIGITS, atol=DIGITS)


def _signs(value: Array, stated: Array) -> Array:
    """The signs, of columns or of rows, that bring a matrix nearest to another."""
    sums = ((value * stated).sum(axis, keepdims=True) for axis in AXES)
    found = [np.broadcast_to(np.sign(each), value.shape) for each in sums]
    return min(found, key=lambda signs: float(np.abs(signs * value - stated).max()))


def _signed(subject: Subject, point: Point) -> Subject:
    """The function, its value and its cotangent multiplied by the signs that make it the stated one."""
    forward, backward = subject.forward, subject.backward
    assert forward is not None

    def turned(inputs: Tensors, value: Any, given: Any) -> Any:
        """What is given with the signs that the value needs; itself where it needs none."""
        names = tuple(inputs)
        signs = _Signs.apply(point, names, value, *(inputs[name] for name in names))
        return given if _all_positive(signs) else signs * given

    def signed(**inputs: torch.Tensor) -> Any:
        value = applied(forward, (), inputs, subject.names)
        return turned(inputs, value, value) if isinstance(value, torch.Tensor) and value.dim() >= MATRIX else value

    def pulled_back(cotangent: torch.Tensor, **inputs: torch.Tensor) -> Any:
        assert backward is not None
        value = applied(forward, (), inputs, subject.names)
        return applied(backward, (turned(inputs, value, cotangent),), inputs, subject.names)

    return replace(subject, forward=signed, backward=None if backward is None else pulled_back)


def _all_positive(signs: torch.Tensor) -> bool:
    try:
        return bool((signs > 0).all())
    except RuntimeError:  # within torch.vmap nothing can be decided
        return False


class _Signs(torch.autograd.Function):
    """The signs for a value, computed in NumPy, which `torch.vmap` and forward mode go around."""

    @staticmethod
    def forward(point: Point, names: tuple[str, ...], value: torch.Tensor, *inputs: torch.Tensor) -> torch.Tensor:
        found = _signs_at(point, dict(zip(names, inputs, strict=True)), value.numpy(force=True))
        return torch.from_numpy(found.copy()).to(value.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        return None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], point: Point, names: tuple[str, ...], *given: torch.Tensor
    ) -> Any:
        """The signs of every point."""
        pairs = list(zip(given, in_dims[2:], strict=True))
        each = ([t if dim is None else t.select(dim, k) for t, dim in pairs] for k in range(info.batch_size))
        return torch.stack([_Signs.apply(point, names, *tensors) for tensors in each]), 0


def _signs_at(point: Point, inputs: Tensors, value: Array) -> Array:
    """The signs for a value at some inputs, which may have leading axes of points."""
    symbols = point.truth.signature.symbols
    if value.ndim > MATRIX:
        batched = {s.name for s in symbols if inputs[s.name].dim() > s.rank}
        every = ({n: v[k] if n in batched else v for n, v in inputs.items()} for k in range(len(value)))
        return np.stack([_signs_at(point, given, part) for given, part in zip(every, value, strict=True)])
    pairs = (pair for s in symbols for pair in zip(s.shape, inputs[s.name].shape, strict=True))
    sizes = {dim.name: size for dim, size in pairs if dim.name is not None}
    values = {name: given.numpy(force=True) for name, given in inputs.items()}
    return _signs(value, np.asarray(replace(point, sizes={**point.sizes, **sizes}, values=values).value))

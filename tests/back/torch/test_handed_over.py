"""Functions whose forward hands something over to backward leave cotangents and directions that nobody has as None."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

import gradwright as gw

SOURCE = gw.derive(gw.parse("x @ inv(A) @ y", A="n n", x="n", y="n"))
quadratic = SOURCE.function("torch")


class Dropped(torch.autograd.Function):
    """A function that passes no gradient on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> None:
        return None


def inputs() -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = ((3, 3), (3,), (3,))
    return [torch.randn(*s, dtype=torch.float64, generator=generator) + torch.eye(3)[: s[0], 0] for s in shapes]


def test_something_is_handed_over() -> None:
    assert "set_materialize_grads(False)" in SOURCE.source("torch")


def test_no_cotangent() -> None:
    A, x, y = (t.requires_grad_() for t in inputs())
    value = Dropped.apply(quadratic(A, x, y))
    assert isinstance(value, Tensor)
    found = torch.autograd.grad(value + A.sum(), (A, x, y), allow_unused=True)
    assert torch.equal(found[0], torch.ones_like(A)) and found[1:] == (None, None)


@pytest.mark.parametrize("place", range(3))
def test_one_direction(place: int) -> None:
    given = inputs()
    direction = torch.randn_like(given[place])
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(t, direction) if k == place else t for k, t in enumerate(given)]
        tangent = forward_ad.unpack_dual(quadratic(*duals)).tangent
    h = 1e-6
    moved = [[t + sign * h * direction if k == place else t for k, t in enumerate(given)] for sign in (1, -1)]
    assert tangent is not None
    assert torch.allclose(tangent, (quadratic(*moved[0]) - quadratic(*moved[1])) / (2 * h), rtol=1e-6)


def test_autocast_around_backward() -> None:
    """It lowers products in single precision, those of the weighted inverse here, and cotangents may be None."""
    weighted = gw.derive(gw.parse("trace(B @ inv(A) @ B)", A="n n", B="n n")).function("torch")
    A = inputs()[0].float().requires_grad_()
    B = A.detach().mT.contiguous().requires_grad_()
    plain = torch.autograd.grad(weighted(A, B), (A, B))
    value = weighted(A, B)
    with torch.autocast("cpu"):
        found = torch.autograd.grad(value, (A, B))
    assert all(map(torch.equal, found, plain))

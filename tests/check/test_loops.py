"""A mistake in code that runs several times, as in backpropagation through time, is one mistake."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import gradwright as gw

STEPS = 3


def _not_transposed(W: Tensor, h: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    d = g * (1 - h * h)
    return d, W @ d


def _of_another_power(W: Tensor, h: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    d = g * (1 - h)
    return d, W.mT @ d


def recurrent(step: Any) -> Any:
    """`h ↦ tanh(W h)`, several times, with its gradient in W by a step from the last state to the first."""

    class Recurrent(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, W: Tensor, h: Tensor) -> Tensor:
            states = [h]
            for _ in range(STEPS):
                states.append(torch.tanh(W @ states[-1]))
            ctx.save_for_backward(W, *states)
            return states[-1]

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            W, *states = ctx.saved_tensors
            total = torch.zeros_like(W)
            for h, before in zip(states[:0:-1], states[-2::-1], strict=True):
                d, g = step(W, h, g)
                total = total + torch.outer(d, before)
            return total, g

    return Recurrent.apply


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "labels", "words"),
    [
        (_not_transposed, {"missing_transpose"}, "W stands where Wᵀ is due: a transpose is missing; the same each"),
        (_of_another_power, {"wrong_power"}, "raised to 2; the same each time that this runs (d = g * (1 - h))"),
    ],
)  # fmt: skip
def test_a_mistake_in_every_step(step: Any, labels: set[str], words: str) -> None:
    text = "W @ h"
    for _ in range(STEPS - 1):
        text = f"W @ tanh({text})"
    report = gw.check(recurrent(step), f"tanh({text})", wrt="W", variables={"W": "n n", "h": "n"})
    assert report.labels == labels and words in str(report), str(report)

"""Gradients that no small mistake explains, and gradients of the wrong shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import gradwright as gw

UNLIKE: dict[str, tuple[Callable[..., Tensor], str, dict[str, str]]] = {
    "another formula": (lambda G, X: torch.sin(G) @ X + 3, "inv(X)", {"X": "n n"}),
    "a quantity that occurs nowhere": (lambda G, X: G * torch.exp(X @ X), "logdet(X)", {"X": "n n spd"}),
    "functions of the cotangent": (
        lambda G, X, A: torch.linalg.inv(G) @ torch.sin(A), "X @ A", {"X": "n n", "A": "n n"},
    ),
    "sums that belong elsewhere": (
        lambda G, X: X * (1 - X.sum(1, keepdim=True) ** 2) @ (G.mT @ G), "tanh(X)", {"X": "n m"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNLIKE)
def test_what_no_small_mistake_explains_gets_no_name_and_the_right_gradient_is_shown(name: str) -> None:
    backward, text, variables = UNLIKE[name]
    report = gw.check((None, backward), text, variables=variables, wrt="X")
    assert not report.right and not report.labels, str(report)
    (finding,) = report.findings
    assert "no small mistake explains it" in finding.words
    assert finding.right_formula


class _KeepsTheSpreadShape(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: Tensor, c: Tensor) -> Tensor:
        return X + c[:, None]

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor, Tensor]:
        return G, G


def test_a_gradient_that_pytorch_refuses_for_its_shape_is_diagnosed() -> None:
    report = gw.check(_KeepsTheSpreadShape.apply, "X + outer(c, ones(m))", variables={"X": "n m", "c": "n"}, wrt="c")
    assert not report.right
    assert report.labels == {"broadcast_not_reduced"}, str(report)

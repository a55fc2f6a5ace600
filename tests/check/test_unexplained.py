"""Gradients that no small mistake explains, and gradients of the wrong shape."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
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


@pytest.mark.slow
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


def _inverse(X: Tensor) -> Tensor:
    return torch.linalg.inv(X)


JACOBIANS: dict[str, Callable[..., Tensor]] = {
    "output first": lambda G, X: -torch.einsum("ik,lj->ijkl", _inverse(X), _inverse(X)),
    "variable first": lambda G, X: -torch.einsum("ik,lj->klij", _inverse(X), _inverse(X)),
    "of the columns": lambda G, X: -torch.kron(_inverse(X).mT.contiguous(), _inverse(X).contiguous()),
    "of the rows": lambda G, X: -torch.kron(_inverse(X).contiguous(), _inverse(X).mT.contiguous()),
    "of the columns, transposed": lambda G, X: -torch.kron(_inverse(X).contiguous(), _inverse(X).mT.contiguous()),
}


@pytest.mark.sampled
@pytest.mark.parametrize("layout", JACOBIANS)
def test_a_jacobian_in_any_layout_is_told_from_its_product_with_the_cotangent(layout: str) -> None:
    report = gw.check((None, JACOBIANS[layout]), "inv(X)")
    assert not report.right and report.labels == {"missing_chain_factor"}, str(report)
    assert "this is the Jacobian" in str(report)


@pytest.mark.parametrize("order", [lambda V: V.reshape(-1), lambda V: V.mT.reshape(-1)])
def test_a_gradient_as_a_vector(order: Callable[[Tensor], Tensor]) -> None:
    report = gw.check((None, lambda G, X: order(-_inverse(X).mT @ G @ _inverse(X).mT)), "inv(X)")
    assert report.labels == {"wrong_axis"}
    assert "this is the right gradient as a vector" in str(report)


def test_the_gradients_of_two_variables_of_different_shapes_in_the_wrong_order() -> None:
    def backward(G: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
        return A.mT @ G, G @ B.mT

    report = gw.check((None, backward), "A @ B", variables={"A": "n m", "B": "m p"})
    assert report.labels == {"wrong_argument_gradient_swapped"}, str(report)


LAYER = ("tanh(A @ x)", {"A": "m n", "x": "n"}, "A")
LEFT_OUT: dict[str, tuple[Callable[..., Tensor], str, dict[str, str], str, str]] = {
    "a row": (lambda G, A, x: G * (1 - torch.tanh(A @ x) ** 2), *LAYER, "the factor xᵀ is missing on the right of"),
    "the cotangent as a column": (lambda G, A, x: x, "A @ x", *LAYER[1:], "the factor G is missing on the left of x"),
    "a vector at the end": (
        lambda G, A, x: G * (A + A.mT), "x @ A @ x", {"A": "n n", "x": "n"}, "x",
        "the factor x is missing on the right",
    ),
    "a vector at the end of one of two terms": (
        lambda G, A, B, x: A.mT @ G @ B @ x + B.mT @ G.mT @ A, "outer(A @ x, B @ x)",
        {"A": "m n", "B": "p n", "x": "n"}, "x", "the factor x is missing on the right of B.T @ G.T @ A",
    ),
}  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_vector_that_is_left_out_so_that_the_shape_is_another(name: str) -> None:
    backward, text, variables, wrt, words = LEFT_OUT[name]
    report = gw.check((None, backward), text, wrt=wrt, variables=variables)
    assert report.labels == {"missing_chain_factor"}, str(report)
    assert words in str(report)


@pytest.mark.slow
def test_what_is_no_number_at_some_points_is_diagnosed_at_the_others() -> None:
    def backward(G: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return G * x / torch.sqrt(0.5 + x)

    report = gw.check((None, backward), "sum(sqrt(1/2 + x ** 2))", variables={"x": "n"})
    assert report.labels == {"wrong_power"}, str(report)


def _iterated(G: Tensor, a: Tensor) -> Tensor:
    slope = torch.ones_like(a)
    for _ in range(16):
        slope, a = slope * (torch.cos(a) + 0.1 * a), torch.sin(a) + 0.05 * a**2
    return G * slope


@pytest.mark.slow
def test_a_formula_that_doubles_with_every_step_of_a_loop_is_written_in_letters() -> None:
    report = gw.check((None, _iterated), "sin(sin(a))", variables={"a": ""})
    assert not report.right
    assert len(str(report)) < 20_000 and "where" in report.findings[0].written_formula


def _accumulated(G: Tensor, X: Tensor) -> Tensor:
    found = G
    for step in range(8):
        found = found + torch.tanh(X @ G.mT) * found / (step + 1)
        found = found - found.mean(0, keepdim=True) * torch.exp(-(found**2))
    return found


@pytest.mark.slow
def test_a_long_computation_that_nothing_explains_takes_so_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    program = import_module("gradwright.check.diagnosis.program")
    run, calls = program.Instruction.run, []
    monkeypatch.setattr(program.Instruction, "run", lambda self, *given: calls.append(1) or run(self, *given))
    report = gw.check((None, _accumulated), "tanh(X)", variables={"X": "n n"})
    assert "no small mistake explains it" in str(report)
    assert len(calls) < 450_000


def test_no_numbers_and_nothing_computed() -> None:
    report = gw.check((None, lambda G, X: torch.full_like(X, torch.nan)), "sum(X * X)", variables={"X": "n m"})
    assert "no finite numbers at" in str(report)


@pytest.mark.slow
def test_a_loop_that_uses_a_value_twice_in_every_step_is_checked_without_an_expression() -> None:
    def forward(x: Tensor) -> Tensor:
        for _ in range(18):
            x = torch.sin(x) + 0.05 * x**2
        return x

    report = gw.check(forward, variables={"x": "n"})
    assert report.right and len(str(report)) < 20_000, str(report)[:1000]

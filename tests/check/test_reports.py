"""What a report says, where the user's computation or the expression is long."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor

import gradwright as gw
from gradwright.check.diagnosis.notation import Printer
from gradwright.check.diagnosis.program import record

RESCALED = "x / sqrt(mean(x ** 2) + 1e-5)"


def _reciprocal_by_iteration(inputs: Mapping[str, Tensor]) -> Tensor:
    x, y = inputs["x"], inputs["x"] / 10
    for _ in range(25):
        y = y * (2 - x * y)
    return y


def test_what_an_iteration_computes_is_written_in_short() -> None:
    program = record(_reciprocal_by_iteration, {"x": torch.ones(3)})
    assert program is not None
    assert max(len(text) for text, _ in Printer(program).texts.values()) < 10_000


@pytest.mark.slow
def test_of_a_long_line_the_marked_part_is_shown() -> None:
    def backward(G: Tensor, x: Tensor) -> Tensor:
        for _ in range(16):
            G = G * torch.cos(x) / torch.cos(x)
        return G * (x + 4)

    (finding,) = gw.check((None, backward), "x ** 2 / 2 + 5 * x", variables={"x": "n"}).findings
    assert finding.words.startswith("the number 4 should be 5")
    assert finding.code.startswith("… ") and finding.code.endswith("«x + 4»")


def test_a_long_expression_is_said_once() -> None:
    text = " + ".join(f"x * {number}" for number in range(1, 40))
    report = gw.check((None, lambda G, x: 780 * G), text, variables={"x": "n"})
    assert report.right and text not in str(report)


def test_a_number_of_the_forward_is_solved_for() -> None:
    report = gw.check(lambda x: x / torch.sqrt((x**2).mean() + 1e-3), RESCALED, variables={"x": "n"})
    assert "the number 0.001 should be 1e-05" in str(report)


def test_of_a_number_with_too_few_digits_the_digits_are_told() -> None:
    report = gw.check((None, lambda G, x: G * (1 + 3.14159 * x)), "x + pi * x**2 / 2", variables={"x": "n"})
    assert not report.right and "too few digits, as 3.14159 for pi" in str(report)


class _Eigh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, S: Tensor) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(S)
        ctx.save_for_backward(values, vectors)
        return values, vectors

    @staticmethod
    def backward(ctx: Any, g: Tensor, G: Tensor) -> Tensor:  # type: ignore[override]
        values, vectors = ctx.saved_tensors
        gaps = values[:, None] - values[None, :]
        gaps.diagonal().fill_(torch.inf)
        found = vectors @ (torch.diag(g) + vectors.mT @ G / gaps) @ vectors.mT
        return (found + found.mT) / 2


@pytest.mark.slow
def test_differences_the_other_way_round_have_the_wrong_sign() -> None:
    def exponential(S: Tensor) -> Tensor:
        values, vectors = _Eigh.apply(S)  # type: ignore[misc]
        return vectors * values.exp() @ vectors.mT

    report = gw.check(exponential, "matrix_exp(S)", variables={"S": "n n symmetric"})
    assert report.labels == {"wrong_sign"}, str(report)


@pytest.mark.slow
def test_of_a_long_computation_what_is_soon_tried_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("gradwright.check.diagnosis.candidates"), "MOST_CALLS", 3_000)

    def backward(G: Tensor, q: Tensor) -> Tensor:
        g = torch.stack([G[0, 0] + G[1, 1], G[1, 0] - G[0, 1]])
        for _ in range(20):
            g = g * torch.cosh(q) / torch.cosh(q)
        return g / q.norm()

    text = "block([[q[0], -q[1]], [q[1], q[0]]]) / norm(q)"
    report = gw.check((None, backward), text, variables={"q": "2"})
    assert report.labels <= {"missing_projection", "missing_term", "detached_dependency"} and report.labels, str(report)


def _by_samples(G: Tensor, A: Tensor, B: Tensor) -> Tensor:
    return torch.stack([G[k] @ B[0].mT for k in range(len(A))])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backward", "text", "variables", "words"),
    [
        (lambda G, x: -G * x, "mean(x ** 2)", {"x": "n"}, "is n/2 times what it should be"),
        (
            _by_samples, "einsum('bij,bjk->bik', A, B)", {"A": "b n m", "B": "b m k"},
            "the index 0 in B[0] stays the same",
        ),
        (
            lambda G, T, x: torch.einsum("ki,jik->j", G, T), "einsum('ijk,j->ki', T, x)", {"T": "n n n", "x": "n"},
            "the subscripts jik of T in einsum should be ijk",
        ),
        (
            lambda G, A, B: A @ G, "einsum('bij,bjk->bik', A, B)", {"B": "b n m", "A": "b n n"},
            "the last two axes of A have to change places",
        ),
        (
            lambda G, X, x, y: -G * X.mT @ (1 - y * (X @ x) > 0).to(X), "sum(maximum(ones(m) - y * (X @ x), zeros(m)))",
            {"X": "m n", "x": "n", "y": "m"}, "1 - y * (X @ x) > 0 has to be multiplied by y",
        ),
    ],
)  # fmt: skip
def test_the_words_of_a_mistake(backward: Any, text: str, variables: dict[str, str], words: str) -> None:
    wrt = "A" if "A" in variables and "x" not in variables else "x"
    report = gw.check((None, backward), text, wrt=wrt, variables=variables)
    assert words in str(report), str(report)

"""Expressions with branches: a mistake in one of them is seen, whichever the first points take."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import gradwright as gw

Function = Callable[..., Tensor]

HINGE = ("relu(1 - y * dot(w, x))", {"y": "", "w": "n", "x": "n"}, "w")
TRACE = ("relu(trace(X))", {"X": "n n"}, "X")
BIASED = ("relu(dot(w, x) - b)", {"w": "n", "x": "n", "b": ""}, "b")
CHOSEN = ("where(sum(x) > 0, x @ y, x @ z)", {"x": "n", "y": "n", "z": "n"}, "x")

WRONG: dict[str, tuple[tuple[str, dict[str, str], str], Function]] = {
    "a hinge": (HINGE, lambda G, y, w, x: -G * y * x),
    "a trace, which is positive at well-placed matrices": (TRACE, lambda G, X: G * torch.eye(len(X), dtype=X.dtype)),
    "by a scalar": (BIASED, lambda G, w, x, b: -G),
    "one branch for both": (CHOSEN, lambda G, x, y, z: G * y),
}


def _of_relu_over_itself(G: Tensor, S: Tensor) -> Tensor:
    Y = torch.cholesky_inverse(torch.linalg.cholesky(S))
    return G * ((S > 0) * Y - Y @ torch.relu(S) @ Y)


RIGHT: dict[str, tuple[tuple[str, dict[str, str], str], Function]] = {
    "a hinge": (HINGE, lambda G, y, w, x: -G * y * x * (1 - y * (w @ x) > 0)),
    "a trace": (TRACE, lambda G, X: G * (X.trace() > 0) * torch.eye(len(X), dtype=X.dtype)),
    "a gradient whose terms cancel where all entries are positive": (
        ("trace(relu(S) @ inv(S))", {"S": "n n spd"}, "S"),
        lambda G, S: _of_relu_over_itself(G, S),
    ),
    "a value that exists on one side only": (
        ("abs(logdet(X))", {"X": "n n"}, "X"),
        lambda G, X: G * X.logdet().sign() * torch.linalg.inv(X).mT,
    ),
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", WRONG)
def test_a_mask_that_is_missing_is_seen(name: str) -> None:
    (text, variables, wrt), backward = WRONG[name]
    report = gw.check((None, backward), text, variables=variables, wrt=wrt)
    assert not report.right and report.labels == {"missing_mask"}, str(report)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "declared", "backward"),
    [
        ("sum(svdvals(X))", "n n symmetric", lambda G, X: G * torch.eye(len(X), dtype=X.dtype)),
        ("slogdet(X).logabsdet", "n n", lambda G, X: G * X.det().sign() * torch.linalg.inv(X).mT),
        ("signm(X)", "n n", lambda G, X: 0 * G),
    ],
)
def test_what_is_right_for_positive_eigenvalues_only_is_wrong(text: str, declared: str, backward: Function) -> None:
    assert not gw.check((None, backward), text, variables={"X": declared}, wrt="X").right


@pytest.mark.parametrize("name", RIGHT)
def test_what_has_the_mask_is_right(name: str) -> None:
    (text, variables, wrt), backward = RIGHT[name]
    report = gw.check((None, backward), text, variables=variables, wrt=wrt)
    assert report.right and not report.labels, str(report)


def test_a_function_that_fails_at_the_further_points_is_judged_by_the_others() -> None:
    def backward(G: Tensor, X: Tensor) -> Tensor:
        if X.trace() < 0:
            raise ValueError("the trace has to be positive")
        return G * torch.eye(len(X), dtype=X.dtype)

    assert gw.check((None, backward), "relu(trace(X))", variables={"X": "n n"}).right


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "backward", "words"),
    [
        ("where(x > 100, x ** 2, x)", lambda G, x: G * 1, "only where x > 100: "),
        ("where(x > 100, x ** 2, x)", lambda G, x: G * torch.where(x > 100, 2 * x, 1), "the gradient of x is right"),
        ("where(abs(x - 4) < 0.5, x ** 2, x)", lambda G, x: G * 1, "only where |x − 4| < ½: "),
        (
            "x / maximum(norm(x), 0.001)",
            lambda G, x: (G - x * (x @ G) / (x @ x)) / x.norm(),
            "only where ‖x‖ < 0.001: ",
        ),
    ],
)
def test_a_branch_that_generic_points_do_not_take(text: str, backward: Function, words: str) -> None:
    report = gw.check((None, backward), text, variables={"x": "n"})
    assert report.findings[0].words.startswith(words), str(report)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variables", "backward", "words", "label"),
    [
        ("where(abs(x) < 1, x ** 2 / 2, abs(x) - 1 / 2)", {"x": "n"}, lambda G, x: G * torch.where(x > 0, x, x.sign()),
         "the mask x > 0 should be [|x| < 1]", "wrong_mask"),
        ("relu(1 - y * x)", {"x": "n", "y": "n"}, lambda G, x, y: -G * y * (y * x < 0),
         "the mask y * x < 0 should be [1 − y ∘ x > 0]", "wrong_mask"),
        ("norm(x)", {"x": "n"}, lambda G, x: G * x / (x.norm() + 1e-5),
         "the summand 1e-05 does not belong", "extra_term"),
        ("sin(x)", {"x": "n"}, lambda G, x: (G * x.cos()).clamp(-0.5, 0.5),
         "clamp cuts off entries of G * cos(x), and does not belong", "extra_term"),
    ],
)  # fmt: skip
def test_what_is_due_in_the_place_of_a_mask(
    text: str, variables: dict[str, str], backward: Function, words: str, label: str
) -> None:
    (finding, *_) = gw.check((None, backward), text, variables=variables, wrt="x").findings
    assert finding.labels == (label,) and finding.words.startswith(words), str(finding)


def test_a_branch_that_was_not_tried_is_said() -> None:
    report = gw.check((None, lambda G, x: G / (2 * x.sqrt())), "where(x > 0, sqrt(x), 0 * x)", variables={"x": "n"})
    (words,) = (finding.words for finding in report.findings if finding.question == "branches")
    assert report.right and words.startswith("no point was found where x > 0 does not hold, ")

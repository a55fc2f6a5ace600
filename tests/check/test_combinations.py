"""Mistakes that come together, and mistakes in what a mask compares, are named by what they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import gradwright as gw

Function = Callable[..., Tensor]
SQUARE = {"A": "n n", "X": "n n", "Y": "n n"}
RELU_OF_DIFFERENCE = "relu(X @ Y - X @ Y.T)"

CASES: dict[str, tuple[Function, Function, str, dict[str, str], set[str]]] = {
    "a sign in what a mask compares": (
        lambda X, Y: torch.relu(X @ Y - X @ Y.mT),
        lambda G, X, Y: (G * (X @ Y + X @ Y.mT > 0)) @ (Y.mT - Y),
        RELU_OF_DIFFERENCE, {"X": "n n", "Y": "n n"}, {"wrong_mask"},
    ),
    "a mask without the bias that is added first": (
        lambda X, b: torch.relu(X + b).sum(1),
        lambda G, X, b: G[:, None] * (X > 0),
        "sum(relu(X + outer(ones(n), b)), axis=1)", {"X": "n m", "b": "m"}, {"wrong_mask"},
    ),
    "two products of entries for two products of matrices": (
        lambda A, X, Y: A @ X @ Y,
        lambda G, A, X, Y: A.mT * G * Y.mT,
        "A @ X @ Y", SQUARE, {"elementwise_instead_of_matrix_product"},
    ),
    "a transpose and a factor": (
        torch.linalg.inv,
        lambda G, X: -3 * torch.linalg.inv(X) @ G @ torch.linalg.inv(X).mT,
        "inv(X)", {"X": "n n"}, {"missing_transpose", "wrong_factor"},
    ),
    "a transpose, a factor and a sign": (
        torch.linalg.inv,
        lambda G, X: 3 * torch.linalg.inv(X) @ G @ torch.linalg.inv(X).mT,
        "inv(X)", {"X": "n n"}, {"missing_transpose", "wrong_factor", "wrong_sign"},
    ),
    "twice one term for the sum of it and its mirror image": (
        lambda X: X.mT @ X,
        lambda G, X: 2 * X @ G,
        "X.T @ X", {"X": "n m"}, {"not_symmetrised"},
    ),
    "no mistake": (lambda X: X.mT @ X, lambda G, X: X @ (G + G.mT), "X.T @ X", {"X": "n m"}, set()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_labels_of_a_backward(name: str) -> None:
    forward, backward, text, variables, labels = CASES[name]
    report = gw.check((forward, backward), text, variables=variables, wrt="X")
    assert report.labels == labels
    assert report.right is not bool(labels)

"""Squares of sums that nearly vanish are computed from the sums, not from terms that cancel."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

rng = np.random.default_rng(0)
Q = np.linalg.qr(rng.normal(size=(20, 4)))[0]
X = Q + 1e-9 * rng.normal(size=Q.shape)
B = Q @ rng.normal(size=(4, 5)) + 1e-9 * rng.normal(size=(20, 5))
x = 1e6 + rng.normal(size=20)
SQUARES = {
    "norm(X.T @ X - eye(d))**2": ({"X": "n d"}, {"X": X}, X.T @ X - np.eye(4)),
    "trace((X.T @ X - eye(d)) @ (X.T @ X - eye(d)))": ({"X": "n d"}, {"X": X}, X.T @ X - np.eye(4)),
    "norm((eye(n) - Q @ Q.T) @ B)**2": ({"Q": "n m", "B": "n k"}, {"Q": Q, "B": B}, B - Q @ (Q.T @ B)),
    "norm((eye(n) - ones(n, n) / n) @ x)**2": ({"x": "n"}, {"x": x}, x - np.mean(x)),
    "trace(B.T @ (eye(n) - Q @ Q.T) @ B)": ({"Q": "n m stiefel", "B": "n k"}, {"Q": Q, "B": B}, B - Q @ (Q.T @ B)),
    "norm(K - diag(x))**2": ({"K": "n n", "x": "n"}, {"K": np.diag(x) + 1e-6, "x": x}, np.diag(x) + 1e-6 - np.diag(x)),
    "norm(A - a * eye(n))**2": ({"A": "n n", "a": ""}, {"A": 3e3 * np.eye(4) + 1e-6, "a": 3e3}, np.full((4, 4), 1e-6)),
}


@pytest.mark.parametrize("text", SQUARES)
def test_a_square_keeps_its_digits(text: str) -> None:
    declared, point, root = SQUARES[text]
    found = gw.parse(text, **declared).compile("numpy")(**point)
    np.testing.assert_allclose(found, np.sum(root**2), rtol=1e-5)

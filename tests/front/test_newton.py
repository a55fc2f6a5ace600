"""Newton's method as the forward function of what an identity defines."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw


@pytest.mark.slow
def test_a_steep_fixed_point_is_found_from_one_of_many_points() -> None:
    gw.define("steep", "y = tanh(W @ y + b)", unknown="y: n", given="W: n n, b: n")
    steep = gw.parse("steep(W, b)", W="n n", b="n")
    for seed in (7, 9):
        generator = np.random.default_rng(seed)
        W, b = 4 * generator.normal(size=(20, 20)) / 20**0.5, generator.normal(size=20)
        y = steep.evaluate(W=W, b=b)
        np.testing.assert_allclose(np.tanh(W @ y + b), y, atol=1e-8)


@pytest.mark.slow
def test_a_known_solution_is_followed_to_other_inputs() -> None:
    """Of a Riccati equation few starting points lead to the solution that is positive definite."""
    filtered = gw.define(
        "filtered",
        "P = A @ P @ A.T + Q - A @ P @ C.T @ inv(C @ P @ C.T + R) @ C @ P @ A.T",
        unknown="P: n n spd",
        given={"A": "n n", "C": "m n", "Q": "n n spd", "R": "m m spd"},
    )
    m, n = filtered.primitive.witnesses[0]["C"].shape
    covariance = gw.parse("filtered(A, C, Q, R)", A="n n", C="m n", Q="n n spd", R="m m spd")
    for seed in (0, 1, 8):
        generator = np.random.default_rng(seed)
        A, C = 3 * generator.normal(size=(n, n)), generator.normal(size=(m, n))
        P = covariance.evaluate(A=A, C=C, Q=np.eye(n), R=np.eye(m))
        assert np.linalg.eigvalsh(P)[0] > 0

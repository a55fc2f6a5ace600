"""Fixed points and optima in one unknown or several, with and without constraints."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError


def test_an_intercept_is_a_variable_of_its_own() -> None:
    line = gw.optimum("line", "norm(X @ w + b * ones(n) - y)**2 + norm(w)**2", over="w: m, b: ", given="X: n m, y: n")
    found = line(gw.matrix("X", "n", "m"), gw.vector("y", "n"))
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(5, 2)), generator.normal(size=5)
    w, b = found.w.evaluate(X=X, y=y), found.b.evaluate(X=X, y=y)
    assert np.allclose(X.T @ (X @ w + b - y) + w, 0)
    assert np.isclose(np.sum(X @ w + b - y), 0)
    assert gw.derive(found.b).verify().right


def test_coupled_fixed_points() -> None:
    pair = gw.fixed_point("pair", ["tanh(W @ v)", "V @ u + b"], unknown="u: n, v: n", given="W: n n, V: n n, b: n")
    found = pair(gw.matrix("W", "n", "n"), gw.matrix("V", "n", "n"), gw.vector("b", "n"))
    assert gw.derive(found.u).verify().right


def test_zero_on_the_right_and_names_of_multipliers() -> None:
    nearest = gw.optimum("nearest", "norm(x - l1)**2", over="x: n", given="l1: n, A: m n", subject_to="A @ x = 0")
    found = nearest(gw.vector("l1", "n"), gw.matrix("A", "m", "n"))
    A, z = np.random.default_rng(1).normal(size=(2, 4)), np.arange(4.0)
    assert np.allclose(found.x.evaluate(l1=z, A=A), z - np.linalg.pinv(A) @ A @ z)
    assert found.l2.shape == (gw.dim("m"),)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(GradwrightError, match=r"2 unknown.s. and 1 update.s., and each unknown needs one"):
        gw.fixed_point("f", "tanh(W @ y)", unknown="y: n, z: n", given="W: n n")
    with pytest.raises(GradwrightError, match="without '='"):
        gw.fixed_point("f", "y = tanh(y + b)", unknown="y: n", given="b: n")
    with pytest.raises(GradwrightError, match="of inequalities, only those count"):
        gw.optimum("f", "norm(x - z)**2", over="x: n", given="z: n", subject_to=["x <= z"])
    with pytest.raises(GradwrightError, match="neither the objective nor a constraint depends on 'b'"):
        gw.optimum("f", "norm(x - z)**2", over="x: n, b: ", given="z: n")

"""Functions that are given as fixed points and as optima, in one unknown or several, with and without constraints."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import ConditionError, GradwrightError

RIDGE = "norm(X @ w - y)**2 + a * norm(w)**2"
SHAPES = {"X": "n m", "y": "n", "a": "positive"}


def test_an_optimum_is_the_point_where_the_gradient_vanishes_and_every_step_holds() -> None:
    gw.optimum("ridge_weights", RIDGE, over="w: m", given=SHAPES)
    weights = gw.parse("ridge_weights(X, y, a)", **SHAPES)
    generator = np.random.default_rng(3)
    X, y = generator.normal(size=(5, 3)), generator.normal(size=5)
    expected = np.linalg.solve(X.T @ X + 0.7 * np.eye(3), X.T @ y)
    assert np.allclose(weights.evaluate(X=X, y=y, a=0.7), expected)
    derivation = gw.derive(weights, wrt="y")
    assert derivation.verify().right
    assert str(derivation.differential) == "(a I + Xᵀ X)⁻¹ Xᵀ dy"


def test_a_number_before_terms_that_cancel_does_not_make_a_step_wrong() -> None:
    gw.define("twice_ridge", "2 * (a * w + X.T @ (X @ w - y)) = zeros(m)", unknown="w: m", given=SHAPES)
    steps = gw.derive(gw.parse("twice_ridge(X, y, a)", **SHAPES), wrt="y").steps
    assert all(step.check.passed for step in steps)


def test_constraints_keep_the_numbers_that_multipliers_are_measured_by() -> None:
    gw.optimum("nearest", "norm(x - z)**2", over="x: n", given="z: n, A: m n, b: m", subject_to=["A @ x = b"])
    shapes = {"z": "n", "A": "m n", "b": "m"}
    generator = np.random.default_rng(4)
    z, A, b = generator.normal(size=4), generator.normal(size=(2, 4)), generator.normal(size=2)
    multiplier = 2 * np.linalg.solve(A @ A.T, A @ z - b)
    point = z - A.T @ multiplier / 2
    assert np.allclose(gw.parse("nearest(z, A, b).x", **shapes).evaluate(z=z, A=A, b=b), point)
    assert np.allclose(gw.parse("nearest(z, A, b).l1", **shapes).evaluate(z=z, A=A, b=b), multiplier)
    assert gw.derive(gw.parse("nearest(z, A, b).x", **shapes), wrt="z").verify().right


@pytest.mark.slow
def test_a_fixed_point_solves_its_update() -> None:
    gw.fixed_point("equilibrium", "tanh(W @ y + b)", unknown="y: n", given="W: n n, b: n")
    shapes = {"W": "n n", "b": "n"}
    generator = np.random.default_rng(5)
    W, b = generator.normal(size=(3, 3)) / 4, generator.normal(size=3)
    value = gw.parse("equilibrium(W, b)", **shapes)
    y = value.evaluate(W=W, b=b)
    assert np.allclose(y, np.tanh(W @ y + b))
    assert gw.derive(value, wrt="W").verify().right


@pytest.mark.slow
@pytest.mark.parametrize("library", ["numpy", "jax"])
def test_a_function_without_a_forward_is_solved_by_newton_s_method_in_plain_modules(library: str) -> None:
    root = gw.define("cube_root", "Y @ Y @ Y = A", unknown="Y: n n spd", given="A: n n spd")
    derivation = gw.derive(root(gw.matrix("A", "n", "n", facts="spd")), wrt="A")
    generator = np.random.default_rng(6)
    A = np.cov(generator.normal(size=(3, 8))) + np.eye(3)
    G = generator.normal(size=(3, 3))
    function = derivation.function(library)
    with pytest.importorskip("jax").enable_x64(True):
        Y = np.asarray(function(A))
        assert np.allclose(Y @ Y @ Y, A)
        assert np.allclose(function.vjp(A, G), derivation.vjp.evaluate(A=A, G=G))


@pytest.mark.slow
def test_modules_start_from_ones_where_an_unknown_is_positive() -> None:
    plan = gw.optimum("plan", "sum(C * P) + sum(P * log(P))", over="P: n m positive", given="C: n m, a: n positive",
                      subject_to="sum(P, axis=1) = a")  # fmt: skip
    derived = gw.derive(plan(gw.matrix("C", "n", "m"), gw.parse("a", a="n positive")).P, wrt="C")
    C, a = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0])
    P = derived.function("numpy")(C, a)
    assert np.allclose(P, a[:, None] * np.exp(-C) / np.exp(-C).sum(axis=1, keepdims=True))


def test_the_name_of_a_function_of_the_language_is_not_given_to_another() -> None:
    with pytest.raises(gw.DeclarationError, match="'trace' is a function of the language already"):
        gw.define("trace", "y = 2 * sum(X)", unknown="y: ", given="X: n n")


@pytest.mark.slow
def test_an_intercept_is_a_variable_of_its_own() -> None:
    line = gw.optimum("line", "norm(X @ w + b * ones(n) - y)**2 + norm(w)**2", over="w: m, b: ", given="X: n m, y: n")
    found = line(gw.matrix("X", "n", "m"), gw.vector("y", "n"))
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(5, 2)), generator.normal(size=5)
    w, b = found.w.evaluate(X=X, y=y), found.b.evaluate(X=X, y=y)
    assert np.allclose(X.T @ (X @ w + b - y) + w, 0)
    assert np.isclose(np.sum(X @ w + b - y), 0)
    assert gw.derive(found.b).verify().right


def test_a_symmetric_constraint_has_a_symmetric_multiplier() -> None:
    rotation = gw.optimum("rotation", "-trace(Q.T @ M)", over="Q: n n", given="M: n n", subject_to="Q.T @ Q = eye(n)",
                          forward=_nearest_orthogonal)  # fmt: skip
    derived = gw.derive(rotation(gw.matrix("M", "n", "n")).Q, wrt="M")
    M, G = np.random.default_rng(6).normal(size=(2, 3, 3))
    expected = gw.derive(gw.parse("polar(M).U", M="n n"), wrt="M").vjp.evaluate(M=M, G=G)
    assert np.allclose(derived.vjp.evaluate(M=M, G=G), expected)


def _nearest_orthogonal(M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    U, S, Vh = np.linalg.svd(M)
    return U @ Vh, (Vh.T * S) @ Vh / 2


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_newton_s_method_meets_on_its_way_warns_of_nothing() -> None:
    inside = gw.optimum("inside", "-sum(log(x))", over="x: n positive", given="A: m n, b: m", subject_to="A @ x = b")
    found = inside(gw.matrix("A", "m", "n"), gw.vector("b", "m")).x.compile("numpy")
    with pytest.raises(ConditionError, match="no solution"):
        found(A=np.eye(2, 4), b=np.array([-1.0, 2.0]))


@pytest.mark.slow
def test_constraints_of_several_sizes_are_one_system_of_their_multipliers() -> None:
    gw.optimum("between", "norm(x - z)**2", over="x: n", given="z: n, A: m n, b: m, C: k n, d: k",
               subject_to=["A @ x = b", "C @ x = d"])  # fmt: skip
    derived = gw.derive(gw.parse("between(z, A, b, C, d).x", z="n", A="m n", b="m", C="k n", d="k"), wrt="b")
    assert "vjp in b   P[:m, :] [A G; C G], where P = [A Aᵀ, A Cᵀ; C Aᵀ, C Cᵀ]⁻¹" in str(derived)
    assert all(step.check.passed for step in derived.steps)

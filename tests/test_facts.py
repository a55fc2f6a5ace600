"""Products whose facts are easily taken for more than they are: what is inferred holds at a generic point."""

from __future__ import annotations

import numpy as np
import pytest
from facts_in_numbers import FACTS_HOLD
from numerics import generic_point

import gradwright as gw
from gradwright.core.inference import facts_of

VARIABLES = {
    "c": "positive", "Q": "n n orthogonal", "U": "n n unitary complex", "L": "n n unit_lower", "R": "n n unit_upper",
    "W": "n n skew", "S": "n n spd", "T": "n k stiefel", "z": "n complex", "x": "n",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "c * Q", "n * Q", "c * U", "c * Q @ Q", "c * L", "c * R @ R", "c * T", "-Q", "2 * Q", "c * S", "Q / c",
        "(c * Q) @ (c * Q).T",
        "W**2", "W**3", "-W**4 / 2", "abs(W)", "sign(W)", "tanh(W)", "cosh(W)", "exp(W)", "exp(-W**2) * sin(W)",
        "cosh(x)", "cosh(z)", "tanh(exp(x))", "sinh(exp(x))", "arctan(exp(x))", "erf(exp(x))",
        "cholesky(S) @ L", "-cholesky(S)", "cholesky(S) @ cholesky(S).T @ W", "c * inv(cholesky(S)).T / 3",
        "R.T @ S @ L", "-R @ S", "cholesky(S) @ R @ cholesky(S)", "cholesky(S) + L", "S[1:, 1:]", "T.T @ S @ T",
        "eye(n)[:, 1:] @ S[1:, 1:]",
        "-exp(x)", "-exp(x) * abs(x)", "exp(x) * (-abs(x) - 1)", "(-exp(x)) * (-exp(2 * x))", "diag(-exp(x))",
        "z * z * conj(z)", "z * z * conj(z) * conj(z)", "z * conj(z) * x", "z * conj(z) * x * x",
        "(-z * conj(z) - 1) * (-z * conj(z) - 1)", "(-z * conj(z) - 1) * (z * conj(z) + 1)",
    ],
)  # fmt: skip
def test_the_facts_of_a_product_hold(text: str) -> None:
    node = gw.parse(text, **{name: facts for name, facts in VARIABLES.items() if name in text}).node
    (value,) = generic_point(node).at(node)
    assert {fact for fact in facts_of(node) if not FACTS_HOLD[fact](value)} == set()


@pytest.mark.parametrize("text", ["Q @ diag(p)", "diag(p) @ L @ diag(p) @ Q", "outer(ones(n), p) * S @ R", "L / c"])
def test_diagonal_matrices_of_positive_numbers_leave_a_product_invertible(text: str) -> None:
    given = {**VARIABLES, "p": "n positive"}
    node = gw.parse(text, **{name: facts for name, facts in given.items() if name in text}).node
    (value,) = generic_point(node).at(node)
    assert "invertible" in facts_of(node)
    assert {fact for fact in facts_of(node) if not FACTS_HOLD[fact](value)} == set()


@pytest.mark.parametrize(
    "text",
    [
        "S * inv(S)", "c * S * exp(X @ X.T)", "diag(u) @ S @ diag(u)", "S + outer(x, x)", "(1 + X @ X.T)**3 + eye(n)",
        "cosh(S) + sinh(X @ X.T)", "S * (Z @ Z.H + eye(n))", "outer(z, conj(z)) + S", "expm1(S)",
        "exp(2 * X @ X.T - outer(sum(X**2, axis=1), ones(n)) - outer(ones(n), sum(X**2, axis=1))) + c * eye(n)",
    ],
)  # fmt: skip
def test_products_entry_by_entry_of_definite_matrices_are_definite(text: str) -> None:
    given = {**VARIABLES, "X": "n d", "Z": "n n complex", "u": "n positive"}
    node = gw.parse(text, **{name: facts for name, facts in given.items() if name in text}).node
    (value,) = generic_point(node).at(node)
    assert "spd" in facts_of(node)
    assert {fact for fact in facts_of(node) if not FACTS_HOLD[fact](value)} == set()


@pytest.mark.parametrize(
    "text", ["S * sin(S)", "diag(x) @ S @ diag(x)", "S * outer(x, x)", "exp(-S)", "S**2 - x @ x * eye(n)",
             "exp(outer(x, ones(n)) + outer(ones(n), x) - S)", "S * outer(u, x)", "exp(-eye(n))"]
)  # fmt: skip
def test_nothing_else_is_taken_for_definite(text: str) -> None:
    given = {**VARIABLES, "u": "n positive"}
    node = gw.parse(text, **{name: facts for name, facts in given.items() if name in text}).node
    assert "spd" not in facts_of(node)


@pytest.mark.parametrize(
    ("declared", "text"),
    [("n n spd diagonal", "trace(inv(D) @ A)"), ("n n positive spd", "logdet(D) + sum(A * log(D))"),
     ("n n positive symmetric", "sum(A @ log(D))")],
)  # fmt: skip
def test_generic_points_have_all_the_facts_that_are_declared_together(declared: str, text: str) -> None:
    matrix = gw.parse("D", D=declared).node
    (value,) = generic_point(matrix).at(matrix)
    assert {fact for fact in facts_of(matrix) if not FACTS_HOLD[fact](value)} == set()
    assert gw.derive(gw.parse(text, D=declared, A="n n"), wrt="D").verify().right


def test_a_multiple_of_an_orthogonal_matrix_is_inverted_with_its_factor() -> None:
    given = {name: VARIABLES[name] for name in ("c", "Q")} | {"b": "n"}
    derivation = gw.derive(gw.parse("inv(c * Q) @ b", **given), wrt="b")
    assert str(derivation.vjp) == "Q G / c"
    assert derivation.verify().right


@pytest.mark.parametrize(
    "text",
    [
        "trace(inv(W))", "dot(x, inv(W) @ x)", "dot(x, solve(W, x))", "trace(W + inv(W))", "trace(tanh(inv(W)))",
        "trace(matrix_power(inv(W), 3))", "trace(lyapunov(eye(n), inv(W)))",
    ],
)  # fmt: skip
def test_no_value_vanishes_with_the_inverse_of_a_skew_matrix_of_odd_size(text: str) -> None:
    """A skew matrix of order 3 is singular; at order 4 these are zero."""
    expression = gw.parse(text, W="n n skew", **({"x": "n"} if "x" in text else {}))
    for n, exists in ((3, False), (4, True)):
        A = np.random.default_rng(0).normal(size=(n, n))
        given = {"W": A - A.T, **({"x": np.arange(1.0, n + 1)} if "x" in text else {})}
        if exists:
            assert abs(expression.evaluate(**given)) < 1e-12
        else:
            with pytest.raises(gw.GradwrightError, match="W is invertible"):
                expression.evaluate(**given)

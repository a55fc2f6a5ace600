"""What is known not to be negative, because it is a quadratic form."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.core.inference import facts_of, is_nonnegative, is_positive

DECLARED = {
    "K": "n n spd", "S": "n n symmetric", "X": "m n", "Y": "n n", "Z": "m n complex", "x": "n", "y": "n",
    "z": "n complex",
}  # fmt: skip


def declared(text: str) -> dict[str, str]:
    return {name: kind for name, kind in DECLARED.items() if name in text}


@pytest.mark.parametrize(
    "text",
    [
        "x @ solve(K, x)", "diagonal(X @ K @ X.T)", "diagonal(X @ inv(K) @ X.T)", "trace(Y @ K @ Y.T)",
        "x @ Y.T @ Y @ x", "conj(z) @ K @ z", "diagonal(Z @ K @ Z.H)",
        "x @ Y @ K @ Y.T @ x", "trace(X @ X.T @ X @ X.T)",
    ],
)  # fmt: skip
def test_a_quadratic_form_is_not_negative(text: str) -> None:
    assert is_nonnegative(gw.parse(text, **declared(text)).node)


@pytest.mark.parametrize(
    "text",
    [
        "diagonal(inv(K))", "cumsum(exp(x))", "1 + x @ solve(K, x)", "trace(K)", "exp(x)[0]", "exp(x)[1:][1:]",
        "exp(Y)[1:, :] @ exp(y)", "exp(Y)[0, 1:]", "K[0, 0]", "sum(inv(K))", "exp(x) @ K @ exp(x)",
        "trace(K[1:, 1:])", "diagonal(exp(X) @ K @ exp(X).T)", "diagonal(cholesky(K))", "cholesky(K)[0, 0]",
        "trace(inv(cholesky(K)) / 2)", "det(cholesky(K) @ K)", "diagonal(cholesky(K).T + K)",
        "trace(K @ inv(K + eye(n)))", "sum(K * inv(K + eye(n)))",
    ],
)  # fmt: skip
def test_what_is_positive(text: str) -> None:
    assert is_positive(gw.parse(text, **declared(text)).node)


@pytest.mark.parametrize(
    "text", ["tril(exp(Y))[0, :]", "diag(exp(x))[0, :]", "eye(n)[1:, :] @ diag(exp(x)) @ eye(n)[:, :1]"]
)
def test_parts_that_may_be_zero(text: str) -> None:
    assert not is_positive(gw.parse(text, **declared(text)).node)


@pytest.mark.parametrize(
    "text",
    [
        "trace(Y @ Y)", "x @ S @ x", "x @ K @ y", "x @ Y @ K @ Y @ x", "z @ K @ z", "diagonal(X @ K @ Z.H)",
        "trace(conj(Z) @ X.T @ Z @ X.T)", "X @ K @ X.T", "cumsum(x)", "trace(X @ Y @ X.T)", "K[0, 1]", "K[0, :]",
        "sum(cholesky(K))", "exp(x) @ cholesky(K) @ exp(x)", "exp(x) @ K @ exp(y)", "det(-K)", "sum(K, axis=0)",
        "trace(K @ S)", "trace(K @ cholesky(K))",
    ],
)  # fmt: skip
def test_what_may_be_negative(text: str) -> None:
    assert not is_nonnegative(gw.parse(text, **declared(text)).node)


@pytest.mark.parametrize(
    ("text", "semidefinite"),
    [
        ("X.T @ diag(exp(a)) @ X", True),
        ("X @ diag(x) @ K @ diag(x) @ X.T", True),
        ("Z.H @ diag(a**2) @ Z", True),
        ("outer(x, x) * trace(K)", True),
        ("X.T @ diag(a) @ X", False),
        ("X @ diag(exp(x)) @ K @ X.T", False),
        ("Z.T @ diag(a**2) @ Z", False),
        ("-X.T @ diag(exp(a)) @ X", False),
        ("K @ S @ K", False),
    ],
)
def test_a_matrix_of_a_quadratic_form_is_semidefinite(text: str, semidefinite: bool) -> None:
    matrix = gw.parse(text, **declared(text), **({"a": "m"} if "a" in text else {})).node
    assert ("psd" in facts_of(matrix)) is semidefinite


def test_conditions_that_hold_are_left_out() -> None:
    student = gw.parse("log(1 + x @ solve(K, x) / v)", x="n", K="n n spd", v="positive")
    assert gw.derive(student, wrt="x").conditions == ()

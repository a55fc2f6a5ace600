"""Inverses in simpler form have the value of the inverse as it was written."""

from __future__ import annotations

import pytest
from numerics import close, generic_point

import gradwright as gw
from gradwright.simplify.inverses import is_inverse
from gradwright.simplify.pipeline import simplify

VARIABLES = {
    "A": "n n", "B": "n m", "S": "n n spd", "Q": "n n orthogonal", "Z": "n n complex", "T": "n n m",
    "x": "n", "z": "n complex", "a": "", "c": "positive",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "inv(diag(x))", "inv(c * diag(x))", "inv(diag(diagonal(A)))", "inv(diag(x) * A)",
        "inv(a * diag(diagonal(A) * x))", "inv(diag(diagonal(Z)))", "inv(diag(diagonal(A @ A)))",
        "inv(diag(B @ (B.T @ x)))", "inv(diag(z))", "inv(diag(T[:, 0, 1]))", "inv(a * Z.H)", "inv((c * Q).T)",
        "inv(sum(x) * A)", "inv(kron(A, a * S))", "inv(inv(Z).T)", "pinv(c * Q)", "pinv(diag(diagonal(A)))",
        "inv(kron(a * A, kron(S, Z)))", "inv(kron(eye(m), A))", "solve(kron(A, S), kron(x, x))",
        "inv(A @ S) @ A", "B.T @ inv(A @ S @ Z) @ A @ S", "Z.H @ inv(S @ Z.H) @ B",
        "inv(a * eye(n) + c * eye(n))", "inv(diag(z) + c * eye(n))", "inv(diag(x) @ diag(x) + diag(z))",
        "inv(A @ A.T).T @ A", "inv(conj(Z) @ A) @ conj(Z)", "inv(Z @ A @ Z) @ Z @ inv(Z @ A @ Z)",
        "inv(Q @ diag(diagonal(cholesky(S))) @ Q.T)",
    ],
)  # fmt: skip
def test_an_inverse_keeps_its_value(text: str) -> None:
    node = gw.parse(text, **{name: facts for name, facts in VARIABLES.items() if name in text}).node
    simple = simplify(node)
    written, found = generic_point(node).at(node, simple)
    assert close(written, found, 1e-9)


def test_the_transpose_of_an_inverse_is_not_taken_for_the_inverse() -> None:
    """`X Yᵀ = I` was: of an orthogonal matrix the transpose was returned, and NumPy code had wrong gradients."""
    contragredient = gw.define("contragredient", "X @ Y.T = eye(n)", unknown="Y: n n", given="X: n n")
    Q = gw.matrix("Q", "n", "n", facts="orthogonal")
    node = contragredient(Q).node
    assert not is_inverse(node)
    written, found = generic_point(node).at(node, simplify(node))
    assert close(written, found, 1e-9)


def test_a_system_with_equal_columns_is_no_pattern_for_products() -> None:
    D = gw.derive(gw.parse("solve(K, ones(n, m))", K="n n spd"), wrt="K")
    assert D.verify().right
    assert gw.parse(D.vjp.text(), K="n n spd", G="n m").shape == D.vjp.shape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pinv(B.T)", "(B⁺)ᵀ"), ("pinv(2 * B)", "½ B⁺"), ("pinv(B).T @ B.T @ x", "B B⁺ x"),
        ("inv(cholesky(S)).T @ inv(cholesky(S))", "S⁻¹"), ("cholesky(S).T @ inv(S)", "chol(S)⁻¹"),
        ("inv(cholesky(A.T @ A)).T @ inv(cholesky(A.T @ A))", "(Aᵀ A)⁻¹"),
        ("solve(A.T, x) - inv(A).T @ x", "0"), ("inv(A @ inv(S))", "S A⁻¹"), ("inv(inv(S) @ A @ Z)", "(A Z)⁻¹ S"),
        ("inv(a * eye(n) + diag(x))", "diag(1 / (a 1 + x))"), ("inv(a * eye(n) + c * eye(n))", "I / (a + c)"),
        ("inv(A @ inv(S) @ Z)", "(A S⁻¹ Z)⁻¹"), ("inv(inv(A) @ S)", "(A⁻¹ S)⁻¹"),
        ("pinv(S)", "S⁻¹"), ("lstsq(S, x) - inv(S) @ x", "0"),
    ],
)  # fmt: skip
def test_the_shorter_of_two_forms_is_written(text: str, shown: str) -> None:
    expression = gw.parse(text, **{name: facts for name, facts in VARIABLES.items() if name in text})
    assert str(gw.Expression(simplify(expression.node), expression.signature)) == shown


@pytest.mark.parametrize(
    ("text", "wrt", "shown"),
    [
        ("inv(eye(n) - A) @ (eye(n) + A)", "A", "2 (I − A)⁻ᵀ G (I − A)⁻ᵀ"),
        ("A @ inv(A + S)", "A", "(A + S)⁻ᵀ S G (A + S)⁻ᵀ"),
        ("S @ inv(c * eye(n) + S)", "c", "−tr(G (c I + S)⁻² S)"),
        ("norm(x - c * inv(c * eye(n) + S) @ x)**2", "c", "−2 xᵀ S² (c I + S)⁻³ x"),
        ("(eye(n) - W) @ inv(eye(n) + W) @ x", "W", "(I + W)⁻¹ x Gᵀ (I + W)⁻¹ − (I + W)⁻ᵀ G xᵀ (I + W)⁻ᵀ"),
        ("Z @ inv(Z + A)", "Z", "(Z + A)⁻ᴴ Aᵀ G (Z + A)⁻ᴴ"),
    ],
)
def test_what_an_inverse_multiplies_is_taken_up_by_the_term_with_it(text: str, wrt: str, shown: str) -> None:
    declared = VARIABLES | {"W": "n n skew"}
    D = gw.derive(gw.parse(text, **{name: facts for name, facts in declared.items() if name in text}), wrt=wrt)
    assert str(D.vjp if D.expression.ndim else D.gradient) == shown
    assert D.verify().right


def test_the_likelihood_of_a_gaussian_process_has_its_short_gradient() -> None:
    """As it is coded, with triangular solves: it held the derivative of the Cholesky factor."""
    for half in ("norm(solve_triangular(cholesky(K), y))**2", "y @ cholesky_solve(y, cholesky(K))"):
        text = f"sum(log(diagonal(cholesky(K)))) + {half} / 2"
        derived = gw.derive(gw.parse(text, K="n n spd", y="n"), wrt="K")
        assert str(derived.gradient) == "½ (K⁻¹ − K⁻¹ y yᵀ K⁻¹)"
        assert derived.verify().right

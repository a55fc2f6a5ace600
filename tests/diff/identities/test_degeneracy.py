"""At and near a violated condition: a clear error, and the right derivative where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from numerics import Point, close
from orders import residuals

import gradwright as gw
from gradwright.errors import ConditionError

n = 4
I = np.eye(n)  # noqa: E741
GENERATOR = np.random.default_rng(0)
G = GENERATOR.normal(size=(n, n))
Q = np.linalg.qr(GENERATOR.normal(size=(n, n)))[0]
REPEATED = Q @ np.diag([1.0, 1.0, 2.0, 3.0]) @ Q.T
REPEATED = (REPEATED + REPEATED.T) / 2

REFUSED = {
    "eigenvectors at the identity": ("eigh(A).eigenvectors", "n n symmetric", I, "eigenvalues of A are distinct"),
    "eigenvectors at a double eigenvalue": ("eigh(A).eigenvectors", "n n symmetric", REPEATED, "distinct"),
    "singular vectors of an orthogonal matrix": ("svd(A).U", "n m", Q, "singular values of A are distinct"),
    "singular vectors at rank three": ("svd(A).Vh", "n m", np.diag([3.0, 2, 1, 0]), "not zero"),
    "R of a matrix of rank one": ("qr(A).R", "n m", np.outer(G[0], G[1]), "full column rank"),
    "pivots": ("lu(A).U", "n n", np.ones((n, n)) - I, "leading minor"),
    "square root of a singular matrix": ("sqrtm(A)", "n n", np.diag([0.0, 2, 3, 4]), "no unique solution"),
    "square root of a negative eigenvalue": ("sqrtm(A)", "n n", np.diag([-1.0, 2, 3, 4]), "negative real axis"),
    "logarithm of a singular matrix": ("logm(A)", "n n", np.diag([0.0, 2, 3, 4]), "negative real axis"),
    "sign on the imaginary axis": ("signm(A)", "n n", np.kron(np.eye(2), [[0.0, 1], [-1, 0]]), "imaginary axis"),
    "inverse of a nearly singular matrix": ("inv(A)", "n n", np.arange(16.0).reshape(4, 4) + 1e-16 * G, "invertible"),
    "pseudo-inverse of unclear rank": ("pinv(A)", "n m", np.diag([1, 1, 1, 1e-14]), "constant rank"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_violation_is_an_error_that_names_the_condition(name: str) -> None:
    text, declared, value, words = REFUSED[name]
    pulled = gw.derive(gw.parse(text, A=declared), wrt="A").vjp
    cotangent = G[: value.shape[1] if text == "pinv(A)" else n, : value.shape[1]]
    with pytest.raises(ConditionError, match=words):
        pulled.evaluate(A=value, G=cotangent)


SMOOTH = {
    "sum of a function of the eigenvalues": "sum(exp(eigvalsh(S)))",
    "logarithm of the determinant": "sum(log(eigvalsh(S)))",
    "function of a matrix": "norm(eigh(S).eigenvectors @ diag(exp(eigh(S).eigenvalues)) @ eigh(S).eigenvectors.T)",
    "square root": "norm(sqrtm(S))",
    "logarithm": "trace(logm(S) @ logm(S))",
    "norm of the singular values": "norm(svdvals(S))",
    "fourth powers of singular values": "sum(svdvals(S)**4)",
    "polar factor": "trace(polar(S).P @ S)",
    "exponential": "trace(matrix_exp(S) @ S)",
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("value", [I, REPEATED], ids=["identity", "repeated"])
def test_smooth_functions_have_their_derivatives_at_equal_eigenvalues(name: str, value: np.ndarray) -> None:
    expression = gw.parse(SMOOTH[name], S="n n symmetric")
    S = expression.signature.symbol("S")
    assert max(residuals([expression.node], (S,), Point({S: value}, {"n": n}), 2)) < 1e-5


def test_zero_singular_values() -> None:
    A = GENERATOR.normal(size=(5, 2)) @ GENERATOR.normal(size=(2, 3))
    for text, wanted in (("norm(svdvals(A))", A / np.linalg.norm(A)), ("sum(svdvals(A)**2)", 2 * A)):
        gradient = gw.derive(gw.parse(text, A="n m"), wrt="A").gradient
        assert close(gradient.evaluate(A=A), wanted)


def test_a_badly_scaled_but_regular_matrix_is_inverted() -> None:
    A = np.diag([1e-20, 1.0, 1e10])
    assert close(gw.parse("inv(A)", A="n n").evaluate(A=A) @ A, np.eye(3))


def test_least_squares_without_full_rank_are_refused() -> None:
    with pytest.raises(ConditionError, match="full rank"):
        gw.parse("lstsq(A, b)", A="n m", b="n").evaluate(A=np.ones((n, 3)), b=np.ones(n))


@pytest.mark.parametrize("text", ["sum(exp(eigvalsh(S)))", "norm(svdvals(S))**2", "sum(eig(S).eigenvalues)"])
def test_what_depends_on_the_values_alone_does_not_need_them_distinct(text: str) -> None:
    assert not any("distinct" in condition for condition in gw.derive(gw.parse(text, S="n n symmetric")).conditions)


@pytest.mark.parametrize("text", ["sum(svdvals(S))", "eigvalsh(S)", "eigh(S).eigenvectors", "max(eigvalsh(S))"])
def test_what_depends_on_the_vectors_does(text: str) -> None:
    assert any("distinct" in condition for condition in gw.derive(gw.parse(text, S="n n symmetric")).conditions)


def test_the_condition_of_an_equation_is_written_for_it_or_for_its_adjoint_whichever_is_shorter() -> None:
    root = gw.define("root", "Y @ Y = A + Y", unknown="Y: n n", given="A: n n")
    assert gw.derive(root(gw.parse("A", A="n n"))).conditions == ("no two eigenvalues of root(A) − ½ I add up to zero",)

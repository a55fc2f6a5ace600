"""Functions of eigenvalues whose body has a part without the eigenvalue in it."""

import numpy as np
import pytest

import gradwright as gw

VARIABLES = {"K": "n n spd", "S": "n n symmetric", "X": "n n", "A": "n m", "a": "positive", "x": "positive"}


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variable", "gradient"),
    [
        ("sum(log(1 + eigvalsh(K)))", "K", "(I + K)⁻¹"),
        ("sum(log(a + eigvalsh(K)))", "K", "(a I + K)⁻¹"),
        ("sum(log1p(svdvals(A)**2))", "A", "2 A (I + Aᵀ A)⁻¹"),
        ("sum(log(1 + svdvals(A)**2 / a))", "A", "2 A (a I + Aᵀ A)⁻¹"),
        ("sum(exp(-a * eigvalsh(S)))", "S", "−a e^(−a S)"),
        ("sum(exp(-a * eigvalsh(S)))", "a", "−tr(S e^(−a S))"),
        ("sum(1 / (a + eigvalsh(K)))", "K", "−(a I + K)⁻²"),
        ("sum(svdvals(A)**2 / (svdvals(A)**2 + a))", "a", "−tr(Aᵀ A (Aᵀ A + a I)⁻²)"),
        ("sum(eig(X).eigenvalues**3)", "X", "3 (Xᵀ)²"),
        ("sum(exp(eig(X).eigenvalues))", "X", "(e^X)ᵀ"),
        ("sum(1 / (3 + eig(X).eigenvalues))", "X", "−((3 I + X)⁻ᵀ)²"),
    ],
)
def test_a_sum_of_functions_of_eigenvalues_is_a_trace(text: str, variable: str, gradient: str) -> None:
    """With parameters, too, and without a condition on the eigenvalues."""
    derived = gw.derive(gw.parse(text, **{n: d for n, d in VARIABLES.items() if n in text}), wrt=variable)
    assert str(derived.gradient) == gradient
    assert not any("distinct" in condition for condition in derived.conditions)
    assert derived.verify().right


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("sum(log(1 + x * eigvalsh(K)))", "K"),
        ("sum(tanh(a * eigvalsh(S)))", "S"),
        ("sum(abs(eig(X).eigenvalues)**2)", "X"),
        ("sum(real(eig(X).eigenvalues)**2)", "X"),
        ("sum(exp(imag(eig(X).eigenvalues)))", "X"),
        ("sum(eigvalsh(K) / (a + eigvalsh(K)))", "K"),
        ("sum(sqrt(svdvals(A) + a))", "A"),
        ("sum(log(svdvals(A)**2 / a))", "A"),
    ],
)
def test_others_keep_their_eigenvalues(text: str, variable: str) -> None:
    """Parameters that are called as the argument is, functions without a name, and those that are not holomorphic."""
    assert gw.derive(gw.parse(text, **{n: d for n, d in VARIABLES.items() if n in text}), wrt=variable).verify().right


def test_a_constant_sum_inside_the_function_stays_a_number():
    """`g(λ) = sin(λ) / (1 + exp(0))`: the divisor is a sum that no eigenvalue enters."""
    A = np.random.default_rng(5).normal(size=(4, 4))
    K = A @ A.T + np.eye(4)
    sines = gw.parse("dot(sin(eigh(K).eigenvalues), 1 / (1 + exp(-zeros(n))))", K="n n spd")
    values, vectors = np.linalg.eigh(K)
    expected = (vectors * np.cos(values) / 2) @ vectors.T
    assert np.allclose(gw.derive(sines, wrt="K").gradient.evaluate(K=K), expected, rtol=1e-12, atol=1e-12)


def test_the_eigenvectors_of_a_diagonal_matrix_are_in_products() -> None:
    D = gw.derive(gw.parse("a * eigvalsh(diag(w))", w="n", a=""), wrt="w")
    assert D.vjp.evaluate(w=np.array([3.0, 1.0, 2.0]), a=2.0, G=np.arange(3.0)).tolist() == [4, 0, 2]

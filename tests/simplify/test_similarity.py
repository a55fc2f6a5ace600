"""Functions of similar and of diagonal matrices."""

from __future__ import annotations

import pytest

import gradwright as gw

DECLARED = {
    "x": "n",
    "p": "n positive",
    "A": "n n",
    "P": "n n",
    "K": "n n spd",
    "Q": "n n orthogonal",
    "U": "n n unitary",
}


@pytest.mark.parametrize(
    ("text", "wrt", "wanted"),
    [
        ("matrix_exp(diag(x))", "x", "exp(x) ∘ diagonal(G)"),
        ("logm(diag(p))", "p", "diagonal(G) / p"),
        ("matrix_exp(P @ diag(x) @ inv(P))", "x", "diagonal(Pᵀ G P⁻ᵀ) ∘ exp(x)"),
        ("sqrtm(Q @ diag(p) @ Q.T)", "p", "diagonal(Qᵀ G Q) / (2 √p)"),
        ("inv(Q @ diag(p) @ Q.T)", "p", "−diagonal(Qᵀ G Q) / p∘²"),
        ("matrix_exp(U.H @ A @ U)", "A", "exp[Aᵀ, Aᵀ](Re(U G Uᴴ))"),
        ("sqrtm(Q.T @ K @ Q)", "K", "½ lyapunov(K^½, Q (G + Gᵀ) Qᵀ)"),
        ("matrix_exp(Q @ A @ Q)", "A", "Qᵀ exp[Qᵀ Aᵀ Qᵀ, Qᵀ Aᵀ Qᵀ](G) Qᵀ"),  # is not similar to A
    ],
)
def test_derivative_is_that_of_the_function_inside(text: str, wrt: str, wanted: str) -> None:
    D = gw.derive(gw.parse(text, **DECLARED), wrt=wrt)
    assert str(D.vjp) == wanted
    assert D.verify().right

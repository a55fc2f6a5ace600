"""Axes with several labels: vectors of all entries, Kronecker products and packed parameters read as such."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

SIZES = {"n": 4, "m": 3, "k": 5}
DECLARED = {
    "A": "k n*m", "X": "n m", "Y": "n m", "K": "n*m n*m", "B": "m m", "C": "n n", "t": "2*n*m", "p": "n*m+n", "x": "n",
    "y": "m", "w": "n*m", "Z": "n*m n*m complex", "V": "n m complex",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wrt", "written", "slope"),
    [
        ("A @ vec(X)", "X", "A vec(X)", "reshape(Aᵀ G, m, n)ᵀ"),
        ("vec(X) @ solve(K, w)", "X", "vec(X)ᵀ K⁻¹ w", "reshape(K⁻¹ w, m, n)ᵀ"),
        ("concatenate(vec(X), x)", "X", "[vec(X); x]", "reshape(G[:m*n], m, n)ᵀ"),
        ("concatenate(kron(x, y), x)", "y", "[x ⊗ y; x]", "reshape(G[:m*n], n, m)ᵀ x"),
        ("reshape(p[:n*m], n, m) @ y + p[n*m:]", "p", "reshape(p[:m*n], n, m) y + p[m*n:]", "[G ⊗ y; G]"),
        ("sum(reshape(p[:n*m], n, m) @ y)", "p", "yᵀ sum(reshape(p[:m*n], n, m), axis=0)", "[1 ⊗ y; 0]"),
        ("norm(concatenate(vec(X), vec(Y)) - t)**2", "X", "‖[vec(X); vec(Y)] − t‖²", "2 (X − reshape(t[:m*n], m, n)ᵀ)"),
        ("trace(K @ kron(B, C))", "K", "tr((B ⊗ C) K)", "Bᵀ ⊗ Cᵀ"),
        ("kron(B, C)[n:, :m] @ y", "y", "(B ⊗ C)[n:, :m] y", "(B ⊗ C)[n:, :m]ᵀ G"),
        ("vec(X)[n:]", "X", "vec(X)[n:]", "reshape([0; G], m, n)ᵀ"),
        ("Z @ vec(V)", "V", "Z vec(V)", "reshape(Zᴴ G, m, n)ᵀ"),
        ("norm(Z @ vec(V))**2", "V", "‖Z vec(V)‖²", "2 reshape(Zᴴ Z vec(V), m, n)ᵀ"),
    ],
)  # fmt: skip
def test_what_is_read_is_what_was_written(text: str, wrt: str, written: str, slope: str) -> None:
    expression = gw.parse(text, **{name: words for name, words in DECLARED.items() if name in text})
    derivation = gw.derive(expression, wrt=wrt)
    found = derivation.vjp if expression.shape else derivation.gradient
    assert (str(expression), str(found)) == (written, slope)
    assert derivation.verify().right


@pytest.mark.parametrize(
    "text", ["A @ vec(X)", "vec(X) @ K @ vec(Y)", "trace(K @ kron(B, C))", "kron(B, C)[n:, :m] @ y"]
)
def test_it_is_read_again(text: str) -> None:
    declared = {name: words for name, words in DECLARED.items() if name in text}
    expression = gw.parse(text, **declared)
    again = gw.parse(expression.text(), **declared)
    generator = np.random.default_rng(0)
    dims = {declared.name: [dim.evaluate(SIZES) for dim in declared.shape] for declared in expression.signature}
    inputs = {name: generator.normal(size=shape) for name, shape in dims.items()}
    np.testing.assert_allclose(again.evaluate(**inputs), expression.evaluate(**inputs))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("norm(concatenate(x, y) - z)**2", "2 (x − z[:n])"), ("norm(concatenate(y, x) - z)**2", "2 (x − z[m:])")],
)
def test_a_part_of_a_sum_in_which_it_is_placed(text: str, shown: str) -> None:
    derivation = gw.derive(gw.parse(text, x="n", y="m", z="n+m"), wrt="x")
    assert str(derivation.gradient) == shown

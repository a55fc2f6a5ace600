"""LaTeX that a typesetter accepts, for every expression and every derivation."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from strategies import Case, cases
from typesetting import problems

import gradwright as gw
from gradwright.core.walks import symbols
from gradwright.diff.derivatives import gradient
from gradwright.simplify.pipeline import simplify

WRITTEN = {
    "inv(X) @ A.T": (r"X^{-1} A^{\mathsf{T}}", {"X": "n n", "A": "m n"}),
    "x @ inv(K) @ x / 2": (r"\tfrac{1}{2} \, x^{\mathsf{T}} K^{-1} x", {"K": "n n spd", "x": "n"}),
    "exp(-alpha * x_1)": (r"\exp\left(-\alpha \, x_{1}\right)", {"alpha": "", "x_1": "n"}),
    "norm(X @ w - y)**2": (r"\left\lVert X w - y \right\rVert^{2}", {"X": "n m", "w": "m", "y": "n"}),
    "sqrt(x) / y": (r"\frac{\sqrt{x}}{y}", {"x": "n", "y": "n"}),
    "conj(Z).T @ z": (r"Z^{\mathsf{H}} z", {"Z": "n n complex", "z": "n complex"}),
    "kron(A, X)": (r"A \otimes X", {"A": "n n", "X": "m m"}),
    "X_ @ X": (r"\mathit{X\_} X", {"X": "n n", "X_": "n n"}),
    "Sigma_0 @ x12": (r"\Sigma_{0} x_{12}", {"Sigma_0": "n n", "x12": "n"}),
}
DERIVATIONS = [
    ("inv(X)", {}, "X"),
    ("cholesky(K)", {"K": "n n spd"}, "K"),
    ("qr(A).Q", {"A": "n m"}, "A"),
    ("svd(A).U", {"A": "n m"}, "A"),
    ("eigh(S).eigenvectors", {"S": "n n symmetric"}, "S"),
    ("care(A, B, Q, R)", {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}, "A"),
    ("softmax(Q @ K.T / 2, axis=1) @ V", {"Q": "n m", "K": "k m", "V": "k p"}, "Q"),
    ("sum(eigvalsh(S)**3)", {"S": "n n symmetric"}, "S"),
    ("norm(Z @ w)**2", {"Z": "n m complex", "w": "m complex"}, "w"),
    ("max(x) + sum(relu(x))", {"x": "n"}, "x"),
    ("det(block([[A, B], [C, D]]))", {"A": "n n", "B": "n m", "C": "m n", "D": "m m"}, "B"),
]


@pytest.mark.parametrize("text", WRITTEN)
def test_an_expression_is_written_as_a_person_would(text: str) -> None:
    latex, declarations = WRITTEN[text]
    assert gw.parse(text, **declarations).latex() == latex


@pytest.mark.slow
def test_derivations_and_tensors_can_be_typeset() -> None:
    formulas: list[str] = []
    for text, declarations, wrt in DERIVATIONS:
        derivation = gw.derive(gw.parse(text, **declarations), wrt=wrt)
        pages = [derivation.latex("full"), derivation.latex("brief")]
        formulas += [part for page in pages for part in split(page)]
        formulas.append(derivation.jvp.latex())
        if "complex" not in declarations.get(wrt, ""):
            formulas.append(derivation.jacobian.latex())
    assert problems(formulas) == {}


def split(page: str) -> list[str]:
    """The environments of a page, and the formulas of what is said after them."""
    return [*re.findall(r"\\begin\{align\*\}.*?\\end\{align\*\}", page, re.DOTALL), *re.findall(r"\$(.+?)\$", page)]


@pytest.mark.slow
def test_random_expressions_and_their_gradients_can_be_typeset() -> None:
    formulas: dict[str, None] = {}

    @given(cases())
    @settings(max_examples=250)
    def collect(case: Case) -> None:
        expression = gw.parse(case.text, **case.declarations)
        formulas[expression.latex()] = None
        node = simplify(expression.node)
        if not node.rank and node.real and symbols(node):
            slope = gradient(node, symbols(node)[0])
            formulas[gw.Expression(slope, expression.signature).latex()] = None

    collect()
    assert len(formulas) > 100
    assert problems(list(formulas)) == {}

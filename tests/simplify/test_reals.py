"""Values without an imaginary part, and real parts of sums in which a term meets its conjugate."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.core.contraction import is_zero
from gradwright.core.inference import is_real_valued
from gradwright.simplify.pipeline import simplify

DECLARED = {
    "A": "n n complex", "B": "n n complex", "H": "n n hermitian", "K": "n n spd complex", "x": "n complex",
    "y": "n complex", "a": "complex", "s": "positive", "r": "n",
}  # fmt: skip


def parsed(text: str) -> gw.Expression:
    """An expression in those of the variables that occur."""
    return gw.parse(text, **{name: words for name, words in DECLARED.items() if name in text})


@pytest.mark.parametrize(
    "text",
    ["conj(x) @ H @ x", "trace(H @ H)", "trace(A @ A.H)", "det(H)", "logdet(K)", "log(det(K))", "a + conj(a)",
     "1 / (conj(x) @ x)", "exp(conj(x) @ x)", "(conj(x) @ y) * (conj(y) @ x)", "abs(a) * a * conj(a)"],
)  # fmt: skip
def test_what_is_its_own_conjugate_is_real(text: str) -> None:
    assert is_real_valued(parsed(text).node)
    assert is_zero(simplify(parsed(f"conj({text}) - ({text})").node))


@pytest.mark.parametrize(
    "text",
    ["det(A)", "conj(x) @ A @ x", "x @ x", "trace(H @ K @ A)", "conj(x) @ y", "a - conj(a)", "trace(A @ H @ A.T)",
     "log(det(H))", "sqrt(conj(x) @ H @ x)", "logdet(A)", "x * r", "tril(A)", "tril(H @ A)"],
)  # fmt: skip
def test_what_may_have_an_imaginary_part_is_not_called_real(text: str) -> None:
    assert not is_real_valued(parsed(text).node)


@pytest.mark.parametrize(
    ("text", "simpler"),
    [
        ("real(conj(a))", "real(a)"),
        ("real(a + conj(a))", "2 * real(a)"),
        ("real(conj(x) @ y + conj(y) @ x)", "2 * real(conj(x) @ y)"),
        ("real(diagonal(A - conj(A)) / 2)", "0 * r"),
        ("imag(conj(a))", "-imag(a)"),
        ("real(1j * conj(x) @ x + a)", "real(a)"),
        ("imag(2 * a)", "2 * imag(a)"),
        ("conj(1j * a)", "-1j * conj(a)"),
        ("1j * (1j * a)", "-a"),
        ("real(conj(x) @ H @ x) * y", "(conj(x) @ H @ x) * y"),
    ],
)
def test_a_real_part_is_written_with_few_conjugates(text: str, simpler: str) -> None:
    assert simplify(parsed(text).node) == simplify(parsed(simpler).node)


@pytest.mark.parametrize(
    ("text", "wrt", "shown"),
    [
        ("det(H)", "H", "det(H) H⁻¹"),
        ("conj(x) @ H @ x / (conj(x) @ x)", "H", "x xᴴ / (xᴴ x)"),
        ("imag(a)", "a", "i"),
        ("trace(H) * real(trace(A))", "A", "tr(H) I"),
    ],
)
def test_gradients_of_real_values_have_no_conjugates(text: str, wrt: str, shown: str) -> None:
    derivation = gw.derive(parsed(text), wrt=wrt)
    assert str(derivation.gradient) == shown
    assert derivation.verify().right


def test_a_squared_norm_is_told_as_a_textbook_does() -> None:
    steps = gw.derive(gw.parse("norm(B @ x - y)**2", B="n m complex", x="m complex", y="n complex"), wrt="x").text()
    assert "df = 2 Re(rᴴ dr)   where f = rᴴ r" in steps
    assert "✗" not in steps


def test_adjoints_are_written_as_adjoints() -> None:
    assert "dxᴴ H x + xᴴ dH x + xᴴ H dx" in gw.derive(parsed("conj(x) @ H @ x")).text()
    assert "½ L⁻ᴴ (Φ(Lᴴ G) + Φ(Lᴴ G)ᴴ) L⁻¹" in gw.derive(parsed("cholesky(K)")).text()
    assert str(parsed("imag(x)")) == "Im(x)"
    assert parsed("imag(x)").text() == "imag(x)"

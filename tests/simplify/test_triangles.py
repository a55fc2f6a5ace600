"""Triangular matrices whose entries meet on the diagonal alone."""

import pytest

import gradwright as gw

VARIABLES = {"L": "n n lower", "M": "n n lower", "U": "n n upper", "A": "n n", "D": "n n diagonal"}


@pytest.mark.parametrize(
    ("text", "gradient"),
    [
        ("logdet(L)", "diag(1 / diagonal(L))"),
        ("det(L)", "det(L) diag(1 / diagonal(L))"),
        ("trace(inv(L) @ M)", "−diag(diagonal(M) / diagonal(L)∘²)"),
        ("sum(L * U)", "diag(diagonal(U))"),
        ("sum(log(diagonal(inv(L))))", "−diag(1 / diagonal(L))"),
        ("trace(L @ A)", "triu(A)ᵀ"),
        ("trace(L @ D)", "D"),
    ],
)
def test_gradients_in_a_triangle(text: str, gradient: str) -> None:
    D = gw.derive(gw.parse(text, **{name: v for name, v in VARIABLES.items() if name in text}), wrt="L")
    assert str(D.gradient) == gradient
    assert D.verify()


def test_a_power_of_a_diagonal_needs_nothing_of_the_other_entries() -> None:
    D = gw.derive(gw.parse("sum(log(1 / diagonal(A)))", A="n n"), wrt="A")
    assert [str(need) for need in D.conditions] == ["diagonal(A) ≠ 0", "1 / diagonal(A) > 0"]

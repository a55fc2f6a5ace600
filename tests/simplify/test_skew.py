"""A skew matrix and its transpose are like terms of opposite sign."""

from __future__ import annotations

import pytest

import gradwright as gw

VARIABLES = {"K": "n n skew", "A": "n n", "S": "n n symmetric", "x": "n", "y": "n", "Z": "n n complex skew"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("K + K.T", "zeros(n, n)"),
        ("K @ A - K.T @ A", "2 * K @ A"),
        ("x @ K @ y + y @ K @ x", "0"),
        ("x @ K @ y - y @ K @ x", "2 * x @ K @ y"),
        ("K @ S @ K + K @ S @ K.T", "zeros(n, n)"),
        ("K @ K.T + K @ K", "zeros(n, n)"),
        ("Z + Z.T", "zeros(n, n)"),
        ("A + A.T", "A + A.T"),
        ("K @ A + A.T @ K", "K @ A + A.T @ K"),
    ],
)
def test_like_terms_meet(text: str, wanted: str) -> None:
    given = {name: facts for name, facts in VARIABLES.items() if name in text}
    assert gw.parse(text, **given).text() == gw.parse(wanted, **given).text()


def test_a_form_of_a_skew_matrix_with_one_vector_has_no_derivative_but_zero() -> None:
    derivation = gw.derive(gw.parse("x @ K @ x", x="n", K="n n skew"), wrt="x")
    assert derivation.gradient.is_zero
    assert derivation.verify().right


def test_the_diagonal_of_a_skew_matrix_is_zero() -> None:
    for text, declared in (("diagonal(K)", "n n skew"), ("trace(K)", "n n skew"), ("sum(diagonal(K) * x)", "n n skew")):
        e = gw.parse(text, K=declared, **({"x": "n"} if "x" in text else {}))
        assert str(gw.derive(e, wrt="K").differential) == "0"

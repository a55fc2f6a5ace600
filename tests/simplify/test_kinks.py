"""Absolute values, signs and positive parts of what cannot be negative."""

from __future__ import annotations

import pytest

import gradwright as gw

DECLARED = {"p": "n positive", "x": "n", "y": "n", "K": "n n spd", "S": "n n symmetric"}


def gradient(text: str, wrt: str) -> str:
    derivation = gw.derive(gw.parse(text, **{name: d for name, d in DECLARED.items() if name in text}), wrt=wrt)
    assert derivation.verify().right
    return str(derivation.gradient)


@pytest.mark.parametrize(
    ("text", "wrt", "shown"),
    [
        ("abs(norm(x))", "x", "x / ‖x‖"),
        ("abs(x @ K @ x)", "x", "2 K x"),
        ("sum(relu(x * x))", "x", "2 x"),
        ("log(abs(det(K)))", "K", "K⁻¹"),
        ("sum(abs(relu(x)))", "x", "[x > 0]"),
    ],
)
def test_there_is_no_kink(text: str, wrt: str, shown: str) -> None:
    assert gradient(text, wrt) == shown


@pytest.mark.parametrize(("text", "wrt"), [("abs(x @ S @ x)", "x"), ("abs(x @ y)", "y"), ("abs(sum(p) - 1)", "p")])
def test_a_sign_that_is_not_known_stays(text: str, wrt: str) -> None:
    assert "sign" in gradient(text, wrt)

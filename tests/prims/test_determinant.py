"""The sign and the size of determinants of complex matrices."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

GRADIENTS = [
    ("slogdet(Z).logabsdet", {"Z": "n n complex"}, "Z", "inv(Z).H"),
    ("slogdet(eye(n) + A @ A.H).logabsdet", {"A": "n m complex"}, "A", "2 * inv(eye(n) + A @ A.H) @ A"),
    ("slogdet(X).logabsdet", {"X": "n n"}, "X", "inv(X).T"),
    ("slogdet(X).sign * trace(X)", {"X": "n n"}, "X", "slogdet(X).sign * eye(n)"),
]


@pytest.mark.parametrize(("text", "declarations", "name", "closed"), GRADIENTS)
def test_the_gradient_is_that_of_the_textbook(text: str, declarations: dict[str, str], name: str, closed: str) -> None:
    D = gw.derive(gw.parse(text, **declarations), wrt=name)
    assert gw.equal(D.gradient, gw.parse(closed, **declarations)).status == "proved"
    assert D.verify().right


def test_the_sign_of_a_complex_determinant_turns() -> None:
    D = gw.derive(gw.parse("slogdet(Z).sign", Z="n n complex"), wrt="Z")
    assert D.verify().right
    Z = np.array([[1 + 2j, 0.5], [0.3j, 2 - 1j]])
    assert D.expression.evaluate(Z=Z) == pytest.approx(np.linalg.slogdet(Z)[0])

"""Squares that make up one, beside the same factors and only there."""

from __future__ import annotations

import pytest
from simplified import simplified

import gradwright as gw

VARIABLES = {"t": "", "a": "", "x": "n", "y": "n", "A": "n n", "B": "n n"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cos(t)**2 + sin(t)**2", "1"),
        ("a * cos(x)**2 * y + a * sin(x)**2 * y", "a y"),
        ("cosh(x)**2 - sinh(x)**2", "1"),
        ("cos(x) @ cos(x) + sin(x) @ sin(x)", "n"),
        ("cos(x)**3 + cos(x) * sin(x)**2", "cos(x)"),
        ("sin(t)**2 * A + cos(t)**2 * B + cos(t)**2 * A", "A + cos(t)² B"),
        ("x @ (cos(y)**2) + x @ (sin(y)**2)", "sum(x)"),
        ("A @ (sin(y)**2) + A @ (cos(y)**2)", "sum(A, axis=1)"),
        ("1 + sinh(x)**2", "cosh(x)∘²"),
        ("a * y - a * y * cos(x)**2", "a y ∘ sin(x)∘²"),
        ("cosh(t)**2 - 1", "sinh(t)²"),
        ("a + a * cos(x)**2 / sin(x)**2", "a / sin(x)∘²"),
        # The other sign, and other axes.
        ("cos(t)**2 - sin(t)**2", "cos(t)² − sin(t)²"),
        ("A @ diag(cos(x)**2) + diag(sin(x)**2) @ A", "A diag(cos(x)∘²) + diag(sin(x)∘²) A"),
    ],
)
def test_squares_that_make_up_one_are_joined(text: str, shown: str) -> None:
    assert simplified(text, VARIABLES) == shown


def test_a_curvature_keeps_its_digits_where_it_is_small() -> None:
    hessian = gw.derive(gw.parse("log(1 + cosh(t))", t=""), wrt="t").hessian
    assert str(hessian) == "1 / (1 + cosh(t))"
    assert float(hessian.evaluate(t=40.0)) == pytest.approx(2 * 2.718281828459045**-40, rel=1e-12)

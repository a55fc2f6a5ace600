"""Quotients below the line: what is cleared, what is not, and that the value stays."""

from __future__ import annotations

import pytest
from numerics import close, generic_point
from simplified import simplified

import gradwright as gw
from gradwright.simplify.pipeline import simplify


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1 / (v * (1 + q / v))", "1 / (v + q)"),
        ("1 / (v**2 * (1 + q / v)**2)", "1 / (v + q)²"),
        ("b / (v * (1 + q**2 / v**2))", "b v / (v² + q²)"),
        ("x / (v**2 * (1 + x**2 / v**2))", "x / (v² 1 + x∘²)"),
        ("inv(eye(n) + S / v) / v", "(v I + S)⁻¹"),
        ("x @ inv(eye(n) / v + S / v**2) @ x / v", "v xᵀ (v I + S)⁻¹ x"),
        # There would be no fewer factors, or nothing is divided by what stands below the line.
        ("1 / (1 + q / v)", "1 / (1 + q / v)"),
        ("1 / (v * (1 + b + b**2 + q / v))", "1 / (v (1 + b + b² + q / v))"),
        ("1 / (v * (1 + q / b))", "1 / (v (1 + q / b))"),
    ],
)
def test_a_quotient_is_cleared_where_that_leaves_less(text: str, shown: str) -> None:
    assert simplified(text, {"v": "positive", "q": "positive", "b": "positive", "x": "n", "S": "n n"}) == shown


@pytest.mark.parametrize(("number", "shown"), [("complex", "(I + X / v)⁻ᴴ / v"), ("positive", "(v I + X)⁻ᴴ")])
def test_an_adjoint_is_cleared_of_real_numbers_only(number: str, shown: str) -> None:
    assert simplified("inv(eye(n) + X / v).H / v", {"X": "n n complex", "v": number}) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("r * (a / r + b / r**2)", "a + b / r"),
        ("(r * a + r * b) / r**2", "(a + b) / r"),
        ("v * (q / v + 1 / v**2)", "q + 1 / v"),
        ("(x @ a) * (q / (x @ a) + v / (x @ a)**2)", "q + v / (xᵀ a)"),
        ("diag(r) @ (diag(1 / r) @ X - diag(a / r**2) @ Y)", "X − diag(a / r) Y"),
        ("diag(sum(X, axis=1)) @ (diag(1 / sum(X, axis=1)) @ Y - diag(a / sum(X, axis=1)) @ X)", "Y − diag(a) X"),
        # Not in every term, and on another axis.
        ("r * (a / r + b)", "r ∘ (a / r + b)"),
        ("diag(r) @ (S @ diag(1 / r) + T @ diag(b / r))", "diag(r) (S diag(1 / r) + T diag(b / r))"),
    ],
)  # fmt: skip
def test_what_cancels_in_every_term_of_a_sum_is_cancelled(text: str, shown: str) -> None:
    assert simplified(text, dict(r="n", a="n", b="n", x="n", v="", q="", X="n m", Y="n m", S="n n", T="n n")) == shown


def test_a_conjugate_inverse_is_not_multiplied_by_what_is_none() -> None:
    expression = gw.parse("conj(inv(eye(n) + A / t)) @ z / t", A="n n complex", z="n", t="complex")
    assert close(*generic_point(expression.node).at(expression.node, simplify(expression.node)))

"""Expressions as Python writes them: operators with what is no expression on the left, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import gradwright as gw

x, y, Z = gw.vector("x", "n"), gw.vector("y", "n"), gw.matrix("Z", "n", "n", field="complex")
n = gw.dim("n")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (2 + x, "2 + x"),
        (2 - x, "2 - x"),
        (2 / x, "2 / x"),
        (2**x, "2 ** x"),
        (+x, "x"),
        (x >= y, "greater_equal(x, y)"),
        (x < y, "less(x, y)"),
        (x <= 0, "less_equal(x, 0)"),
        (Z.H @ x, "Z.H @ x"),
        (gw.ones(2 - (1 - n)), "ones(n + 1)"),
        (gw.concatenate([x, y]), "concatenate(x, y)"),
    ],
)
def test_what_python_writes_is_what_the_text_says(made: gw.Expression, text: str) -> None:
    declared = {"x": "n", "y": "n", "Z": "n n complex"}
    assert made.text() == gw.parse(text, **{name: declared[name] for name in made.variables}).text()


@pytest.mark.parametrize(
    ("attempt", "error", "message"),
    [
        (lambda: x ^ 2, gw.LanguageError, r"write \*\* for the power of every entry"),
        (lambda: list(x), TypeError, "cannot be iterated over"),
        (lambda: len(x), TypeError, "has no length"),
        (lambda: bool(x), TypeError, "neither true nor false; compare with gradwright.equal"),
        (lambda: x + object(), TypeError, "unsupported operand"),
        (lambda: gw.qr(gw.matrix("A", "n", "m")).S, AttributeError, "S"),
        (lambda: gw.parse(3), gw.LanguageError, "parse takes a text, and this is int"),  # type: ignore[arg-type]
        (lambda: gw.no_such_function, AttributeError, "has no attribute 'no_such_function'"),
    ],
)
def test_what_an_expression_is_not_made_for_is_refused(
    attempt: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        attempt()


def test_expressions_show_what_they_are() -> None:
    A = gw.matrix("A", "n", "m")
    Q, R = gw.qr(A)
    assert repr(x + y) == "<x + y : n>"
    assert repr(gw.qr(A)) == "<outputs of qr: Q, R>"
    assert (Q @ R)._repr_latex_() == f"${(Q @ R).latex()}$"
    D = gw.derive(x @ y, wrt="x")
    assert repr(D) == "<derivation of x @ y in x>"
    assert D.variables == ("x", "y")

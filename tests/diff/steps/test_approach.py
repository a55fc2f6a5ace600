"""Steps and derivatives are checked where a function has values, however small a part of its inputs that is."""

from __future__ import annotations

import pytest

import gradwright as gw


@pytest.mark.parametrize(
    ("text", "declarations"),
    [
        ("-sum(log(b - A @ x)) - log(1 - x @ x)", {"x": "n", "A": "m n", "b": "m"}),
        ("log(1 - a - b - c) + log(a) + log(b) + log(c)", {"a": "", "b": "", "c": ""}),
        ("sum(sqrt(x - y) + log(z - x))", {"x": "n", "y": "n", "z": "n"}),
        ("n * log(s) - logdet(s * eye(n) - W * W)", {"W": "n n", "s": "positive"}),
        ("logdet(stein(A, B @ B.T))", {"A": "n n", "B": "n n"}),
    ],
)
def test_a_function_of_few_inputs_is_checked(text: str, declarations: dict[str, str]) -> None:
    derivation = gw.derive(gw.parse(text, **declarations), wrt=next(iter(declarations)))
    assert all(step.check.passed for step in derivation.steps)


def test_its_derivatives_and_code_are_verified_there() -> None:
    assert gw.derive(gw.parse("log(1 - x @ x) + sum(log(x - y))", x="n", y="n"), wrt="x").verify().right


def test_a_function_that_has_no_value_anywhere_is_not_confirmed() -> None:
    derivation = gw.derive(gw.parse("log(-1 - x @ x)", x="n"), wrt="x")
    assert not derivation.steps[-1].check.passed

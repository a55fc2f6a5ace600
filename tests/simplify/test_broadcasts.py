"""Functions of repeated values are taken once, and on diagonals of the diagonal alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import gradwright as gw


@pytest.mark.parametrize(
    ("text", "declared", "gradient", "conditions"),
    [
        ("sum(log(outer(x, ones(m))))", {"x": "n"}, "m / x", ("x > 0",)),
        ("sum(tanh(outer(x, ones(m)) + outer(y, ones(m))))", {"x": "n", "y": "n"}, "m (1 − tanh(x + y)∘²)", ()),
        ("sum(sqrt(a * ones(n) - ones(n)) * x)", {"a": "", "x": "n"}, "sum(x) / (2 √(a − 1))", ("a − 1 > 0",)),
        ("sum(maximum(x, a * ones(n) - ones(n)))", {"x": "n", "a": ""}, "½ ([x > a − 1] + [x ≥ a − 1])", ()),
        ("sum(diagonal(1 / D))", {"D": "n n diagonal"}, "−diag(1 / diagonal(D)∘²)", ("diagonal(D) ≠ 0",)),
        ("trace(exp(A @ B))", {"A": "n n", "B": "n n"}, "diag(exp(diagonal(A B))) Bᵀ", ()),
    ],
)
def test_a_function_is_taken_where_its_value_is_needed(
    text: str, declared: Mapping[str, str], gradient: str, conditions: tuple[str, ...]
) -> None:
    derivation = gw.derive(gw.parse(text, **declared), wrt=next(iter(declared)))
    assert (str(derivation.gradient), derivation.conditions) == (gradient, conditions)
    assert derivation.verify().right

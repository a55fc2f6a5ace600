"""What is taken for rounding where a step is checked in numbers."""

from __future__ import annotations

import pytest

import gradwright as gw


@pytest.mark.parametrize("text", ["logdet(Q)", "2 * logdet(Q @ Q)", "sum(log(diagonal(Q @ Q.T)))"])
def test_the_logarithm_of_one_is_its_rounding_and_refutes_no_step(text: str) -> None:
    derivation = gw.derive(gw.parse(text, Q="n n orthogonal"), wrt="Q")
    assert str(derivation.gradient) == "0"
    assert all(step.check.passed for step in derivation.steps)
    assert derivation.verify().right

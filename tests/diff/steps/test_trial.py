"""What is taken for rounding where a step is checked in numbers, and at which inputs it is checked."""

from __future__ import annotations

import pytest

import gradwright as gw


@pytest.mark.parametrize("text", ["logdet(Q)", "2 * logdet(Q @ Q)", "sum(log(diagonal(Q @ Q.T)))"])
def test_the_logarithm_of_one_is_its_rounding_and_refutes_no_step(text: str) -> None:
    derivation = gw.derive(gw.parse(text, Q="n n orthogonal"), wrt="Q")
    assert str(derivation.gradient) == "0"
    assert all(step.check.passed for step in derivation.steps)
    assert derivation.verify().right


def test_where_equations_are_known_to_have_a_solution_serves_for_inputs_of_that_kind_and_those_sizes() -> None:
    inverse = gw.define("complex_inverse", "Y @ A = eye(n)", unknown="Y: n n complex", given="A: n n complex")
    assert gw.derive(inverse(gw.matrix("A", "n", "n"))).verify().right
    squares = gw.define("squares", "A.T @ A @ x = A.T @ b", unknown="x: m", given="A: n m, b: n")
    first, second = squares(gw.matrix("A", "n", "m"), gw.vector("b", "n")), gw.matrix("D", "k", "n")
    derived = gw.derive(gw.dot(gw.matrix("C", "n", "m") @ first, squares(second, gw.vector("c", "k"))), wrt="A")
    assert all(step.check.passed for step in derived.steps)

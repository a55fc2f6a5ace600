"""Laws that hold for every expression of the language."""

from __future__ import annotations

import numpy as np
import pytest
from facts_in_numbers import FACTS_HOLD
from hypothesis import assume, given, settings
from numerics import applications, close, directional_difference, generic_point, inner, random_direction, random_like
from strategies import Case, cases

import gradwright as gw
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Symbol
from gradwright.core.walks import symbols
from gradwright.diff.derivatives import gradient, hessian, total_differential, vjps
from gradwright.diff.differential import direction
from gradwright.simplify.pipeline import simplify

KINKED = {"abs", "relu", "sign", "floor", "round", "max", "min", "maximum", "minimum", "where", "greater"}


def parsed(case: Case) -> gw.Expression:
    return gw.parse(case.text, **case.declarations)


@pytest.mark.slow
@given(cases())
@settings(max_examples=400)
def test_simplification_preserves_value_shape_and_facts(case: Case) -> None:
    node = parsed(case).node
    simple = simplify(node)
    assert simple.shape == node.shape
    assert simple.real or not node.real
    assert facts_of(node) <= facts_of(simple) | {"complex"}
    before, after = generic_point(node).stable(node, simple)
    assert close(before, after, 1e-6)


@pytest.mark.slow
@given(cases())
@settings(max_examples=400)
def test_simplification_is_idempotent(case: Case) -> None:
    simple = simplify(parsed(case).node)
    assert simplify(simple) == simple


@pytest.mark.slow
@given(cases())
@settings(max_examples=400)
def test_printed_text_parses_to_the_same_expression_and_prints_the_same(case: Case) -> None:
    expression = parsed(case)
    again = gw.parse(expression.text(), **case.declarations)
    assert again.shape == expression.shape
    assert gw.parse(again.text(), **case.declarations).text() == again.text()
    before, after = generic_point(expression.node).stable(expression.node, again.node)
    assert close(before, after, 1e-6)


@pytest.mark.slow
@given(cases())
@settings(max_examples=200)
def test_inferred_facts_hold(case: Case) -> None:
    node = parsed(case).node
    (value,) = generic_point(node).stable(node)
    for fact in facts_of(node):
        assert FACTS_HOLD[fact](value), (fact, value)


@pytest.mark.slow
@given(cases())
@settings(max_examples=250)
def test_vjp_is_the_transpose_of_the_jvp_and_the_jvp_is_the_derivative(case: Case) -> None:
    node = simplify(parsed(case).node)
    variables = symbols(node)
    assume(variables)
    cotangent = Symbol("G", node.shape, frozenset() if node.real else frozenset({"complex"}))
    pushed = total_differential(node, variables)
    pulled = vjps((node,), variables, (cotangent,))
    point = generic_point(node)
    (value,) = point.stable(node)
    moves = {v: random_direction(v, point) for v in variables}
    G = random_like(value, node.real)
    full = type(point)({**point.values, cotangent: G, **{direction(v): d for v, d in moves.items()}}, point.sizes)
    moved, *gradients = full.stable(pushed, *(pulled[v] for v in variables))
    paired = sum(inner(g, moves[v]) for g, v in zip(gradients, variables, strict=True))
    assert close(np.array(inner(G, moved)), np.array(paired), 1e-6 * max(1.0, np.abs(moved).max(initial=0)))
    assume(not KINKED & {a.primitive.name for a in applications(node)})
    difference = directional_difference(node, point, moves)
    check = directional_difference(node, point, moves, 5e-4)
    assume(close(difference, check, 1e-6))
    assert close(moved, difference, 1e-4)


@pytest.mark.slow
@given(cases(shapes=("",), depth=2))
@settings(max_examples=100)
def test_the_hessian_of_a_scalar_is_symmetric_and_the_derivative_of_the_gradient(case: Case) -> None:
    node = simplify(parsed(case).node)
    variables = [v for v in symbols(node) if v.real and not {"stiefel", "unitary"} & v.facts]
    assume(variables and node.real)
    row, column = variables[0], variables[-1]
    slope, one, other = gradient(node, row), hessian(node, row, column), hessian(node, column, row)
    point = generic_point(node)
    gradient_value, left, right = point.stable(slope, one, other)
    axes = [*range(row.rank, row.rank + column.rank), *range(row.rank)]
    swapped = np.transpose(right, np.argsort(axes)) if axes else right
    assert close(left, swapped, 1e-6)
    assume(not KINKED & {a.primitive.name for a in applications(slope)})
    move = random_direction(column, point)
    moved = np.tensordot(left, move, column.rank)
    difference = directional_difference(slope, point, {column: move})
    assume(close(difference, directional_difference(slope, point, {column: move}, 5e-4), 1e-6))
    assert close(moved, difference, 1e-4), gradient_value


@pytest.mark.slow
@given(cases())
@settings(max_examples=150)
def test_equality_proves_an_expression_equal_to_its_simplification_and_refutes_a_change(case: Case) -> None:
    expression = parsed(case)
    simple = gw.Expression(simplify(expression.node), expression.signature)
    assert gw.equal(expression, simple).status in ("proved", "undecided")
    (value,) = generic_point(expression.node).stable(expression.node)
    size = np.max(np.abs(value), initial=0.0)
    assume(1e-3 < size < 1e3)
    changed = gw.equal(expression, expression * 2)
    assert changed.status == "refuted", changed
    assert set(changed.point) == {s.name for s in symbols(expression.node)}

"""Compiled code agrees with the reference evaluator, for every expression of the language and its derivatives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from compiled import run
from hypothesis import assume, given, settings
from numerics import Point, close, generic_point, random_like
from strategies import Case, cases

import gradwright as gw
from gradwright.core.nodes import Node, Symbol
from gradwright.core.walks import free_leaves, symbols
from gradwright.diff.derivatives import vjps
from gradwright.errors import EmissionError
from gradwright.simplify.pipeline import simplify


def with_derivatives(case: Case) -> tuple[dict[str, Node], Symbol]:
    """A simplified expression and its vector-Jacobian products, by name."""
    node = simplify(gw.parse(case.text, **case.declarations).node)
    cotangent = Symbol("G", node.shape, frozenset() if node.real else frozenset({"complex"}))
    variables = symbols(node)
    pulled = vjps((node,), variables, (cotangent,)) if variables else {}
    return {"value": node, **{v.name: pulled[v] for v in variables}}, cotangent


def point_of(roots: Mapping[str, Node], cotangent: Symbol, variables: tuple[Symbol, ...]) -> Point:
    point = generic_point(*roots.values(), symbols=variables)
    G = random_like(np.zeros([d.evaluate(point.sizes) for d in cotangent.shape]), cotangent.real)
    return Point({**point.values, cotangent: G}, point.sizes)


def compare(case: Case, library: str, batch: int = 0) -> None:
    roots, cotangent = with_derivatives(case)
    variables = tuple({leaf: None for root in roots.values() for leaf in free_leaves(root) if isinstance(leaf, Symbol)})
    assume(variables)
    point = point_of(roots, cotangent, (*variables, *symbols(gw.parse(case.text, **case.declarations).node)))
    wanted = point.stable(*roots.values())
    try:
        found = run(roots, library, point, batch)
    except EmissionError:
        assume(False)
        return
    for (name, value), right in zip(found.items(), wanted, strict=True):
        assert close(value, right, 1e-6), (name, library, abs(value - right).max() if value.shape == right.shape else 0)
        assert np.iscomplexobj(value) <= (not roots[name].real)


@pytest.mark.slow
@given(cases())
@settings(max_examples=50)
def test_numpy_code_has_the_value_of_the_expression_and_of_its_derivatives(case: Case) -> None:
    compare(case, "numpy")


@pytest.mark.slow
@given(cases())
@settings(max_examples=50)
def test_torch_code_has_the_value_of_the_expression_and_of_its_derivatives(case: Case) -> None:
    compare(case, "torch")


@pytest.mark.slow
@given(cases())
@settings(max_examples=50)
def test_torch_code_keeps_leading_batch_axes(case: Case) -> None:
    compare(case, "torch", batch=2)


@pytest.mark.parametrize(
    "text", ["concatenate(x, ones(n)) * 2", "block([[diag(x), outer(x, x)], [eye(n), ones(n, n)]])"]
)
def test_a_constant_part_stands_beside_parts_with_batch_axes(text: str) -> None:
    function = gw.derive(gw.parse(text, x="n")).function("torch")
    x = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(function(x), torch.stack([function(x[0]), function(x[1])]))

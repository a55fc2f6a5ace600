"""Hand-written backwards, right and wrong, as formulas: traced, compared with the derived gradient, explained."""

import json
from pathlib import Path

import pytest
import torch

import gradwright as gw
from gradwright.check.tracing import trace_backward
from gradwright.check.tracing.compare import compare
from gradwright.core.facts import closure
from gradwright.core.nodes import Symbol

DATA = Path(__file__).parents[2] / "data" / "wrong_gradients.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


def traced(row, source):
    expression = gw.parse(row["expression"], **row["variables"])
    cotangent = Symbol("G", expression.shape, closure(() if expression.node.real else {"complex"}))
    scope = {"torch": torch}
    exec(source, scope)
    found = trace_backward(scope["backward"], cotangent, {}, row["variables"])
    return found, gw.derive(expression, wrt=row["wrt"]).vjp


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS[::2], ids=lambda row: row["id"])
def test_a_backward_is_traced_and_equals_the_derived_gradient_only_if_it_is_right(row):
    found, right = traced(row, row["backward"])
    assert found.node is not None, found.text
    if found.node.shape != right.shape:
        assert "broadcast_not_reduced" in row["labels"]
        return
    status = gw.equal(gw.Expression(found.node, found.signature), right).status
    wrong = row["labels"] not in ([], ["second_order_only"])
    assert status == "refuted" if wrong else status != "refuted"
    assert bool(found.detached) == ("second_order_only" in row["labels"])


@pytest.mark.slow
def test_the_difference_of_most_wrong_backwards_has_the_right_name():
    named = explained = 0
    for row in ROWS[1::3]:
        if row["labels"] in ([], ["second_order_only"]):
            continue
        found, right = traced(row, row["backward"])
        assert found.node is not None
        labels = {difference.label for difference in compare(right.node, found.node)}
        named += all(labels & set(defect) for defect in row["defects"])
        explained += 1
    assert named >= 0.85 * explained


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if not row["labels"]], ids=lambda row: row["id"])
def test_right_backwards_in_an_unusual_form_do_not_differ(row):
    found, right = traced(row, row["backward"])
    assert found.node is not None
    assert compare(right.node, found.node) == ()

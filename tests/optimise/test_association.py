"""Products in the order that costs least, selections among the factors."""

from __future__ import annotations

import re

import gradwright as gw
from gradwright.back.code import LIBRARIES, lower
from gradwright.optimise import optimise
from gradwright.simplify.pipeline import simplify


def test_parts_of_a_kronecker_product_are_cut_before_everything_is_multiplied() -> None:
    """All other factors were multiplied first: a tensor with 14 axes, and minutes for matrices of order four."""
    derivation = gw.derive(gw.parse("norm(kron(A, F)[:n, :m])", A="n m", F="k k"), wrt="F")
    source = derivation.hvp.compile("numpy").source
    patterns = re.findall(r'"([a-zA-Z,]+)->', source)
    assert patterns and max(len(labels) for p in patterns for labels in p.split(",")) <= 4


def test_products_are_shared_that_serve_all() -> None:
    """`Y Y` is in all of the traces, and `Y E` and `Y F` make sums over entries of all."""
    names = dict.fromkeys("YEF", "n n symmetric")
    traces = ("Y @ Y @ E", "Y @ Y @ F", "Y @ E @ E @ Y", "Y @ F @ F @ Y", "Y @ E @ F @ Y")
    roots = {f"t{k}": simplify(gw.parse(f"trace({t})", **names).node) for k, t in enumerate(traces)}
    program = lower(optimise(roots), LIBRARIES["numpy"], inputs=gw.parse("Y @ E @ F", **names).signature.symbols)
    assert "\n".join(program.body()).count(" @ ") == 2


def test_a_sum_in_several_products_costs_once() -> None:
    """Joseph's form is applied from both sides: `(I − Kᵀ Hᵀ) (I − H K)` fills no identity in."""
    form = gw.parse("(eye(n) - K @ H).T @ (G + G.T) @ (eye(n) - K @ H)", K="n m", H="m n", G="n n")
    assert "add_to_diagonal" not in form.compile("numpy", hints={"n": 100, "m": 40}).source

"""Stacks of numbers that are symmetric: recognised by their values, never by their places."""

from __future__ import annotations

import numpy as np

import gradwright as gw
from gradwright.optimise.entries import share_mirrored_entries
from gradwright.optimise.places import collect_places
from gradwright.simplify.pipeline import simplify

STACK = """exp(a) * outer(eye(3)[:, 0], eye(3)[:, 0]) + dot(x, x - y) * outer(eye(3)[:, 0], eye(3)[:, 2])
    + ({}) * outer(eye(3)[:, 2], eye(3)[:, 0])"""


def shared(entry: str) -> bool:
    """Whether the entry below the diagonal is taken from the one above it, which is xᵀ (x − y)."""
    text = " ".join(STACK.format(entry).split())
    roots = collect_places((simplify(gw.parse(text, x="n", y="n", a="").node),))
    return share_mirrored_entries(roots) != roots


def test_equal_entries_are_shared_and_others_are_not() -> None:
    assert shared("dot(x, x) - dot(y, x)")
    assert not shared("dot(x, x) + dot(y, x)")
    assert not shared("dot(y, y - x)")


def test_the_hessian_in_parameters_has_one_number_for_a_pair() -> None:
    kernel = gw.parse("logdet(exp(t[0]) * exp(-exp(t[1]) * D) + eye(n))", t="2", D="n n symmetric")
    hessian = gw.derive(kernel, wrt="t").hessian
    compiled = hessian.compile("numpy")
    above, below = compiled.source[compiled.source.rindex("np.stack((np.stack") :].split("), -1), np.stack((")
    assert above.split(", ")[-1] == below.split(", ")[0]
    distances = np.random.default_rng(3).normal(size=(4, 4)) ** 2
    inputs = {"t": np.array([0.3, -0.4]), "D": distances + distances.T}
    assert np.allclose(compiled(**inputs), hessian.evaluate(**inputs), rtol=1e-9)

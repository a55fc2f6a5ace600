"""Results can be written into, and no input or other result changes with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import gradwright as gw

VIEWS = [
    ("X", "X"),
    ("X.T", "X.T"),
    ("X[0, :]", "X[0]"),
    ("diagonal(X)", "X.diagonal()"),
    ("reshape(X, n*n)", "X.reshape(-1)"),
    ("sum(X) * ones(n)", "X.sum()"),
    ("outer(x, ones(m))", "x[:, None]"),
    ("conj(z)", "z.conj()"),
    ("real(z)", ".real(z)"),
]
DECLARED = {"X": "n n", "x": "n", "z": "n complex"}
RNG = np.random.default_rng(1)
INPUTS = {"X": RNG.normal(size=(3, 3)), "x": RNG.normal(size=3), "z": RNG.normal(size=3) + 0j, "y": np.ones(4)}


@pytest.mark.parametrize(("text", "code"), VIEWS)
@pytest.mark.parametrize("convert", [np.array, torch.tensor])
def test_a_result_is_no_view_of_an_input(text: str, code: str, convert: Callable[[Any], Any]) -> None:
    expression = gw.parse(text, **DECLARED, y="m")
    compiled = expression.compile(convert.__module__)
    inputs = {name: convert(value) for name, value in INPUTS.items()}
    for function in (compiled, expression.evaluate):
        value = function(**inputs)
        value += 1
        assert all(np.array_equal(np.asarray(inputs[name]), before) for name, before in INPUTS.items())
    assert code in compiled.source


def test_what_is_computed_is_not_copied() -> None:
    for text in ("X @ X.T", "X.T + 1", "-X", "inv(X).T", "exp(X)[:, 0]", "imag(z)"):
        source = gw.parse(text, **DECLARED).compile("numpy").source
        assert "np.array(" not in source


def test_derivatives_of_a_module_for_numpy_share_no_memory() -> None:
    value = gw.derive(gw.parse("dot(a, x + y)", a="n", x="n", y="n"), wrt=["x", "y"]).function("numpy")
    a, x, y = RNG.normal(size=(3, 4))
    slopes: tuple[Any, ...] = value.gradient(a, x, y)
    assert not any(np.shares_memory(a, slope) for slope in slopes) and not np.shares_memory(*slopes)
    assert np.array_equal(slopes[0], a) and np.array_equal(slopes[1], a)


def test_numbers_are_taken_where_a_module_returns_its_input() -> None:
    assert gw.derive(gw.parse("a * b", a="", b=""), wrt="a").function("numpy").gradient(2.0, 3.0) == 3.0


def test_into_an_array_a_view_is_written_at_once() -> None:
    function, X, out = gw.parse("X.T", X="n n").compile("numpy"), RNG.normal(size=(3, 3)), np.empty((3, 3))
    assert function(X, out=out) is out and np.array_equal(out, X.T)

"""Powers of arrays: NumPy's own takes ten times as long for a cube as two products."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw


@pytest.mark.parametrize("exponent", ["3", "4", "(3/2)", "(5/2)", "(-3)", "(-3/2)"])
def test_powers_are_products_in_numpy(exponent: str) -> None:
    expression = gw.parse(f"sum(y * (1 + x)**{exponent})", x="n positive", y="n")
    x, y = np.random.default_rng(0).uniform(0.5, 2, size=(2, 5))
    found = expression.compile("numpy")
    assert "** 3" not in found.source and "/ 2)" not in found.source
    np.testing.assert_allclose(found(x=x, y=y), np.sum(y * np.power(1 + x, eval(exponent))), rtol=1e-14)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_powers_stay_where_they_are_differentiated(library: str) -> None:
    assert "** (3 / 2)" in gw.parse("x**(3/2)", x="n positive").compile(library).source

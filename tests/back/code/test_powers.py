"""Powers of arrays: a library's own takes ten times as long for most exponents as a few products."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradwright as gw


@pytest.mark.parametrize(
    ("library", "exponent"),
    [("numpy", e) for e in ("3", "4", "13", "(3/2)", "(5/2)", "(-3)", "(-3/2)")]
    + [("torch", e) for e in ("4", "13", "(-4)", "(-1/2)", "(-3/2)", "(-5/2)")],
)
def test_powers_are_products(library: str, exponent: str) -> None:
    pytest.importorskip(library)
    expression = gw.parse(f"(1 + x)**{exponent}", x="n positive")
    x = np.random.default_rng(0).uniform(0.5, 2, size=5)
    found = expression.compile(library)
    assert set(re.findall(r"\*\* (\S+)", found.source)) <= {"2", "2)", *(["3", "3)"] if library == "torch" else [])}
    np.testing.assert_allclose(np.asarray(found(x=x)), np.power(1 + x, eval(exponent)), rtol=1e-14)


def test_powers_share_what_they_have_in_common() -> None:
    source = gw.parse("1 / x**7 - 1 / x**13 + sqrt(y) + 1 / sqrt(y) + y**(-3/2)", x="n", y="n").compile("torch").source
    assert source.count("x**3") == source.count("sqrt(y") == source.count("reciprocal(y") == 1


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_powers_stay_where_they_are_differentiated(library: str) -> None:
    assert "** (3 / 2)" in gw.parse("x**(3/2)", x="n positive").compile(library).source


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_numbers_are_divided_by_the_smaller_array(library: str) -> None:
    source = gw.parse("2 * A / outer(x, ones(n))", A="m n", x="m").compile(library).source
    assert "A * (2 / x)[:, None]" in source

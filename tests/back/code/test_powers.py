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


@pytest.mark.parametrize("text", ["x / norm(x)", "(x @ y)**2 / (x @ x)", "(x @ y) * (x @ x)**(-1/2)"])
@pytest.mark.parametrize("size", [1e13, 1e-13])
def test_numbers_are_divided_by_where_their_powers_are_none_of_the_type(text: str, size: float) -> None:
    derivation = gw.derive(gw.parse(text, x="n", y="n") if "y" in text else gw.parse(text, x="n"), wrt="x")
    generator = np.random.default_rng(0)
    inputs = {"x": size * generator.normal(size=5)} | ({"y": generator.normal(size=5)} if "y" in text else {})
    inputs["G"] = generator.normal(size=5 if text == "x / norm(x)" else ())
    wanted = derivation.vjp.evaluate(**inputs)
    found = derivation.vjp.compile()(**{name: np.asarray(value, np.float32) for name, value in inputs.items()})
    np.testing.assert_allclose(found, wanted, atol=1e-6 * abs(wanted).max())

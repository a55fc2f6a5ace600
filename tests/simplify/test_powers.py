"""Powers that are merged in a product."""

from __future__ import annotations

import pytest

import gradwright as gw


@pytest.mark.parametrize(
    ("text", "gradient"),
    [("norm(abs(x))", "x / ‖x‖"), ("sum(sign(x) * abs(x))", "1")],
)
def test_a_sign_beside_a_size_is_joined_once(text: str, gradient: str) -> None:
    assert str(gw.derive(gw.parse(text, x="n"), wrt="x").gradient) == gradient


@pytest.mark.parametrize(
    ("text", "hessian"),
    [("sum(abs(x)**p)", "p (p − 1) diag(|x|∘^(p − 2))"), ("sum(sign(x)**2 * x**3)", "6 diag(x)")],
)
def test_the_square_of_a_sign_beside_a_size_is_one(text: str, hessian: str) -> None:
    D = gw.derive(gw.parse(text, x="n", p="positive"), wrt="x")
    assert str(D.hessian) == hessian
    assert D.verify().right


def test_the_square_of_a_sign_is_one_beside_a_size() -> None:
    assert str(gw.derive(gw.parse("sum(sqrt(abs(x)))", x="n"), wrt="x").hessian) == "−¼ diag(1 / |x|∘^(3/2))"


def test_the_square_of_a_norm_of_complex_entries_meets_the_norm() -> None:
    hvp = gw.derive(gw.parse("norm(z)", z="n complex"), wrt="z").hvp
    assert str(hvp) == "dz / ‖z‖ − Re(zᴴ dz) z / ‖z‖³"


def test_a_power_that_becomes_one_beside_it_is_counted_twice() -> None:
    gradient = gw.derive(gw.parse("a * x**(p - 1) / x * x**(p - 2)", x="positive", p="", a=""), wrt="a").gradient
    assert str(gradient) == "(x^(p − 2))²"

"""Values of moderate size, by numbers that no double is as large or as small as."""

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import ConditionError

pytestmark = pytest.mark.skipif(np.finfo(np.longdouble).maxexp <= 1024, reason="no longer exponent on this processor")
X = np.array([3.0, 4.0, 12.0])


@pytest.mark.parametrize("size", [1e200, 1e-200, 1e-310])
def test_gradient_of_a_norm_is_a_direction_at_every_size(size):
    gradient = gw.derive(gw.parse("norm(x)", x="n"), wrt="x").gradient
    np.testing.assert_allclose(gradient.evaluate(x=X * size), X / 13, rtol=1e-12)
    np.testing.assert_allclose(gw.parse("norm(x)", x="n").evaluate(x=X * size), 13 * size, rtol=1e-12)


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_the_range_is_that_of_the_inputs_precision(size):
    gradient = gw.derive(gw.parse("norm(x)", x="n"), wrt="x").gradient
    np.testing.assert_allclose(gradient.evaluate(x=(X * size).astype(np.float32)), X / 13, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("sum(x**2 / (x**2 + 3 * x**2))", 1e200, 0.75),
        ("outer(x, x) / (x @ x)", 1e-180, np.outer(X, X) / 169),
        ("x @ inv(diag(ones(n) + ones(n))) @ x / (x @ x)", 1e200, 0.5),
        ("sum(exp(x) * exp(x)) / sum(exp(x + x + 1))", 100, np.exp(-1)),
        ("trace(matrix_exp(outer(x, x + x)))", 1e-180, 3),
    ],
)
def test_quotients_of_what_leaves_the_range(text, size, expected):
    np.testing.assert_allclose(gw.parse(text, x="n").evaluate(x=X * size), expected, rtol=1e-12)


@pytest.mark.parametrize(("x", "size"), [(X * 1e120, r"2\.197e\+363"), ((X * 1e30).astype(np.float32), r"2\.197e\+93")])
def test_value_beyond_the_range_is_refused_by_its_size(x, size):
    with pytest.raises(ConditionError, match=f"too large for floating-point numbers at these inputs: {size}"):
        gw.parse("norm(x)**3", x="n").evaluate(x=x)


def test_matrix_equations_keep_their_digits_beside_large_numbers():
    A = np.random.default_rng(0).normal(size=(3, 3)) + 4 * np.eye(3)
    gradient = gw.derive(gw.parse("sum(sqrtm(A)) * (x @ x) / x[0]**2", A="n n", x="n"), wrt="A").gradient
    np.testing.assert_allclose(gradient.evaluate(A=A, x=X * 1e200), gradient.evaluate(A=A, x=X), rtol=1e-12)


def test_rounding_errors_are_no_value():
    gradient = gw.derive(gw.parse("sin(a) / a", a=""), wrt="a").gradient
    with pytest.raises(ConditionError, match="not finite"):
        gradient.evaluate(a=1e-170)

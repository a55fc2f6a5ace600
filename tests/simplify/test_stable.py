"""Expressions that overflow as they are written: their values and derivatives at ±1000 in single precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import gradwright as gw
from gradwright.simplify.pipeline import simplify

X = np.array([1000.0, -1000.0, 999.0, -3.0, 0.5], dtype=np.float32)
VALUES = {
    "x": X,
    "y": np.array([1.0, 0.0, 1.0, 0.25, 0.5], dtype=np.float32),
    "p": np.array([0.5, 2.0, 1.0, 0.1, 0.7], dtype=np.float32),
    "X": np.stack([X, X[::-1], np.roll(X, 2)]),
    "a": np.array(2.0, dtype=np.float32),
}
DECLARED = {"x": "n", "y": "n", "p": "n positive", "X": "m n", "a": "", "K": "n n spd"}
OF_VECTORS = [
    "log(1 + exp(x))", "log(exp(-x) + 1)", "log1p(exp(x))", "log(1 + exp(a * x))", "log(2 + 2 * exp(x))", "softplus(x)",
    "1 / (1 + exp(-x))", "exp(x) / (1 + exp(x))", "exp(-x) / (1 + exp(-x))", "(1 + exp(-x)) ** (-2)",
    "exp(x) / (1 + exp(x)) ** 2", "log(sigmoid(x))", "log(1 - sigmoid(x))", "log(1 / (1 + exp(-x)))",
    "exp(x) / sum(exp(x))", "log(exp(x) / sum(exp(x)))", "softmax(x)", "log(softmax(x))", "log_softmax(x)",
    "(exp(x) - exp(-x)) / (exp(x) + exp(-x))", "sinh(x) / cosh(x)", "1 / (exp(x) + exp(-x))", "log(cosh(x))",
    "log(exp(x) + exp(y))", "exp(x) / (exp(x) + exp(y))", "exp(x) / (exp(x) + 3 * exp(y) + 1)", "x * sigmoid(x)",
    "exp(x - max(x)) / sum(exp(x - max(x)))", "log(p * exp(x))", "sqrt(exp(x) / (1 + exp(x)))",
    "log(p + exp(x))", "exp(x) / (2 + p * exp(x))", "x / (exp(x) - 1)", "x * exp(2 * x) / (exp(x) - exp(-x)) ** 2",
    "log(1 - tanh(x) ** 2)", "cosh(x) / sinh(x)", "exp(2 * x) / (exp(x) + 3) ** 3",
    "exp(3 * x) / (exp(2 * x) + 1) ** 2", "exp(-5 * x) / (3 * exp(-4 * x) + 1) ** 2", "exp(3 * x) * sigmoid(-3 * x)",
    "log(1 + cosh(x))", "sinh(x) / (1 + cosh(x))", "(exp(x) - exp(-x)) / (2 + exp(x) + exp(-x))",
]  # fmt: skip
OF_SCALARS = [
    "log(sum(exp(x)))", "logsumexp(x)", "log(mean(exp(x)))", "log(p @ exp(x))", "max(x) + log(sum(exp(x - max(x))))",
    "sum(log(1 + exp(-y * x)))", "-sum(y * log(sigmoid(x)) + (1 - y) * log(1 - sigmoid(x)))",
    "sum(y * log(exp(x) / sum(exp(x))))", "-log(exp(x @ y) / (exp(x @ y) + exp(-(x @ y))))", "log(sum(exp(2 * x)))",
]  # fmt: skip
OF_MATRICES = [
    "log(sum(exp(X), axis=1))", "log(sum(exp(X), axis=0))", "log(sum(exp(X)))", "exp(X) / sum(exp(X))",
    "exp(X) / outer(sum(exp(X), axis=1), ones(n))", "exp(X) / outer(ones(m), sum(exp(X), axis=0))",
    "log(exp(X) / outer(sum(exp(X), axis=1), ones(n)))", "softmax(X, axis=0)", "log(exp(X) @ p)",
]  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("text", [*OF_VECTORS, *OF_SCALARS, *OF_MATRICES])
def test_value_and_two_derivatives_do_not_overflow(text: str) -> None:
    names = {name: d for name, d in DECLARED.items() if name in text.replace("exp", "").replace("max", "")}
    expression = gw.parse(text, **names)
    wrt = "X" if "X" in expression.variables else "x"
    total = gw.sum(expression) if expression.shape else expression
    first, second = gw.derive(expression, wrt=wrt), gw.derive(total, wrt=wrt)
    for derived in (expression, first.jacobian, second.gradient, second.hessian):
        assert_same_in_double(derived)


def assert_same_in_double(expression: gw.Expression) -> None:
    single = expression.evaluate(**inputs(expression, np.float32))
    double = expression.evaluate(**inputs(expression, np.float64))
    assert single.dtype == np.float32 and single.shape == double.shape
    assert np.all(np.isfinite(single))
    assert np.abs(single - double).max() <= 1e-4 * max(np.abs(double).max(), 1e-3)


def inputs(expression: gw.Expression, kind: type) -> Mapping[str, np.ndarray]:
    return {name: VALUES[name].astype(kind) for name in expression.variables}


@pytest.mark.slow
def test_a_large_determinant_of_a_positive_definite_matrix_does_not_overflow() -> None:
    D = gw.derive(gw.parse("log(det(K))", K="n n spd"), wrt="K")
    K = np.diag(np.full(60, 1e10)).astype(np.float32)
    assert np.isclose(D.expression.evaluate(K=K), 60 * np.log(1e10))
    assert np.allclose(D.gradient.evaluate(K=K), np.eye(60) / 1e10)
    assert np.all(np.isfinite(D.hessian.evaluate(K=K)))
    absolute = gw.derive(gw.parse("log(abs(det(X)))", X="n n"), wrt="X")
    assert np.isclose(absolute.expression.evaluate(X=-K), 60 * np.log(1e10))
    assert np.allclose(absolute.gradient.evaluate(X=-K), -np.eye(60) / 1e10)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("log(1 + exp(x))", "softplus(x)"),
        ("exp(x) / sum(exp(x))", "softmax(x)"),
        ("log(sum(exp(x)))", "logsumexp(x)"),
        ("exp(x) / (1 + exp(x))", "sigmoid(x)"),
        ("1 - sigmoid(x)", "sigmoid(-x)"),
        ("outer(ones(n), sigmoid(x)) - outer(sigmoid(x), sigmoid(x))", "outer(sigmoid(-x), sigmoid(x))"),
        ("1 - 2 * sigmoid(-2 * x)", "tanh(x)"),
        ("outer(sigmoid(x), y) - outer(ones(n), y) / 2", "outer(tanh(x / 2), y) / 2"),
        ("exp(-softplus(x))", "sigmoid(-x)"),
        ("sinh(x) / cosh(x)", "tanh(x)"),
        ("x - softplus(x)", "-softplus(-x)"),
        ("log(exp(x) + exp(y))", "x + softplus(y - x)"),
        ("exp(x) / (exp(x) + exp(y))", "sigmoid(x - y)"),
        ("log(p @ exp(x))", "logsumexp(log(p) + x)"),
        ("exp(x) / (p + exp(x))", "sigmoid(x - log(p))"),
        ("exp(2 * x) / (1 + exp(x))**2", "sigmoid(x)**2"),
        ("exp(x) / (exp(x) - 1)", "1 / (1 - exp(-x))"),
        ("cosh(x) / sinh(x)", "1 / tanh(x)"),
        ("trace(a * logm(K))", "a * logdet(K)"),
    ],
)
def test_the_form_is_the_usual_one(text: str, form: str) -> None:
    names = {name: d for name, d in DECLARED.items() if name in (text + form).replace("exp", "").replace("plus", "")}
    left, right = gw.parse(text, **names), gw.parse(form, **names)
    simple = [str(gw.Expression(simplify(e.node), e.signature)) for e in (left, right)]
    assert simple[0] == simple[1]
    assert gw.equal(left, right).status == "proved"


def test_the_exponential_of_a_sum_is_a_product() -> None:
    """The likelihood of independent outcomes, `Π σ(xᵢ)`, was their sum."""
    x = np.array([0.5, -1.0, 2.0])
    for text in ("exp(sum(log(sigmoid(x))))", "exp(-sum(softplus(-x)))", "1 / exp(sum(softplus(-x)))"):
        assert np.isclose(gw.parse(text, x="n").evaluate(x=x), np.prod(1 / (1 + np.exp(-x))))


@pytest.mark.parametrize(
    ("text", "value", "slope"),
    [
        ("log(1 - exp(-x))", np.log(1e-20), 1e20),
        ("log(exp(x) - 1)", np.log(1e-20), 1e20),
        ("log(1 - exp(-exp(x - 40)))", -40, 1.0),
        ("(1 - cos(x)) / x**2", 0.5, None),
        ("a - a * exp(-x)", 2e-20, 2.0),
        ("log((1 + erf(x - 40)) / 2)", -1604.9547038338335, 80.02498439935777),
    ],
)
def test_differences_near_zero_keep_their_digits(text: str, value: float, slope: float | None) -> None:
    """At 10⁻²⁰, where the difference is 0 as it stands."""
    expression = gw.parse(text, **{"x": "positive"} | ({"a": ""} if "a " in text else {}))
    at = {"x": np.array(1e-20), "a": np.array(2.0)}
    inputs = {name: at[name] for name in expression.variables}
    gradient = gw.derive(expression, wrt="x").gradient
    for of, wanted in ((expression, value), (gradient, slope)):
        for found in (of.evaluate(**inputs), of.compile("numpy")(**inputs)) if wanted is not None else ():
            assert np.isclose(found, wanted, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("text", "value"), [("a * exp(z) - a", 2e-20j), ("conj(exp(z)) - 1", -1e-20j), ("1 - cos(z)", -5e-41)]
)
def test_differences_of_complex_numbers_keep_their_digits(text: str, value: complex) -> None:
    expression = gw.parse(text, z="complex", a="") if "a " in text else gw.parse(text, z="complex")
    at = {"z": np.array(1e-20j), "a": np.array(2.0)}
    inputs = {name: at[name] for name in expression.variables}
    for found in (expression.evaluate(**inputs), expression.compile("numpy")(**inputs)):
        assert np.isclose(found, value, rtol=1e-12, atol=0)

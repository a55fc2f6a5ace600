"""Emitted tests see what a module's own derivatives cannot tell: they hold it to numbers and to what defines it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

import gradwright as gw

SCALED = gw.parse("sum((s * ones(m))[1:]) * (inv(X) @ A)", X="n n", A="n m", s="")
CAYLEY = gw.define("cayley", "(eye(n) + X) @ Y = eye(n) - X", unknown="Y: n n", given="X: n n")
EXPRESSIONS: dict[str, Any] = {
    "a size": SCALED,
    "several outputs": {"f": gw.parse("norm(X @ w)", X="n m", w="m"), "r": gw.parse("X @ w", X="n m", w="m")},
    "complex": gw.parse("inv(Z) @ z + a * z", Z="n n complex", z="n complex", a=""),
    "orthonormal": gw.parse("trace(Q.T @ S @ Q) * det(U)", Q="n m stiefel", S="n n symmetric", U="m m orthogonal"),
    "an input that does not occur": gw.parse("logsumexp(x)", x="n", A="m k"),
    "an output that is an input": {"y": gw.parse("x", x="n positive"), "z": gw.parse("log(x)", x="n positive")},
    "a domain": gw.parse("log(x + 1/2)", x="n"),
    "defined": CAYLEY(gw.matrix("X", "n", "n")),
}


def emitted(expression: Any, monkeypatch: pytest.MonkeyPatch, **changed: str) -> dict[str, Any]:
    """The emitted tests of a module in whose text something was changed."""
    derivation = gw.derive(expression)
    source = derivation.source("torch")
    for old, new in changed.items():
        assert old in source
        source = source.replace(old, new)
    module = ModuleType("emitted_module")
    exec(source, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    tests: dict[str, Any] = {}
    exec(derivation.tests("torch", module=module.__name__), tests)
    return tests


def test_a_module_that_is_consistently_wrong_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    tests = emitted(SCALED, monkeypatch, **{"(m - 1) * ": ""})
    for blind in ("test_gradients", "test_second_derivatives", "test_forward_mode", "test_batches_and_vmap"):
        tests[blind]()
    with pytest.raises(AssertionError, match="not close"):
        tests["test_numbers"]()


def test_a_wrong_gradient_of_one_output_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    tests = emitted(EXPRESSIONS["several outputs"], monkeypatch, **{"grad_w = matvec": "grad_w = 1.01 * matvec"})
    with pytest.raises(AssertionError, match="not close"):
        tests["test_numbers"]()


@pytest.mark.sampled
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_modules_give_the_numbers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = emitted(EXPRESSIONS[name], monkeypatch)
    tests["test_numbers"]()


def test_a_defined_function_is_held_to_its_equation(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted(EXPRESSIONS["defined"], monkeypatch)["test_defining_equations"]()
    wrong = emitted(EXPRESSIONS["defined"], monkeypatch, **{"return _Cayley.apply(X)": "return 2 * _Cayley.apply(X)"})
    with pytest.raises(AssertionError, match="not close"):
        wrong["test_defining_equations"]()


def test_no_numbers_are_told_of_signs_that_libraries_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = gw.parse("eigh(S).eigenvectors @ x", S="n n symmetric", x="n")
    assert "test_numbers" not in emitted(vectors, monkeypatch)
    values = gw.parse("sum(exp(eigh(S).eigenvalues))", S="n n symmetric")
    emitted(values, monkeypatch)["test_numbers"]()


@pytest.mark.parametrize(
    ("text", "declarations"),
    [
        ("sum(log(y - x)) + logdet(K - S)", {"x": "n", "y": "n", "K": "m m spd", "S": "m m symmetric"}),
        ("trace(Q.T @ S @ Q) * sum(sqrt(diagonal(D @ L)))",
         {"Q": "n m stiefel", "S": "n n symmetric", "D": "n n diagonal", "L": "n n lower"}),
    ],
)  # fmt: skip
def test_tests_stay_where_a_function_has_values(
    text: str, declarations: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = emitted(gw.parse(text, **declarations), monkeypatch)
    for name in ("test_numbers", "test_value", "test_gradients", "test_batches_and_vmap"):
        tests[name]()

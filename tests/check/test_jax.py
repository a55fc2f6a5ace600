"""Functions of JAX under check: pairs, and functions with a rule of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gradwright as gw
from gradwright.errors import CheckError

jax = pytest.importorskip("jax")
jnp = jax.numpy


def _inverse(last: Callable[[Any], Any]) -> Any:
    """The inverse with the rule `−Yᵀ G last(Y)`."""
    inverse = jax.custom_vjp(jnp.linalg.inv)

    def forward(X: Any) -> tuple[Any, Any]:
        Y = jnp.linalg.inv(X)
        return Y, Y

    inverse.defvjp(forward, lambda Y, G: (-Y.T @ G @ last(Y),))
    return inverse


@pytest.mark.slow
def test_a_right_rule_is_right() -> None:
    report = gw.check(_inverse(lambda Y: Y.T), "inv(X)")
    assert report.right, str(report)


@pytest.mark.slow
def test_a_wrong_rule_is_named_in_the_precision_that_jax_has_by_default() -> None:
    assert gw.check(_inverse(lambda Y: Y), "inv(X)").labels == {"missing_transpose"}


@pytest.mark.slow
def test_a_backward_written_in_jax() -> None:
    def backward(G: Any, A: Any, B: Any) -> tuple[Any, Any]:
        return G @ B.T, A.T @ jnp.abs(G)

    report = gw.check((jnp.matmul, backward), "A @ B", variables={"A": "n m", "B": "m p"})
    assert [finding.verdict for finding in report.findings] == ["held", "held", "wrong"], str(report)


@pytest.mark.slow
def test_what_jax_differentiates_by_itself_is_taken_in_the_tangent_space() -> None:
    report = gw.check(lambda S: jnp.linalg.slogdet(S)[1], "logdet(S)", variables={"S": "n n spd"})
    assert report.right, str(report)


@pytest.mark.slow
def test_a_wrong_forward_is_all_that_is_said_of_a_function_without_a_rule() -> None:
    report = gw.check(lambda A, B: jnp.tanh(A @ B), "A @ B", variables={"A": "n m", "B": "m p"})
    assert not report.right and not report.labels
    assert [finding.question for finding in report.findings] == ["forward", "backward"]


@pytest.mark.slow
def test_one_of_several_variables() -> None:
    report = gw.check(jax.jit(lambda A, B: A @ B), "A @ B", wrt="B", variables={"A": "n m", "B": "m p"})
    assert report.right, str(report)


def test_a_function_of_numpy_alone_has_no_gradient_beside_jax() -> None:
    import numpy as np

    with pytest.raises(CheckError, match="has no gradient to check"):
        gw.check(np.linalg.inv, "inv(X)")


RULES: dict[str, tuple[Callable[..., Any], Callable[..., Any], str, dict[str, str], set[str]]] = {
    "of operators alone, which take tensors, too": (
        lambda A, B: A @ B, lambda r, G: (G @ r[1].T, -r[0].T @ G), "A @ B", {"A": "n m", "B": "m p"}, {"wrong_sign"},
    ),
    "a number in one term": (
        lambda x: 3 * x**2 + 5 * x, lambda r, G: (G * (6 * r[0] + 4),), "3 * x ** 2 + 5 * x", {"x": "n"},
        {"wrong_factor"},
    ),
    "the input for the inverse": (
        jnp.linalg.inv, lambda r, G: (-r[0].T @ G @ r[0].T,), "inv(X)", {"X": "n n"}, {"uses_input_instead_of_output"},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_what_is_wrong_with_a_rule_is_named(name: str) -> None:
    function, backward, text, variables, labels = RULES[name]
    ruled = jax.custom_vjp(function)
    ruled.defvjp(lambda *inputs: (function(*inputs), inputs), backward)
    report = gw.check(ruled, text, variables=variables)
    assert report.labels == labels, str(report)

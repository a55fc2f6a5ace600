"""What a derivation costs: the expressions that could blow up, and the growth with the size of the expression.

Only deriving is measured, not evaluating or printing.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import gradwright as gw

KALMAN = "-(logdet({S}) + (z - H @ F @ x) @ inv({S}) @ (z - H @ F @ x)) / 2".format(S="H @ (F @ P @ F.T + Q) @ H.T + R")
PERCEPTRON = "norm(W3 @ tanh(W2 @ tanh(W1 @ x + b1) + b2) + b3 - y)**2"


def power_jacobian() -> object:
    return gw.derive(gw.parse(" @ ".join(["X"] * 8), X="n n"), wrt="X").jacobian


def trace_hessian() -> object:
    return gw.derive(gw.parse("trace(X @ X @ X @ X @ X @ X)", X="n n"), wrt="X").hessian


def kalman_hessian() -> object:
    given = {"H": "m n", "F": "n n", "P": "n n spd", "Q": "n n spd", "R": "m m spd", "z": "m", "x": "n"}
    return gw.derive(gw.parse(KALMAN, **given), wrt="Q").hessian


def perceptron_hessian() -> object:
    given = {"W1": "h n", "W2": "k h", "W3": "m k", "x": "n", "b1": "h", "b2": "k", "b3": "m", "y": "m"}
    return gw.derive(gw.parse(PERCEPTRON, **given), wrt="W1").hessian


def chain_gradient(layers: int = 100) -> object:
    value = gw.vector("x", "n")
    for layer in range(layers):
        value = gw.tanh(gw.matrix(f"W{layer}", "n", "n") @ value)
    return gw.derive(gw.sum(value), wrt="W0").gradient


CASES: list[Callable[[], object]] = [power_jacobian, trace_hessian, kalman_hessian, perceptron_hessian, chain_gradient]


@pytest.mark.parametrize("derive", CASES, ids=lambda case: case.__name__)
def test_derivation(derive: Callable[[], object], benchmark: Callable[[Callable[[], object]], object]) -> None:
    benchmark(derive)


@pytest.mark.parametrize("layers", [25, 50, 100, 200])
def test_gradient_of_a_chain(layers: int, benchmark: Callable[..., object]) -> None:
    benchmark(chain_gradient, layers)

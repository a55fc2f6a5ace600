"""No rule blows up: derivations of the expressions that could, their growth, and deep ones."""

from __future__ import annotations

from functools import partial

import pytest
from work import calls

import gradwright as gw
from gradwright.core.walks import postorder

# A derivation of a million calls takes about half a second; what blows up makes a hundred times as many.
MILLION = 10**6


def chain(layers: int) -> gw.Expression:
    value = gw.vector("x", "n")
    for layer in range(layers):
        value = gw.tanh(gw.matrix(f"W{layer}", "n", "n") @ value)
    return gw.sum(value)


def size(expression: gw.Expression) -> int:
    return sum(1 for _ in postorder(expression.node))


KALMAN = "-(logdet({S}) + (z - H @ F @ x) @ inv({S}) @ (z - H @ F @ x)) / 2".format(S="H @ (F @ P @ F.T + Q) @ H.T + R")
LARGE = [
    (" @ ".join(["X"] * 8), {"X": "n n"}, "X", "jacobian"),
    ("trace(X @ X @ X @ X @ X @ X)", {"X": "n n"}, "X", "hessian"),
    (KALMAN, {"H": "m n", "F": "n n", "P": "n n spd", "Q": "n n spd", "R": "m m spd", "z": "m", "x": "n"}, "Q",
     "hessian"),
    ("norm(W3 @ tanh(W2 @ tanh(W1 @ x + b1) + b2) + b3 - y)**2",
     {"W1": "h n", "W2": "k h", "W3": "m k", "x": "n", "b1": "h", "b2": "k", "b3": "m", "y": "m"}, "W1", "hessian"),
    ("trace(inv(X + inv(X + inv(X + inv(X)))))", {"X": "n n"}, "X", "hessian"),
    ("sum(softmax(softmax(X @ A @ X.T, axis=1) @ X @ B @ X.T, axis=1) @ X)", {"X": "n m", "A": "m m", "B": "m m"}, "X",
     "hessian"),
    ("norm(pinv(A) @ lstsq(B, b))", {"A": "n m", "B": "n n", "b": "n"}, "B", "hvp"),
]  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "declarations", "wrt", "kind"), LARGE, ids=[row[0][:40] for row in LARGE])
def test_large_derivations_stay_small(text: str, declarations: dict, wrt: str, kind: str) -> None:
    expression = gw.parse(text, **declarations)
    assert calls(lambda: getattr(gw.derive(expression, wrt=wrt), kind)) < MILLION
    assert size(getattr(gw.derive(expression, wrt=wrt), kind)) < 2500


@pytest.mark.slow
def test_the_gradient_of_a_chain_grows_in_proportion() -> None:
    short, long = chain(25), chain(100)
    derive = [lambda value=value: gw.derive(value, wrt="W0").gradient for value in (short, long)]
    assert calls(derive[1]) < 10 * calls(derive[0]) < 2.75 * MILLION
    assert size(derive[1]()) < 5 * size(derive[0]())


def layers(name: str, depth: int) -> gw.Expression:
    """One step after the other with the same weights, so that every derivative has a term for each."""
    x, W, b = gw.vector("x", "n"), gw.matrix("W", "n", "n"), gw.vector("b", "n")
    value = x
    for _ in range(depth):
        value = STEPS[name](W, b, value)
    return gw.dot(x, value)


STEPS = {
    "recurrent": lambda W, b, x: gw.tanh(W @ x + b),
    # Its differential has its value twice, which doubles what is written at every level.
    "softmax": lambda W, b, x: gw.softmax(W @ x + b),
    "gated": lambda W, b, x: gw.sigmoid(b) * x + gw.sigmoid(-(W @ x)) * gw.tanh(W @ x),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"), [*((name, "gradient") for name in STEPS), ("softmax", "hvp"), ("gated", "hvp")]
)
def test_derivatives_by_shared_weights_grow_in_proportion(name: str, kind: str) -> None:
    small, large = (layers(name, depth) for depth in (4, 12))
    least, most = (calls(lambda e=e: getattr(gw.derive(e, wrt="W"), kind)) for e in (small, large))
    assert most < 8 * least


@pytest.mark.slow
def test_pages_of_deep_compositions_grow_in_proportion() -> None:
    small, large = (gw.derive(layers("softmax", depth), wrt="W") for depth in (5, 15))
    assert calls(large.text) < 12 * calls(small.text)
    assert len(str(large)) < 6 * len(str(small))
    assert all(step.check.passed for step in large.steps)


@pytest.mark.slow
def test_gradients_of_long_sums_grow_in_proportion() -> None:
    x = gw.vector("x", "n")
    gradients = [
        gw.derive(gw.sum(sum(gw.sin((k + 1) * x) * gw.exp(x / (k + 2)) for k in range(count))), wrt="x").gradient
        for count in (30, 90)
    ]
    for write in (str, lambda gradient: gradient.compile("numpy")):
        short, long = (calls(partial(write, gradient)) for gradient in gradients)
        assert long < 3.5 * short


@pytest.mark.slow
def test_a_text_that_would_not_end_has_letters() -> None:
    gradient = gw.derive(layers("softmax", 20), wrt="W").gradient
    assert len(str(gradient)) < 5000 and ", where " in str(gradient)
    assert len(repr(gradient)) < 5000
    for write in (gradient.text, gradient.ascii, gradient.latex):
        with pytest.raises(gw.GradwrightError, match="characters"):
            write()


@pytest.mark.slow
def test_long_sums_and_deep_nests_do_not_exhaust_the_stack() -> None:
    x = gw.vector("x", "n")
    total = x
    for k in range(500):
        total = total + gw.sin(gw.Expression((k + 1 + 0 * x[0]).node, x.signature) * x)
    assert gw.derive(gw.sum(total), wrt="x").gradient.shape == x.shape
    nest = x
    for _ in range(500):
        nest = gw.sin(nest)
    D = gw.derive(gw.sum(nest), wrt="x")
    assert D.gradient.text().count("cos") == 500
    assert gw.parse("+".join(f"{k}*sin({k}*x)" for k in range(1, 400)), x="n").shape == x.shape

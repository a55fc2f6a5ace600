"""Sums over the rows of a matrix, some rows at a time: which expressions are such sums, and that values stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numerics import close

import gradwright as gw
from gradwright.back.code import row_blocks
from gradwright.optimise import optimise
from gradwright.optimise.row_sums import row_sums

SHAPES = {"X": "m n", "Z": "m k", "w": "n", "v": "n", "y": "m", "s": "m", "a": "", "W": "n k", "S": "m m", "b": "k"}
SIZES = {"m": 11, "n": 4, "k": 3}
SUMS = [
    "sum(softplus(-y * (X @ w))) + a/2 * dot(w, w)",
    "mean(softplus(-y * (X @ w)))",
    "a * norm(X @ w - y)**2 / sqrt(m)",
    "sum(exp(X @ w / sqrt(m)))",
    "norm(X @ w - y)",
    "sum(s * (X @ w)**3) * sum(y * tanh(X @ v))",
    "sum(logsumexp(X @ W, axis=1)) + dot(b, W.T @ w)",
    "log(sum(exp(X @ w)))",
    "sum(X @ (w * sigmoid(X.T @ y)))",
]
NO_SUMS = [
    "sum(exp(S @ (X @ w)))",
    "sum(softmax(X @ w) * (X @ v))",
    "dot(cumsum(X @ w), X @ v)",
    "dot(exp(X @ w)[0:3], (X @ v)[0:3])",
    "sum(X @ w)",
]


def derivatives(text: str, wrt: str) -> list[gw.Expression]:
    declared = {name: SHAPES[name] for name in SHAPES if name in text.replace("tanh", "").replace("sum", "")}
    D = gw.derive(gw.parse(text, **declared), wrt=wrt)
    return [D.gradient, D.hvp] if "W" not in text else [D.gradient]


def point_of(expression: gw.Expression) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    shapes = {s.name: s.shape for s in expression.signature.symbols} | {"dw": SHAPES["w"], "dW": SHAPES["W"]}
    return {
        name: generator.normal(size=[SIZES[str(x)] for x in (shape.split() if isinstance(shape, str) else shape)]) / 2
        for name, shape in shapes.items()
        if name in str(expression.compile("numpy").__doc__).replace(",", " ").replace(".", " ").split()
    }


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_blocks, "LARGE", 1)
    monkeypatch.setattr(row_blocks, "BLOCK", 12)


@pytest.mark.parametrize("text", SUMS[:6])
def test_sums_over_rows_are_found(text: str) -> None:
    assert all(row_sums(optimise({"value": found.node})["value"]) for found in derivatives(text, "w"))


@pytest.mark.parametrize("text", NO_SUMS)
def test_what_is_no_sum_of_independent_rows(text: str) -> None:
    declared = {name: SHAPES[name] for name in "XwvS" if name in text}
    assert row_sums(optimise({"value": gw.parse(text, **declared).node})["value"]) is None


@pytest.mark.sampled
@pytest.mark.parametrize("text", [*SUMS, *NO_SUMS])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_values(text: str, library: str) -> None:
    for expression in derivatives(text, "W" if "W" in text else "w"):
        point = point_of(expression)
        compiled = expression.compile(library)
        given = {k: torch.from_numpy(np.asarray(v)) for k, v in point.items()} if library == "torch" else point
        first = compiled(**given)
        assert close(np.asarray(first), expression.evaluate(**point))
        assert np.array_equal(np.asarray(compiled(**given)), np.asarray(first))
        if library == "numpy":
            single = {k: v.astype(np.float32) for k, v in point.items()}
            assert compiled(**single).dtype == np.float32
            assert np.allclose(compiled(**single), first, rtol=1e-3, atol=1e-4)


def test_where_pytorch_records_nothing_is_cut() -> None:
    gradient, _ = derivatives(SUMS[0], "w")
    point = {k: torch.from_numpy(np.asarray(v)) for k, v in point_of(gradient).items()}
    compiled = gradient.compile("torch")
    compiled(**point)
    w = point["w"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(compiled(**{**point, "w": w}).sum(), w)
    hessian = torch.func.jacrev(lambda w: compiled(**{**point, "w": w}))(point["w"])
    assert torch.allclose(hessian.sum(0), slope)


def test_an_entry_that_is_not_finite_is_no_number_of_rows() -> None:
    gradient = gw.derive(gw.parse("sum(exp(-X @ w / m))", X="m n", w="n"), wrt="w").gradient
    X, w = np.abs(point_of(gradient)["X"]), np.ones(SIZES["n"])
    X[0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        found = gradient.compile("numpy")(X=X, w=w)
    assert np.isnan(found[0]) and np.all(np.isfinite(found[1:]))

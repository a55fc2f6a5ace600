"""The derivative of the exponential by scaling and squaring, against the exponential of the block matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradwright as gw
from gradwright.prims.divided_differences import block_function
from gradwright.prims.matrix_exp import SMALL, exponential, exponential_difference

N = SMALL + 3


@pytest.mark.parametrize("scale", [0.1, 1.0, 6.0])
@pytest.mark.parametrize("node", ["real", "complex"])
@pytest.mark.parametrize("direction", ["real", "complex"])
@pytest.mark.parametrize(("outer", "inner"), [((), ()), ((2,), ()), ((), (3,)), ((3, 1), (1, 2))], ids=str)
def test_the_difference_is_the_corner_of_the_block_matrix(
    scale: float, node: str, direction: str, outer: tuple[int, ...], inner: tuple[int, ...]
) -> None:
    generator = np.random.default_rng(0)
    X = scale / N**0.5 * _random(generator, (*outer, N, N), node)
    E = _random(generator, (*inner, N, N), direction)
    wanted = block_function(exponential)(X, E, X)
    np.testing.assert_allclose(exponential_difference(X, E, X), wanted, atol=1e-11 * np.abs(wanted).max())


def test_different_nodes_are_kept_apart() -> None:
    generator = np.random.default_rng(0)
    X, E, Y = (_random(generator, (N, N), "real") / N for _ in range(3))
    # The blocks of [X, E; 0, Y] times its exponential, in either order: X D + E exp(Y) = exp(X) E + D Y.
    D = exponential_difference(X, E, Y)
    np.testing.assert_allclose(X @ D - D @ Y, exponential(X) @ E - E @ exponential(Y), atol=1e-12)


@pytest.mark.parametrize("scale", [0.01, 1.0, 9.0])
@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("nodes", ["X, E, X", "X, E, Y"])
def test_in_pytorch(scale: float, kind: str, nodes: str) -> None:
    generator = np.random.default_rng(1)
    X, E, Y = (scale / N**0.5 * _random(generator, (N, N), kind) for _ in range(3))
    declared = {name: "n n" if kind == "real" else "n n complex" for name in "XEY" if name in nodes}
    compiled = gw.parse(f"matrix_exp_difference({nodes})", **declared).compile("torch")
    found = np.asarray(
        compiled(**{name: array for name, array in zip("XEY", (X, E, Y), strict=True) if name in declared})
    )
    wanted = block_function(exponential)(X, E, X if nodes == "X, E, X" else Y)
    np.testing.assert_allclose(found, wanted, atol=1e-12 * np.abs(wanted).max())


def test_a_module_takes_every_matrix_of_a_batch() -> None:
    module = gw.derive(gw.parse("matrix_exp(X)", X="n n"), wrt="X").function("torch")
    X = np.random.default_rng(2).normal(size=(2, N, N)) / [[[3]], [[30]]]
    point = torch.tensor(X, requires_grad=True)
    (found,) = torch.autograd.grad(module(point).sum(), point)
    wanted = [exponential_difference(x.T, np.ones((N, N)), x.T) for x in X]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-11)


def test_a_module_takes_an_empty_batch() -> None:
    module = gw.derive(gw.parse("matrix_exp(X)", X="n n"), wrt="X").function("torch")
    point = torch.zeros(0, N, N, requires_grad=True)
    (found,) = torch.autograd.grad(module(point).sum(), point)
    assert found.shape == (0, N, N)


def _random(generator: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    real = generator.normal(size=shape)
    return real + 1j * generator.normal(size=shape) if kind == "complex" else real

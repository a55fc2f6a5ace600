"""Divided differences of functions of eigenvalues, near to and far from where points meet, at any scale."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.diff.scalar_functions import ARGUMENT, ScalarFunction, divided_difference
from gradwright.prims.power import raise_to

GENERATOR = np.random.default_rng(3)
FRAME = np.linalg.qr(GENERATOR.normal(size=(3, 3)))[0]
C = GENERATOR.normal(size=(3, 3))
ROOT = "trace(C @ eigh(S).eigenvectors @ diag(eigh(S).eigenvalues**(1/3)) @ eigh(S).eigenvectors.T)"


@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("gap", [0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-4, 1e-2, 1])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_differences_of_a_reciprocal_have_digits_at_every_distance(order: int, gap: float, scale: float) -> None:
    """`g[x₀, …, x_k] = (−1)ᵏ / (x₀ … x_k)`."""
    reciprocal = ScalarFunction(raise_to(ARGUMENT, Fraction(-1)))
    points = scale * (1.5 + gap * np.array([0, 0.3, 1, 0.7])[: order + 1])
    for near in (points, np.append(points[:-1], 4 * scale)):
        found = divided_difference(reciprocal, near)
        assert np.isclose(found, (-1) ** order / np.prod(near), rtol=1e-9 if order == 1 else 1e-4, atol=0)


def gradient(library: str, S: np.ndarray) -> Any:
    D = gw.derive(gw.parse(ROOT, S="n n symmetric", C="n n"), wrt="S")
    if library == "evaluate":
        return D.gradient.evaluate(S=S, C=C)
    if library == "jax":
        with pytest.importorskip("jax").enable_x64(True):
            return np.asarray(D.function("jax").gradient(S, C))
    torch = pytest.importorskip("torch")
    leaf = torch.tensor(S, requires_grad=True)
    return torch.autograd.grad(D.function("torch")(leaf, torch.tensor(C)), leaf)[0]


@pytest.mark.slow
@pytest.mark.parametrize("library", ["evaluate", "torch", "jax"])
def test_small_eigenvalues_are_no_close_ones(library: str) -> None:
    """A cube root has a gradient that is homogeneous: 10⁻⁶ and 2·10⁻⁶ were taken for equal."""
    S = FRAME @ np.diag([1.0, 2, 4]) @ FRAME.T
    S = (S + S.T) / 2
    assert np.allclose(np.asarray(gradient(library, 1e-6 * S)) * 1e-4, np.asarray(gradient(library, S)), rtol=1e-9)

"""Triangles in products: running sums where the mask is square, and only there."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("sizes", [(3, 5, 4), (5, 3, 4), (4, 4, 4)])
@pytest.mark.parametrize("text", ["sum(triu(A @ B))", "sum(tril(A @ B))", "sum(triu(A @ B, 1))"])
def test_a_triangle_of_a_rectangular_product(text: str, sizes: tuple[int, int, int], library: str) -> None:
    pytest.importorskip(library)
    k, m, n = sizes
    generator = np.random.default_rng(0)
    inputs = {"A": generator.normal(size=(m, k)), "B": generator.normal(size=(k, n))}
    gradient = gw.derive(gw.parse(text, A="m k", B="k n"), wrt="B").gradient
    keep = {"triu(A @ B)": np.triu, "tril(A @ B)": np.tril}.get(text[4:-1], lambda M: np.triu(M, 1))
    np.testing.assert_allclose(np.asarray(gradient.compile(library)(**inputs)), inputs["A"].T @ keep(np.ones((m, n))))


def test_a_square_triangle_is_a_running_sum() -> None:
    gradient = gw.derive(gw.parse("sum(tril(A @ B))", A="n k", B="k n"), wrt="B").gradient
    assert "cumsum" in gradient.compile("numpy").source

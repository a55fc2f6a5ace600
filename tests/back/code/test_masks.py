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


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("text", "sizes", "expected"),
    [
        ("sum(log(cumsum(x)))", (4,), lambda x: np.cumsum((1 / np.cumsum(x))[::-1])[::-1]),
        ("sum(log(vech(x)))", (4, 4), lambda x: np.tril(1 / x)),
        ("sum(log(cumsum(x, axis=0)))", (4, 3), lambda x: np.cumsum((1 / np.cumsum(x, 0))[::-1], 0)[::-1]),
    ],
)
def test_what_divides_is_summed_or_placed_as_its_reciprocal(text, sizes, expected, library) -> None:
    pytest.importorskip(library)
    x = np.random.default_rng(0).uniform(1, 2, size=sizes)
    axes = " ".join("n" if size == 4 else "m" for size in sizes)
    compiled = gw.derive(gw.parse(text, x=axes), wrt="x").gradient.compile(library)
    np.testing.assert_allclose(np.asarray(compiled(x=x)), expected(x))
    assert "eye" not in compiled.source and "ones(" not in compiled.source

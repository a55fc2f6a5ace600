"""Parts of tensors are cut out when an expression is evaluated; no matrix of zeros and ones is filled in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.dims import Dim
from gradwright.core.evaluate import evaluate
from gradwright.core.nodes import Selection
from gradwright.errors import EvaluationError

RNG = np.random.default_rng(0)
POINT = {"x": RNG.normal(size=6), "y": RNG.normal(size=6), "A": RNG.normal(size=(6, 6)), "B": RNG.normal(size=(6, 4))}
DECLARED = {"x": "n", "y": "n", "A": "n n", "B": "n m"}


def test_parts_of_long_vectors_take_no_matrix() -> None:
    x = RNG.normal(size=200_000)
    found = gw.derive(gw.parse("sum(x[1:]) - sum(x[:n - 1]**2)", x="n"), wrt="x").gradient.evaluate(x=x)
    np.testing.assert_allclose(found, np.append(0, np.ones(len(x) - 1)) - np.append(2 * x[:-1], 0))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("concatenate(x, y)[2:] * concatenate(x[1:], y)[1:]", lambda x, y, A, B: np.append(x, y)[2:] ** 2),
        ("A[1:, 1:] @ A[1:, 1:].T", lambda x, y, A, B: A[1:, 1:] @ A[1:, 1:].T),
        ("outer(x[1:], x[1:])", lambda x, y, A, B: np.outer(x[1:], x[1:])),
        ("block([[A, B], [B.T, eye(m)]])", lambda x, y, A, B: np.block([[A, B], [B.T, np.eye(4)]])),
        ("diag(concatenate(x, y))", lambda x, y, A, B: np.diag(np.append(x, y))),
        ("x[1:][1:] + y[2:]", lambda x, y, A, B: x[2:] + y[2:]),
    ],
)
def test_parts_and_places_of_parts(text: str, wanted: Callable[..., np.ndarray]) -> None:
    np.testing.assert_allclose(gw.parse(text, **DECLARED).evaluate(**POINT), wanted(**POINT))


def test_a_part_that_has_no_place_is_refused() -> None:
    """A selection that no expression of the language has, as a tried change of a formula may."""
    n = Dim.of("n")
    with pytest.raises(EvaluationError, match="the range 3:6 has no place on an axis of 3 entries"):
        evaluate(Selection(n, n, n), {}, {"n": 3})


def test_an_exact_scalar_stands_beside_two_parts() -> None:
    parts = gw.parse("concatenate(norm(x) * x[1:], norm(x) * x[:1])", x="n")
    assert gw.equal(parts, gw.parse("norm(x) * concatenate(x[1:], x[:1])", x="n"))

"""Systems in the place of sums of an inverse, where an axis of it is split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradwright as gw


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x * sum(reshape(diagonal(inv(W)), n, m), axis=1)", lambda x, V: x * V.diagonal().reshape(2, 3).sum(1)),
        ("x * sum(reshape(sum(inv(W), axis=1), n, m), axis=1)", lambda x, V: x * V.sum(1).reshape(2, 3).sum(1)),
    ],
)
def test_a_sum_over_a_part_of_an_axis_of_an_inverse(
    text: str, value: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    W, x = np.arange(36.0).reshape(6, 6) ** 1.5 + 50 * np.eye(6), np.array([1.0, 2.0])
    found = gw.parse(text, W="n*m n*m", x="n").compile("numpy")(W=W, x=x)
    np.testing.assert_allclose(found, value(x, np.linalg.inv(W)), rtol=1e-10)

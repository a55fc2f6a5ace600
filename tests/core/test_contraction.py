"""Contractions whose axes are groups of labels."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw


def test_a_part_of_half_a_symmetric_matrix() -> None:
    """Of what its length has to be, n² / 2 was no whole number for odd n, and code refused such inputs."""
    C = np.arange(9.0).reshape(3, 3)
    assert gw.parse("vech(C)[1:n+1]", C="n n").compile("numpy")(C=C).tolist() == [3.0, 6.0, 4.0]


@pytest.mark.parametrize("shape", ["n, m, n, m", "n, m, m, n", "m*n, n, m", "n, m*n, m"])
def test_a_diagonal_matrix_in_other_axes(shape: str) -> None:
    """Both of its axes are one label; where it was split a second time, the first parts were forgotten."""
    sizes = {"n": 4, "m": 3}
    e = gw.parse(f"reshape(diag(kron(x, y)), {shape})", x="n", y="m")
    x, y = np.arange(1.0, 5.0), np.arange(2.0, 5.0)
    wanted = np.diag(np.kron(x, y)).reshape(eval(shape, sizes))
    assert np.array_equal(e.evaluate(x=x, y=y), wanted)
    assert np.array_equal(e.compile("numpy")(x=x, y=y), wanted)

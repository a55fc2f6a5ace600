"""Sums inside sums: every term counts as often as it occurs."""

from __future__ import annotations

import numpy as np
import pytest
from numerics import close

import gradwright as gw


@pytest.mark.parametrize(
    "text", ["matrix_power(D, 3) + matrix_power(D, 3).T", "D @ D @ D @ D", "D @ A @ D + D @ D @ A.T + D @ D @ A"]
)
def test_products_of_diagonal_matrices_that_become_one_are_counted(text: str) -> None:
    given = {"D": "n n diagonal", **({"A": "n n diagonal"} if "A" in text else {})}
    pushed = gw.derive(gw.parse(text, **given), wrt="D").jvp
    point = {"D": np.diag([1.0, 2, 3]), "A": np.diag([3.0, 1, 2]), "dD": np.diag([1.0, 5, 2])}
    point = {name: value for name, value in point.items() if name in given or name == "dD"}
    assert close(pushed.compile("numpy")(**point), pushed.evaluate(**point))

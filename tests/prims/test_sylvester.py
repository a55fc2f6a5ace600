"""Sylvester's equation with one Schur form where one matrix stands on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_sylvester

import gradwright as gw
from gradwright.prims.sylvester import solve_by_schur_forms


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_one_form_serves_both_sides(n: int) -> None:
    generator = np.random.default_rng(n)
    A, C = generator.normal(size=(2, n, n))
    assert n < 7 or np.iscomplex(np.linalg.eigvals(A)).any()
    np.testing.assert_allclose(solve_by_schur_forms(A, A.copy(), C), solve_sylvester(A, A, C), rtol=1e-9, atol=1e-9)


def test_complex_and_different_matrices_have_two() -> None:
    generator = np.random.default_rng(0)
    A, B, C = generator.normal(size=(3, 4, 4))
    for left, right, side in ((A, B, C), (A, A, C + 1j * B), (A + 1j * B, A + 1j * B, C)):
        X = gw.parse("sylvester(A, B, C)", A="n n complex", B="n n complex", C="n n complex").evaluate(
            A=left, B=right, C=side
        )
        np.testing.assert_allclose(left @ X + X @ right, side, atol=1e-10)


def test_a_shared_eigenvalue_is_refused() -> None:
    A = np.diag([1.0, -1.0, 3.0]) + np.triu(np.ones((3, 3)), 1)
    with pytest.raises(gw.ConditionError):
        gw.parse("sylvester(A, A, C)", A="n n", C="n n").evaluate(A=A, C=np.ones((3, 3)))


def test_of_nothing() -> None:
    empty = np.zeros((0, 0))
    assert solve_by_schur_forms(empty, empty, empty).shape == (0, 0)

"""Sylvester's equation with one Schur form where one matrix stands on both sides."""

from __future__ import annotations

from itertools import product

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


# With eigenvalues in complex pairs, so that the real Schur form has blocks.
TURNING = np.array([[1.0, 2.0, 0.5], [-2.0, 1.0, 0.3], [0.2, 0.1, 3.0]])


@pytest.mark.sampled
@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("text", ["sylvester(A, B, C)", "sylvester(A, A.T, C)", "lyapunov(A, C)", "stein(A, C)"])
def test_real_and_complex_matrices_meet_in_one_equation(text: str, backend: str) -> None:
    library = pytest.importorskip({"numpy": "numpy", "torch": "torch", "jax": "jax.numpy"}[backend])
    values = {"A": TURNING, "B": TURNING + np.eye(3), "C": np.arange(9.0).reshape(3, 3)}
    values = {name: value for name, value in values.items() if name in text}
    for fields in product((False, True), repeat=len(values)):
        declared = {name: "n n complex" if field else "n n" for name, field in zip(values, fields, strict=True)}
        given = {name: v * (1 - 0.5j) if field else v for (name, v), field in zip(values.items(), fields, strict=True)}
        expression = gw.parse(text, **declared)
        expected = expression.evaluate(**given)
        if text.startswith("sylvester"):
            B = given.get("B", given["A"].T)
            np.testing.assert_allclose(given["A"] @ expected + expected @ B, given["C"], atol=1e-10)
        taken = {name: library.asarray(value) for name, value in given.items()}
        found = np.asarray(expression.compile(backend)(**taken))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_shared_eigenvalue_is_refused() -> None:
    A = np.diag([1.0, -1.0, 3.0]) + np.triu(np.ones((3, 3)), 1)
    with pytest.raises(gw.ConditionError):
        gw.parse("sylvester(A, A, C)", A="n n", C="n n").evaluate(A=A, C=np.ones((3, 3)))


def test_of_nothing() -> None:
    empty = np.zeros((0, 0))
    assert solve_by_schur_forms(empty, empty, empty).shape == (0, 0)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lyapunov(a * A, C)", "lyapunov(a A, C)"), ("sylvester(a * A, -A, C)", "sylvester(a A, −A, C)"),
        ("stein(a * A, C)", "stein(a A, C)"), ("stein(-a * A / 2, C)", "stein(½ a A, C)"),
        ("stein(sqrt(c) * A, C)", "stein(√c A, C)"), ("stein(z * A, C)", "stein(z A, C)"),
        ("stein(a * (A - B), C)", "stein(a (A − B), C)"),
    ],
)  # fmt: skip
def test_scalars_in_front_of_a_matrix_belong_to_it(text: str, shown: str) -> None:
    """They were equations without a name: `solve(H: H − a a A H Aᵀ = Q)`, solved densely."""
    kinds = {"a": "", "c": "positive", "z": "complex"}
    given = {name: kind for name, kind in kinds.items() if f"{name} " in text or f"({name})" in text}
    expression = gw.parse(text, A="n n", C="n n", **given, **({"B": "n n"} if "B" in text else {}))
    derived = gw.derive(expression, wrt="A")
    assert str(expression) == shown
    assert "solve" not in str(derived.vjp)
    assert derived.verify().right

"""Terms that cancel when a sum is taken into a sum, and what a linear function has in front."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numerics import close, generic_point

import gradwright as gw
from gradwright.core.inference import facts_of
from gradwright.simplify.pipeline import simplify

VARIABLES = {
    "x": "n", "X": "n n", "Y": "n n", "E": "n n", "A": "n m", "Q": "n k stiefel", "U": "n n complex unitary", "t": "",
    "T": "k n n", "Z": "n n complex",
}  # fmt: skip


def expression(text: str) -> gw.Expression:
    return gw.parse(text, **{name: given for name, given in VARIABLES.items() if name in text})


CANCELLING = [
    ("sum(x - mean(x))", "0"),
    ("sum((x - mean(x)) * 2 - x)", "-sum(x)"),
    ("sum(A - outer(ones(n), mean(A, axis=0)), axis=0)", "zeros(m)"),
    ("(eye(n) - Q @ Q.T) @ Q", "zeros(n, k)"),
    ("Q.T @ (eye(n) - Q @ Q.T) @ A", "zeros(k, m)"),
    ("(eye(n) - ones(n, n) / n) @ ones(n)", "zeros(n)"),
    ("matrix_exp_difference(X, zeros(n, n), X)", "zeros(n, n)"),
    ("matrix_exp_difference(X, -t * E / 2, Y)", "-t / 2 * matrix_exp_difference(X, E, Y)"),
    ("matrix_exp_difference(X, X, X)", "X @ matrix_exp(X)"),
    ("matrix_exp_difference2(t * X, X, t * X, 3 * X, t * X)", "3 / 2 * X @ X @ matrix_exp(t * X)"),
    ("logm_difference(X, X, X)", "eye(n)"),
    ("logm_difference(X, eye(n), X)", "inv(X)"),
    ("logm_difference2(X, eye(n), X, 2 * X, X)", "-inv(X)"),
    ("lyapunov(X, -Y - Y.T)", "-lyapunov(X, Y + Y.T)"),
    # Penrose's equations: the residual is orthogonal to the columns.
    ("A.T @ (x - A @ pinv(A) @ x)", "zeros(m)"),
    ("pinv(A) @ (x - A @ lstsq(A, x))", "zeros(m)"),
    ("(eye(n) - A @ pinv(A)) @ A", "zeros(n, m)"),
    ("A @ pinv(A) @ pinv(A).T", "pinv(A).T"),
    ("pinv(pinv(A))", "A"),
    # What is left of a matrix without its orthonormal columns.
    ("polar(A).U.T @ A", "polar(A).P"),
    ("A.T @ polar(A).U - polar(A).U.T @ A", "zeros(m, m)"),
    ("(eye(n) - Q @ Q.T) @ (x - Q @ Q.T @ x)", "x - Q @ Q.T @ x"),
    ("(eye(n) - A @ pinv(A)) @ (eye(n) - A @ pinv(A))", "eye(n) - A @ pinv(A)"),
    ("(eye(n) - polar(A).U @ polar(A).U.T) @ (polar(A).U - A)", "zeros(n, m)"),
    # A complex number by itself.
    ("trace(U @ Z) / trace(Z @ U)", "1"),
    ("1 + real(trace(Z.H @ Z) / trace(Z.H @ Z))", "2"),
    # Probabilities add up to one.
    ("sum(softmax(x) * 2)", "2"),
    ("softmax(A, axis=1) @ ones(m)", "ones(n)"),
    ("ones(n) @ softmax(A, axis=0)", "ones(m)"),
    ("(eye(n) - outer(ones(n), softmax(x))) @ ones(n)", "zeros(n)"),
    # Inverses of several matrices at once.
    ("einsum('bij,bjk->bik', inv(T), T)", "einsum('b,ij->bij', ones(k), eye(n))"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "simpler"), CANCELLING)
def test_what_cancels_is_left_out(text: str, simpler: str) -> None:
    found = simplify(expression(text).node)
    assert found == simplify(expression(simpler).node)
    assert gw.equal(expression(text), gw.Expression(found, expression(text).signature)).status == "proved"


@pytest.mark.parametrize(
    "text",
    [
        "x / norm(2 * x) * norm(x)**2", "x / norm(2 * x)**3 * norm(x)**2", "(x @ X @ x) * x / (2 * x @ X @ x)",
        "logm_difference(S, E, S) + logm_difference(2 * S, E.T, 2 * S)",
        "logm_difference(S, E, S) + logm_difference(S, E, S).T",
    ],
)  # fmt: skip
def test_what_merges_is_equal_with_its_numbers(text: str) -> None:
    node = gw.parse(text, **{name: VARIABLES[name] for name in VARIABLES if name in text}, S="n n spd").node
    written, found = generic_point(node).at(node, simplify(node))
    assert close(written, found, 1e-9)


@pytest.mark.parametrize("text", ["sum(1 - x**2)", "sum(A - outer(x, ones(m)))", "Q.T @ (X + Y)", "U.H @ (Z + X)"])
def test_a_sum_in_which_nothing_cancels_stays_closed(text: str) -> None:
    given = expression(text).node
    assert simplify(given) == given


@pytest.mark.parametrize(
    ("text", "simpler"),
    [
        ("(S @ A + B) @ (A.T @ S + B.T)", "(S @ A + B) @ (S @ A + B).T"),
        ("(S @ A + B) @ E - (A.T @ S + B.T).T @ E", "zeros(n, k)"),
        ("(H @ Z + U) @ (Z.H @ H + U.H)", "(H @ Z + U) @ (H @ Z + U).H"),
        ("(A - B) @ (A.T + B.T)", "(A - B) @ (A.T + B.T)"),
    ],
)
def test_a_sum_beside_its_transpose_is_written_as_one(text: str, simpler: str) -> None:
    declared = {"S": "n n symmetric", "A": "n m", "B": "n m", "E": "m k", "H": "n n hermitian", "Z": "n n complex",
                "U": "n n complex"}  # fmt: skip
    found = simplify(gw.parse(text, **declared).node)
    assert gw.Expression(found, gw.parse(text, **declared).signature).text() == simpler


RIEMANNIAN = [
    ("trace(Q.T @ X @ Q @ E)", "Q", {"Q": "n k stiefel", "X": "n n", "E": "k k"}),
    ("trace(E @ Q) * norm(X @ Q)**2", "Q", {"Q": "n k stiefel", "X": "n n", "E": "k n"}),
    ("trace(X @ Q @ E @ Q.T)", "Q", {"Q": "n n orthogonal", "X": "n n", "E": "n n"}),
    ("norm(Q @ X - E)**2", "Q", {"Q": "n n unitary", "X": "n m complex", "E": "n m complex"}),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "name", "variables"), RIEMANNIAN)
def test_a_hessian_on_a_curved_set_is_the_projected_derivative_of_the_gradient(
    text: str, name: str, variables: dict[str, str]
) -> None:
    """Along the curve polar(Q + t dQ), which has the direction dQ at t = 0, by central differences."""
    D = gw.derive(gw.parse(text, **variables), wrt=name)
    random, sizes = np.random.default_rng(3), {"n": 5, "k": 3, "m": 4}

    def draw(declared: str) -> np.ndarray:
        shape = [sizes[word] for word in declared.split() if word in sizes]
        real, imaginary = random.normal(size=(2, *shape))
        return real + 1j * imaginary if {"complex", "unitary"} & set(declared.split()) else real

    point = {other: draw(declared) for other, declared in variables.items()}
    Q = polar(point[name])
    A, B = draw(variables[name]), draw(variables[name])
    dQ, W = (M - Q @ (Q.conj().T @ M + M.conj().T @ Q) / 2 for M in (A, B))

    def slope(t: float) -> np.ndarray:
        return D.gradient.evaluate(**{**point, name: polar(Q + t * dQ)})

    h = 1e-3
    moved = (8 * (slope(h) - slope(-h)) - slope(2 * h) + slope(-2 * h)) / (12 * h)
    moved -= Q @ (Q.conj().T @ moved + moved.conj().T @ Q) / 2
    found = D.hvp.evaluate(**{**point, name: Q, f"d{name}": dQ})
    np.testing.assert_allclose(found, moved, atol=1e-7 * np.abs(moved).max())
    if np.isrealobj(Q):
        H = D.hessian.evaluate(**{**point, name: Q})
        np.testing.assert_allclose(np.tensordot(H, dQ, 2), found, atol=1e-10 * np.abs(found).max())
        np.testing.assert_allclose(np.vdot(np.tensordot(H, W, 2), dQ), np.vdot(W, found), rtol=1e-8)


def polar(M: np.ndarray) -> np.ndarray:
    """The nearest matrix with orthonormal columns."""
    U, _, Vh = np.linalg.svd(M, full_matrices=False)
    return U @ Vh


def counted(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> list[None]:
    """A list that grows with every call of a function."""
    owner, calls = import_module(module), list[None]()
    function: Callable[..., Any] = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *given, **named: calls.append(None) or function(*given, **named))
    return calls


def test_sums_within_sums_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    n = gw.dim("n")
    X, A = gw.matrix("X", n, "m"), gw.matrix("A", n, "m")
    for step in range(6):
        X = X + A / (step + 1)
        X = X - gw.outer(gw.ones(n), gw.mean(X, axis=0)) * gw.exp(-(X**2))
    calls = counted(monkeypatch, "gradwright.simplify.sums", "collapse")
    simplify(gw.sum(X, axis=0).node)
    assert 0 < len(calls) < 150


def test_a_matrix_that_is_written_entry_by_entry_is_opened_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    n = gw.dim("n")
    S = X = gw.matrix("S", n, n)
    for row, column in np.ndindex(3, 3):
        place = gw.outer(gw.eye(n)[:, row], gw.eye(n)[:, column])
        X = X + place * (gw.exp(S[column, row]) - X[row, column])
    calls = counted(monkeypatch, "gradwright.core.mirror_images", "_key")
    facts_of(X.node)
    assert 0 < len(calls) < 500

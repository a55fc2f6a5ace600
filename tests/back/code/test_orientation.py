"""What is wanted of transposes is computed so: functions along columns, and the transposes of solutions."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

DECLARED = {"X": "n m", "Y": "n m", "x": "n", "S": "n n symmetric"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("softmax(X - outer(x, ones(m)), axis=0)", "return scipy.special.softmax(X - x[:, None], axis=-2)"),
        ("softmax(X - outer(x, ones(m)), axis=1)", "return scipy.special.softmax(X - x[:, None], axis=-1)"),
        ("logsumexp(2 * exp(X), axis=0)", "return scipy.special.logsumexp(2 * np.exp(X), axis=-2)"),
        ("norm(softmax(X.T, axis=1), axis=1)", "return np.linalg.norm(scipy.special.softmax(X, axis=-2), axis=-2)"),
        ("softmax(S + outer(x, x), axis=0)", "return scipy.special.softmax(S + x[:, None] * x, axis=-1).T"),
        ("softmax(X.T + Y.T @ S, axis=1)", "return scipy.special.softmax(X.T + Y.T @ S, axis=-1)"),
    ],
)
def test_what_is_there_is_not_transposed(text: str, code: str) -> None:
    declared = {name: words for name, words in DECLARED.items() if name in text}
    assert gw.parse(text, **declared).compile("numpy").source.rstrip().endswith(code)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("cholesky(S)", "solve_triangular(S_chol, solved, upper=False, left=False)\n    return 0.5 * solved2"),
        ("qr(Z).Q", "solve_triangular(R.T, Q @ (torch.tril(QG, -1) - torch.triu(QG, 1).T), upper=False, left=False)"),
        ("trace(solve_triangular(L, X).T @ Y)", "solve_triangular(L.T, Y, upper=True)"),
        ("trace(inv(Z.T) @ S)", "torch.linalg.lu_solve(factors, pivots, S, adjoint=True)"),
    ],
)
def test_transposes_of_solutions_are_solved_for(text: str, code: str) -> None:
    declared = {"S": "n n spd", "Z": "n n", "L": "n n lower", "X": "n m", "Y": "n m"}
    declared = {name: words for name, words in declared.items() if name in text}
    derived = gw.derive(gw.parse(text, **declared), wrt="X" if "X" in text else "Z" if "Z" in text else "S")
    source = (derived.vjp if text in ("cholesky(S)", "qr(Z).Q") else derived.gradient).compile("torch").source
    assert code in source, source


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("kind", ["gradient", "hvp"])
def test_derivatives_along_columns(library: str, kind: str) -> None:
    pytest.importorskip(library)
    X, Y, dX = np.random.default_rng(0).normal(size=(3, 130, 140))
    derived = gw.derive(
        gw.parse("sum(softmax(X, axis=0) * Y * logsumexp(X * Y, axis=0)[0])", X="n m", Y="n m"), wrt="X"
    )
    given = {"X": X, "Y": Y, **({"dX": dX} if kind == "hvp" else {})}
    function = getattr(derived, kind).compile(library)
    wanted = getattr(derived, kind).evaluate(**given)
    convert = np.array if library == "numpy" else pytest.importorskip("torch").tensor
    for _ in range(3):
        value = np.asarray(function(**{name: convert(array) for name, array in given.items()}))
        np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=1e-12)

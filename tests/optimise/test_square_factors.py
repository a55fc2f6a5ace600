"""Products of square matrices are divided by factor by factor: the values, and what is not multiplied out."""

import numpy as np
import pytest
import torch
from numerics import close, generic_point

import gradwright as gw
from gradwright.core.nodes import Symbol

VARIABLES = {
    "A": "n n", "C": "n n", "L": "n n lower", "U": "n n upper", "D": "n n diagonal", "Q": "n n orthogonal", "B": "n m",
    "K": "n n spd", "S": "n n spd", "Z": "n n complex lower", "b": "n", "W": "n n invertible",
}  # fmt: skip
TEXTS = [
    "inv(L @ L.T) @ B", "solve(L.T @ L, B)", "inv(L @ U) @ B", "b @ inv(A @ L)", "inv(L @ L.T)", "inv(A @ L)",
    "inv(Q @ D @ Q.T) @ b", "inv(Q @ D @ Q.T)", "solve(D @ A @ D, b)", "solve(A @ A.T, B)", "inv(A @ C) @ B",
    "solve(K @ S, B)", "inv(K @ A)", "solve(W @ K @ W.T, B)", "logdet(W @ K @ W.T)", "solve(Z @ Z.H, B)",
    "solve(Z @ Z.T, b)", "inv(Z @ Z.H)", "logdet(L @ L.T) + dot(b, solve(L @ L.T, b))", "slogdet(L @ Q @ U).logabsdet",
    "slogdet(L).logabsdet", "logdet(Z @ Z.H)", "inv(L @ L.T) @ A @ inv(L @ L.T)",
    "det(L @ L.T)", "det(Q @ D @ Q.T)", "det(Q @ D)", "det(Z @ U @ Z.H)", "logdet(diag(b**2))", "det(diag(b)) * L",
    "trace(inv(A @ D @ A.T) @ K)",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_the_value_is_that_of_the_product(text: str) -> None:
    expression = gw.parse(text, **{name: v for name, v in VARIABLES.items() if name in text})
    point = {s.name: x for s, x in generic_point(expression.node).values.items() if isinstance(s, Symbol)}
    wanted = expression.evaluate(**point)
    assert close(expression.compile("numpy")(**point), wanted)
    assert close(expression.compile("torch")(**{k: torch.as_tensor(x) for k, x in point.items()}), wanted)


def test_a_covariance_by_its_cholesky_factor_keeps_the_digits_of_the_factor() -> None:
    L = np.tril(np.vander(np.linspace(1, 2, 6)), -1) * 1e-7 + np.diag(10.0 ** -np.arange(6))
    y = np.arange(1.0, 7)
    expression = gw.parse("solve(L @ L.T, y)", L="n n lower", y="n")
    wanted = np.linalg.solve(L.T, np.linalg.solve(L, y))
    assert close(expression.compile("numpy")(L=L, y=y), wanted)
    assert "@" not in expression.compile("numpy").source


def test_one_factorisation_serves_a_matrix_and_its_transpose_in_a_product() -> None:
    source = gw.parse("solve(A @ A.T, B)", A="n n", B="n m").compile("numpy").source
    assert source.count("= lu_factor(") == 1

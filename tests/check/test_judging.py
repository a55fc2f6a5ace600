"""What a test point cannot see."""

import numpy as np
import torch

import gradwright as gw

GENERATOR = np.random.default_rng(0)


def judgement(expression: str, variables: dict[str, str] | None = None, **inputs: np.ndarray) -> str:
    function = {"inv(X)": torch.linalg.inv, "X @ W": torch.matmul, "cumsum(x)": lambda x: x.cumsum(0)}[expression]
    report = gw.check(function, expression, variables=variables or {}, **inputs)
    assert report.right
    return report.findings[-1].words


def square(n: int) -> np.ndarray:
    return 2.2 * np.eye(n) + 0.5 * GENERATOR.normal(size=(n, n))


def test_a_symmetric_point_hides_every_transpose() -> None:
    T = square(4)
    words = judgement("inv(X)", X=T @ T.T + np.eye(4))
    assert "X is symmetric, so that it cannot tell X from Xᵀ" in words
    assert "missing_transpose" in words
    assert "X = 2.2 * torch.eye(" in words


def test_a_generic_point_hides_nothing() -> None:
    assert judgement("inv(X)", X=square(4)) == "it shows every mistake that was tried"


def test_a_cotangent_of_ones_is_named() -> None:
    assert "every entry of the cotangent is the same" in judgement("inv(X)", X=square(3), G=np.ones((3, 3)))


def test_size_one_is_named() -> None:
    words = judgement("cumsum(x)", {"x": "n"}, x=np.array([0.7]))
    assert "n = 1" in words and "cannot see" in words


def test_commuting_matrices_are_named() -> None:
    A = square(3)
    words = judgement("X @ W", {"X": "n n", "W": "n n"}, X=A, W=A @ A + np.eye(3))
    assert "X and W commute" in words


def test_the_identity_is_named() -> None:
    assert "X is a multiple of the identity" in judgement("inv(X)", X=2 * np.eye(3))


def test_the_recommended_point_is_code_that_runs() -> None:
    words = judgement("inv(X)", X=np.eye(3))
    code = words.partition("Test at a generic point: ")[2]
    names: dict[str, torch.Tensor] = {}
    exec(code, {"torch": torch}, names)
    assert set(names) == {"X", "G"}
    assert "cannot see" not in judgement("inv(X)", X=names["X"].numpy(), G=names["G"].numpy())

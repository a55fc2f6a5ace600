"""What the facts of a tensor say of its value."""

from __future__ import annotations

import numpy as np
from numerics import close


def _is(pattern) -> object:
    return lambda value: close(value, pattern(value), 1e-7)


def _eigenvalues(value: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh((value + value.conj().T) / 2)


def _centred(value: np.ndarray) -> np.ndarray:
    P = np.eye(len(value)) - 1 / len(value)
    return P @ value @ P


def _unit_diagonal(value: np.ndarray) -> np.ndarray:
    return value - np.diag(np.diag(value)) + np.eye(len(value))


def _is_positive(value: np.ndarray) -> bool:
    return bool(np.all(np.real(value) > 0) and np.allclose(np.imag(value), 0))


FACTS_HOLD = {
    "symmetric": _is(np.transpose),
    "hermitian": _is(lambda a: a.conj().T),
    "skew": _is(lambda a: -a.T),
    "skew_hermitian": _is(lambda a: -a.conj().T),
    "lower": _is(np.tril),
    "upper": _is(np.triu),
    "strictly_lower": _is(lambda a: np.tril(a, -1)),
    "strictly_upper": _is(lambda a: np.triu(a, 1)),
    "unit_diagonal": _is(_unit_diagonal),
    "unit_lower": _is(lambda a: _unit_diagonal(np.tril(a))),
    "unit_upper": _is(lambda a: _unit_diagonal(np.triu(a))),
    "positive_diagonal": lambda a: _is_positive(np.diag(a)),
    "positive_determinant": lambda a: _is_positive(np.linalg.det(a)),
    "diagonal": _is(lambda a: np.diag(np.diag(a))),
    "positive": lambda a: bool(np.all(a > 0)),
    "real_valued": lambda a: bool(np.allclose(np.imag(a), 0)),
    "negative": lambda a: bool(np.all(a < 0)),
    "nonpositive": lambda a: bool(np.all(a <= 1e-9)),
    "nonnegative": lambda a: bool(np.all(a >= -1e-9)),
    "psd": lambda a: bool(np.min(_eigenvalues(a)) >= -1e-7 * max(1, np.abs(a).max())),
    "conditionally_psd": lambda a: bool(np.min(_eigenvalues(_centred(a))) >= -1e-7 * max(1, np.abs(a).max())),
    "spd": lambda a: bool(np.min(_eigenvalues(a)) > 0),
    "invertible": lambda a: np.linalg.matrix_rank(a) == len(a),
    "stiefel": lambda a: close(a.conj().T @ a, np.eye(a.shape[1]), 1e-7),
    "unitary": lambda a: close(a.conj().T @ a, np.eye(len(a)), 1e-7),
    "orthogonal": lambda a: close(a.T @ a, np.eye(len(a)), 1e-7),
    "complex": lambda a: True,
}

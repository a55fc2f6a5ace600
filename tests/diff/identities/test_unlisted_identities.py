"""Identities that nothing in the library mentions: defined, differentiated, and held to differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from numerics import Point
from orders import residuals

import gradwright as gw
from gradwright.core.declarations import parse_declarations
from gradwright.core.nodes import Apply
from gradwright.core.points import choose_sizes, sample
from gradwright.core.signature import symbol_of
from gradwright.diff.identities.engine import solved

Array = np.ndarray


@dataclass(frozen=True)
class Case:
    """An identity; `scale` makes inputs smaller where a solution needs them so, and `side` matrices stable."""

    identity: str | list[str]
    unknown: str
    given: str
    forward: Callable | str | None = None
    start: Callable | None = None
    scale: Mapping[str, float] = field(default_factory=dict)
    general: bool = False
    side: int = 0


def flipped(A: Array) -> Array:
    return A[::-1, ::-1]


def eliminated(A: Array) -> tuple[Array, Array, Array]:
    """A = L diag(d) U."""
    L, U = np.eye(len(A)), np.array(A)
    for k in range(len(A) - 1):
        L[k + 1 :, k] = U[k + 1 :, k] / U[k, k]
        U[k + 1 :] -= np.outer(L[k + 1 :, k], U[k])
    d = np.diag(U)
    return L, np.diag(d), U / d[:, None]


def lower_of_flipped(A: Array) -> Array:
    """The upper U with U Uᵀ = A."""
    return flipped(np.linalg.cholesky(flipped(A)))


def geometric_mean(A: Array, B: Array) -> Array:
    root = np.real(scipy.linalg.sqrtm(A))
    back = np.linalg.inv(root)
    return root @ np.real(scipy.linalg.sqrtm(back @ B @ back)) @ root


def nearest_orthogonal(M: Array) -> Array:
    U, _, Vh = np.linalg.svd(M)
    return U @ Vh


def constrained_rotation(S: Array, A: Array, B: Array) -> tuple[Array, Array]:
    """The X with Xᴴ S X = I that comes nearest to A X = B, and the multiplier of the constraint."""
    root = np.linalg.inv(np.linalg.cholesky(S)).conj().T
    X = root @ nearest_orthogonal(root.conj().T @ A.conj().T @ B)
    return X, X.conj().T @ A.conj().T @ (B - A @ X)


def left_polar(A: Array) -> tuple[Array, Array]:
    U, S, Vh = np.linalg.svd(A, full_matrices=False)
    return (U * S) @ U.T, U @ Vh


def takagi(A: Array) -> tuple[Array, Array]:
    """A = U diag(s) Uᵀ of a complex symmetric matrix."""
    values, vectors = np.linalg.eigh(np.block([[A.real, -A.imag], [-A.imag, -A.real]]))
    n = len(A)
    return vectors[:n, n:] - 1j * vectors[n:, n:], values[n:]


def regulator(A: Array, B: Array, Q: Array, R: Array) -> tuple[Array, Array]:
    P = scipy.linalg.solve_continuous_are(A, B, Q, R)
    return P, np.linalg.solve(R, B.T @ P)


def discrete_regulator(A: Array, B: Array, Q: Array, R: Array) -> tuple[Array, Array]:
    P = scipy.linalg.solve_discrete_are(A, B, Q, R)
    return np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A), P


def filtered(F: Array, H: Array, Q: Array, R: Array) -> tuple[Array, Array]:
    P = scipy.linalg.solve_discrete_are(F.T, H.T, Q, R)
    return P @ H.T @ np.linalg.inv(H @ P @ H.T + R), P


def crossed_regulator(A: Array, B: Array, Q: Array, R: Array, S: Array) -> tuple[Array, Array]:
    X = scipy.linalg.solve_discrete_are(A, B, Q, R, s=S.T)
    return np.linalg.solve(R + B.T @ X @ B, B.T @ X @ A + S), X


def inverse_cube_root(A: Array) -> Array:
    values, vectors = np.linalg.eigh(A)
    return vectors / np.cbrt(values) @ vectors.T


def ql(A: Array) -> tuple[Array, Array]:
    Q, R = np.linalg.qr(A[:, ::-1])
    return Q[:, ::-1], flipped(R)


def lq(A: Array) -> tuple[Array, Array]:
    Q, R = np.linalg.qr(A.T)
    return R.T, Q


def leading(A: Array, B: Array | None = None) -> tuple[Array, Array]:
    values, vectors = scipy.linalg.eigh(A, B)
    return vectors[:, :-3:-1], values[:-3:-1]


def truncated(A: Array) -> tuple[Array, Array, Array]:
    U, S, Vh = np.linalg.svd(A)
    return U[:, :2], S[:2], Vh[:2].T


def invariant(A: Array) -> tuple[Array, Array]:
    V, w = leading(A)
    return V @ np.linalg.inv(V[:2]), V[:2] @ np.diag(w) @ np.linalg.inv(V[:2])


def spectral(S: Array) -> tuple[Array, Array]:
    values, vectors = np.linalg.eigh(S)
    return vectors, values


def deflated(A: Array) -> tuple[Array, Array, Array]:
    vectors, values = spectral(A)
    v, w = vectors[:, -1], values[-1]
    return v, w, A - w * np.outer(v, v)


def both_vectors(A: Array) -> tuple[Array, Array, Array]:
    n = len(A)
    return np.ones(n) / np.sqrt(n), np.ones(n) / np.sqrt(n), np.array(A.sum() / n)


def correlated(A: Array, B: Array, C: Array) -> tuple[Array, Array, float]:
    left, right = (np.linalg.inv(np.linalg.cholesky(M)) for M in (B, C))
    U, S, Vh = np.linalg.svd(left @ A @ right.T)
    return np.sign(U[0, 0]) * left.T @ U[:, 0], np.sign(U[0, 0]) * right.T @ Vh[0], S[0]


def all_correlated(A: Array, B: Array, C: Array) -> tuple[Array, Array, Array]:
    left, right = (np.linalg.inv(np.linalg.cholesky(M)) for M in (B, C))
    U, S, Vh = np.linalg.svd(left @ A @ right.T)
    return left.T @ U[:, :2], S[:2], right.T @ Vh[:2].T


def eigenvectors(A: Array) -> tuple[Array, Array]:
    values, vectors = np.linalg.eig(A)
    return vectors / np.diag(vectors), values


def both_eigenvectors(A: Array) -> tuple[Array, Array, Array]:
    vectors, values = eigenvectors(A)
    return vectors, values, np.linalg.inv(vectors)


def by_rows(A: Array) -> tuple[Array, Array]:
    values, vectors = np.linalg.eig(A)
    return vectors / vectors[0], values


def thin(A: Array) -> tuple[Array, Array, Array]:
    U, S, Vh = np.linalg.svd(A, full_matrices=False)
    return U, S, Vh.T


def polar_by_inverse(A: Array) -> tuple[Array, Array]:
    U, S, V = thin(A)
    return U @ V.T, (V / S) @ V.T


def singular_triplet(A: Array) -> tuple[Array, Array, Array]:
    U, S, V = thin(A)
    return U[:, 0], V[:, 0], S[0]


def overdamped(M: Array, D: Array, K: Array) -> tuple[Array, Array]:
    n = len(M)
    below = -np.linalg.solve(M, np.block([K, D + 6 * np.eye(n)]))
    values, vectors = np.linalg.eig(np.block([[np.zeros((n, n)), np.eye(n)], [below]]))
    v = np.real(vectors[:n, np.argmin(values.real)])
    return v / np.linalg.norm(v) * np.sign(v[0]), np.min(values.real)


def beside_its_trace(A: Array) -> Array:
    """D² + tr(D) D = A."""
    a = np.diag(A)
    t = scipy.optimize.brentq(lambda t: np.sum(np.sqrt(t * t + 4 * a) - t) - 2 * t, 0, 2 + np.sum(a), xtol=1e-15)
    return np.diag(np.sqrt(t * t + 4 * a) - t) / 2


def closed_loop(A: Array, B: Array, Q: Array, R: Array) -> tuple[Array, Array]:
    P, K = regulator(A, B, Q, R)
    return A - B @ K, P


def correlation(A: Array) -> tuple[Array, Array]:
    scale = np.sqrt(np.diag(A))
    return A / np.outer(scale, scale), scale


def factored_correlation(A: Array) -> tuple[Array, Array, Array]:
    R, scale = correlation(A)
    return R, np.linalg.cholesky(R), scale


def generalised_singular(A: Array, B: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Uᵀ A X = diag(c) and Vᵀ B X = diag(s) with c² + s² = 1."""
    squares, X = scipy.linalg.eigh(A.T @ A, A.T @ A + B.T @ B)
    c, s = np.sqrt(squares), np.sqrt(1 - squares)
    return A @ X / c, c, B @ X / s, s, X


def of_unit_columns(A: Array, B: Array) -> tuple[Array, Array]:
    values, vectors = scipy.linalg.eigh(A, B)
    return vectors, values


def h2(A: Array, B: Array, C: Array) -> tuple[Array, Array]:
    """The norm of a system, which a stable one has."""
    if np.max(np.linalg.eigvals(A).real) >= 0:
        raise np.linalg.LinAlgError("not stable")
    P = scipy.linalg.solve_continuous_lyapunov(A, -B @ B.T)
    return P, np.sqrt(np.trace(C @ P @ C.T))


def root_between(A: Array, B: Array) -> Array:
    return np.linalg.matrix_power(scipy.linalg.solve_sylvester(A, A, B), 2)


def logarithm_between(S: Array, A: Array) -> Array:
    return np.real(scipy.linalg.logm(np.linalg.solve(S, A) @ np.linalg.inv(S.T)))


def programme(P: Array, q: Array, G: Array, h: Array) -> tuple[Array, Array]:
    from gradwright.prims.qp import quadratic_programme

    return quadratic_programme(P, q, G, h)


ISOLATED = {
    "left inverse": Case("L @ X = eye(n)", "L: n n", "X: n n"),
    "Y X Y = Y": Case("Y @ X @ Y = Y", "Y: n n invertible", "X: n n"),
    "X Z X = X": Case("X @ Z @ X = X", "Z: n n", "X: n n invertible"),
    "two-sided": Case("A @ Y @ B = C", "Y: n m", "A: n n, B: m m, C: n m"),
    "transposed unknown": Case("Y.T @ A + B = eye(n)", "Y: n n", "A: n n, B: n n"),
    "parallel sum": Case("inv(Y) = inv(A) + inv(B)", "Y: n n", "A: n n, B: n n"),
    "adjugate": Case("Y @ A = det(A) * eye(n)", "Y: n n", "A: n n"),
    "Schur complement": Case("S + B @ inv(D) @ C = A", "S: n n", "A: n n, B: n m, D: m m, C: m n"),
    "congruence": Case("diag(s) @ R @ diag(s) = S", "R: n n symmetric", "S: n n spd, s: n positive"),
    "Cayley": Case("Q @ (eye(n) + W) = eye(n) - W", "Q: n n", "W: n n skew"),
    "normal equations": Case("A.T @ A @ Y = A.T", "Y: m n", "A: n m"),
    "ridge": Case("(A.T @ A + a * eye(m)) @ y = A.T @ b", "y: m", "A: n m, a: positive, b: n"),
    "entries": Case("Y * exp(Y) = A", "Y: n m positive", "A: n m positive"),
    "outer scaling": Case("Y * outer(u, v) = A", "Y: n m", "u: n positive, v: m positive, A: n m"),
    "diagonal unknown": Case("diagonal(Y @ A @ Y) = ones(n)", "Y: n n diagonal", "A: n n spd",
                             lambda A: np.diag(np.diag(A) ** -0.5)),
    "unit vector": Case("y * norm(x) = x", "y: n", "x: n"),
    "both sides of an inverse": Case(["X @ Y = eye(n)", "Y @ X = eye(n)"], "Y: n n", "X: n n"),
    "vec": Case("vec(A @ X @ B) = b", "X: n m", "A: n n, B: m m, b: n*m"),
    "projector": Case(["P @ A = A", "P = A @ Z @ A.T"], "P: n n symmetric, Z: m m symmetric", "A: n m"),
    "a column space": Case("A @ Y = A @ B @ A", "Y: m m", "A: n m, B: m n"),
    "einsum": Case("einsum('ij,jk->ik', A, Y) = B", "Y: n m", "A: n n, B: n m"),
    "two axes of a tensor": Case("einsum('ia,jb,abc->jic', A, B, Y) + einsum('ia,ajc->jic', A, Y) = T", "Y: n m k",
                                 "A: n n, B: m m, T: m n k"),
    "correlation matrix next to another": Case(["X = Z + diag(l)", "diagonal(X) = ones(n)"], "X: n n symmetric, l: n",
                                               "Z: n n symmetric"),
    "pseudo-inverse of a Laplacian": Case(
        ["(diag(sum(W, axis=1)) - W) @ Y = eye(n) - ones(n, n) / n", "sum(Y, axis=0) = zeros(n)"], "Y: n n",
        "W: n n symmetric"),
    "its symmetric solution": Case(
        ["(diag(sum(W, axis=1)) - W) @ Y = eye(n) - ones(n, n) / n", "Y @ ones(n) = zeros(n)"], "Y: n n symmetric",
        "W: n n symmetric"),
    "a product of rank one beside another": Case("A @ Y + outer(u, v) @ Y = B", "Y: n m", "A: n n, u: n, v: n, B: n m"),
    "sums of rows and columns": Case(["X = Z + outer(u, ones(m)) + outer(ones(n), v)", "X @ ones(m) = a",
                                      "X.T @ ones(n) = b * sum(a) / sum(b)", "v[0] = 0"], "X: n m, u: n, v: m",
                                     "Z: n m, a: n, b: m positive"),
}  # fmt: skip
OWN_NUMBERS = {
    "its norm": Case("Y * norm(Y) = A", "Y: n m", "A: n m", lambda A: A / np.sqrt(np.linalg.norm(A))),
    "its complex norm": Case("Y * norm(Y) = A", "Y: n m complex", "A: n m complex",
                             lambda A: A / np.sqrt(np.linalg.norm(A))),
    "discounted Lyapunov": Case("A @ Y + Y @ A.T - r * Y = Q", "Y: n n symmetric", "A: n n, Q: n n symmetric, r: "),
    "its trace in Lyapunov": Case("A @ Y + Y @ A.T + trace(Y) * C = Q", "Y: n n symmetric",
                                  "A: n n, C: n n symmetric, Q: n n symmetric"),
    "its Hermitian trace": Case("A @ Y + Y @ A.H + trace(Y) * K = Q", "Y: n n hermitian",
                                "A: n n complex, K: n n hermitian, Q: n n hermitian"),
    "its trace where it is diagonal": Case("D @ D + trace(D) * D = A", "D: n n diagonal", "A: n n spd diagonal",
                                           beside_its_trace),
    "its trace and sum": Case("Y + trace(Y) * B + sum(Y) * C = A", "Y: n n", "A: n n, B: n n, C: n n"),
    "its trace beside a square": Case("Y @ Y.T - trace(Y) * eye(n) = A", "Y: n n lower", "A: n n spd",
                                      start=lambda A: 4 * np.linalg.cholesky(A)),
    "its diagonal": Case("T = inv(A + diag(B @ diagonal(T)))", "T: n n spd", "A: n n spd, B: n n positive",
                         start=lambda A, B: np.linalg.inv(A)),
    "its rows": Case("Y + softmax(Y, axis=1) = A", "Y: n m", "A: n m"),
    "three of its numbers": Case("Y + trace(Y) * B + sum(Y) * B.T + Y[0, 1] * eye(n) = A", "Y: n n",
                                 "A: n n, B: n n"),
}  # fmt: skip
EQUATIONS = {
    "Sylvester": Case("A @ Y + Y @ B = C", "Y: n m", "A: n n, B: m m, C: n m"),
    "Sylvester for the transpose": Case("A @ Y.T + Y.T @ B = C", "Y: m n", "A: n n, B: m m, C: n m"),
    "generalised Sylvester": Case("A @ Y @ B + C @ Y @ D = E", "Y: n m", "A: n n, B: m m, C: n n, D: m m, E: n m"),
    "generalised Sylvester with inverses": Case("A @ Y @ B + C @ Y @ D = E", "Y: n m",
                                                "A: n n, B: m m invertible, C: n n invertible, D: m m, E: n m"),
    "three terms": Case("A @ Y + Y @ B + C @ Y @ D = E", "Y: n m", "A: n n, B: m m, C: n n, D: m m, E: n m",
                        scale={"C": 0.2}, general=True),
    "transpose and itself": Case("Y + A @ Y.T @ B = C", "Y: n n", "A: n n, B: n n, C: n n", scale={"A": 0.05},
                                 general=True),
    "generalised Lyapunov": Case("A @ Y @ E.T + E @ Y @ A.T = Q", "Y: n n symmetric",
                                 "A: n n, E: n n, Q: n n symmetric"),
    "descriptor Lyapunov": Case("A @ Y @ E.H + E @ Y @ A.H = Q", "Y: n n hermitian",
                                "A: n n complex, E: n n invertible complex, Q: n n hermitian"),
    "descriptor Stein": Case("E @ Y @ E.T - A @ Y @ A.T = Q", "Y: n n symmetric",
                             "A: n n, E: n n invertible, Q: n n symmetric", scale={"A": 0.3}),
    "skew Lyapunov": Case("A @ Y + Y @ A.T = W", "Y: n n skew", "A: n n, W: n n skew"),
    "discrete Gramian": Case("G - A.T @ G @ A = C.T @ C", "G: n n symmetric", "A: n n, C: m n", scale={"A": 0.2}),
    "coupled Sylvester": Case(["A @ X + Y @ B = C", "D @ X + Y @ E = F"], "X: n m, Y: n m",
                              "A: n n, B: m m, C: n m, D: n n, E: m m, F: n m", scale={"D": 0.2}),
    "trace constraint": Case(["A @ Y + Y @ A.T - c * eye(n) = Q", "trace(Y) = 1"], "Y: n n symmetric, c: ",
                             "A: n n, Q: n n symmetric"),
    "two unknown matrices": Case(["A @ X + Y @ B = C", "X + D @ Y = E"], "X: n n, Y: n n",
                                 "A: n n, B: n n, C: n n, D: n n, E: n n", scale={"D": 0.1}),
    "vec of Sylvester": Case("vec(A @ X + X @ B) = vec(C)", "X: n m", "A: n n, B: m m, C: n m"),
    "root and its inverse": Case(["Y = A @ Z", "Z @ Y = eye(n)"], "Y: n n spd, Z: n n spd", "A: n n spd"),
    "Heron": Case("Y = (Y + inv(Y) @ A) / 2", "Y: n n spd", "A: n n spd"),
    "closed loop": Case(["F = A - B @ inv(R) @ B.T @ X", "F.T @ X + X @ A + Q = zeros(n, n)"], "F: n n, X: n n spd",
                        "A: n n, B: n m, Q: n n spd, R: m m spd", closed_loop),
    "Riccati without inverses of X": Case("X = Q + A.T @ X @ inv(eye(n) + B @ inv(R) @ B.T @ X) @ A", "X: n n spd",
                                          "A: n n, B: n m, Q: n n spd, R: m m spd", scipy.linalg.solve_discrete_are),
    "Joseph": Case(["K = inv(R + B.T @ X @ B) @ B.T @ X @ A",
                    "X = (A - B @ K).T @ X @ (A - B @ K) + K.T @ R @ K + Q"], "K: m n, X: n n spd",
                   "A: n n, B: n m, Q: n n spd, R: m m spd", discrete_regulator),
    "square": Case("sqrtm(Y) = A", "Y: n n spd", "A: n n spd", lambda A: A @ A),
    "square of a Sylvester solution": Case("sqrtm(Y) @ A + A @ sqrtm(Y) = B", "Y: n n spd", "A: n n spd, B: n n spd",
                                           root_between),
    "half a logarithm": Case("matrix_exp(Y / 2) @ matrix_exp(Y / 2) = A", "Y: n n symmetric", "A: n n spd",
                             lambda A: np.real(scipy.linalg.logm(A))),
    "logarithm between factors": Case("S @ matrix_exp(Y) @ S.T = A", "Y: n n symmetric", "S: n n, A: n n spd",
                                      logarithm_between),
    "covariance": Case("inv(K) - inv(K) @ S @ inv(K) = zeros(n, n)", "K: n n spd", "S: n n spd"),
    "three halves": Case("sqrtm(Y) @ Y = A", "Y: n n spd", "A: n n spd", general=True),
    "a tensor": Case("T + einsum('ijk,kl->ijl', T, A) = B", "T: n m k", "A: k k, B: n m k"),
    "a tensor in another order": Case("einsum('ijk,jl->kil', T, A) = B", "T: n m k", "A: m m, B: k n m"),
    "inverse of a square": Case("inv(Y @ Y) = A", "Y: n n", "A: n n", lambda A: np.linalg.inv(scipy.linalg.sqrtm(A))),
    "geometric mean by two quotients": Case("inv(A) @ Y = inv(Y) @ B", "Y: n n spd", "A: n n spd, B: n n spd",
                                            geometric_mean),
    "inverse cube root": Case("Y @ Y @ Y @ A = eye(n)", "Y: n n spd", "A: n n spd", inverse_cube_root, general=True),
    "discrete regulator with cross terms": Case(
        ["(R + B.T @ X @ B) @ K = B.T @ X @ A + S", "X = A.T @ X @ A - (A.T @ X @ B + S.T) @ K + Q"],
        "K: m n, X: n n symmetric", "A: n n, B: n m, Q: n n spd, R: m m spd, S: m n", crossed_regulator,
        scale={"S": 0.2}),
    "Kalman by its innovations": Case(
        ["S = H @ P @ H.T + R", "K @ S = P @ H.T", "P = F @ (eye(n) - K @ H) @ P @ F.T + Q"],
        "S: m m spd, K: n m, P: n n spd", "F: n n, H: m n, Q: n n spd, R: m m spd",
        lambda F, H, Q, R: (H @ filtered(F, H, Q, R)[1] @ H.T + R, *filtered(F, H, Q, R))),
    "Karcher mean": Case("logm(inv(A) @ Y) + logm(inv(B) @ Y) + logm(inv(C) @ Y) = zeros(n, n)", "Y: n n spd",
                         "A: n n spd, B: n n spd, C: n n spd", start=lambda A, B, C: (A + B + C) / 3, general=True),
    "coupled Riccati": Case(
        ["A.T @ P + P @ A - P @ S @ P - P @ T @ R - R @ T @ P + Q = zeros(n, n)",
         "A.T @ R + R @ A - R @ T @ R - P @ S @ R - R @ S @ P + W = zeros(n, n)"],
        "P: n n symmetric, R: n n symmetric",
        "A: n n, S: n n symmetric, T: n n symmetric, Q: n n symmetric, W: n n symmetric",
        start=lambda A, S, T, Q, W: (np.zeros_like(Q), np.zeros_like(W)), general=True,
        scale={"S": 0.05, "T": 0.05, "Q": 0.3, "W": 0.3}),
    "cube root": Case("Y @ Y @ Y = A", "Y: n n", "A: n n", general=True),
    "solvent": Case("A @ Y @ Y + B @ Y + C = zeros(n, n)", "Y: n n", "A: n n, B: n n, C: n n",
                    start=lambda A, B, C: -np.linalg.solve(B, C), scale={"C": 0.1}),
    "stochastic Riccati": Case("Y + A.T @ inv(Y) @ A = Q", "Y: n n spd", "A: n n, Q: n n spd",
                               start=lambda A, Q: Q, scale={"A": 0.2}),
    "nonsymmetric Riccati": Case("A @ Y + Y @ B + Y @ C @ Y + D = zeros(n, m)", "Y: n m",
                                 "A: n n, B: m m, C: m n, D: n m", start=lambda A, B, C, D: np.zeros_like(D),
                                 scale={"C": 0.1, "D": 0.5}),
    "Riccati with a weight": Case("A @ Y + Y @ A.T + Y @ C @ Y / g**2 + Q = zeros(n, n)", "Y: n n symmetric",
                                  "A: n n, C: n n symmetric, Q: n n symmetric, g: positive",
                                  start=lambda A, C, Q, g: np.zeros_like(Q), scale={"C": 0.1, "Q": 0.5}),
    "geometric mean": Case("Y @ inv(A) @ Y = B", "Y: n n spd", "A: n n spd, B: n n spd", geometric_mean),
    "transport map": Case("T @ A @ T = B", "T: n n spd", "A: n n spd, B: n n spd",
                          lambda A, B: geometric_mean(np.linalg.inv(A), B)),
    "unit determinant": Case(["A @ Y = t * B", "det(Y) = 1"], "Y: n n, t: ", "A: n n spd, B: n n spd",
                             start=lambda A, B: (np.linalg.solve(A, B), np.ones(()))),
    "exponential of a skew matrix": Case("Q = matrix_exp(W)", "Q: n n orthogonal", "W: n n skew", "scipy.linalg.expm"),
    "logarithm": Case("matrix_exp(Y) = A", "Y: n n symmetric", "A: n n spd", lambda A: np.real(scipy.linalg.logm(A))),
    "Gramians": Case(["A @ P + P @ A.T = -B @ B.T", "A.T @ Q + Q @ A = -C.T @ C"],
                     "P: n n symmetric, Q: n n symmetric", "A: n n, B: n m, C: k n"),
    "regulator": Case(["A.T @ P + P @ A - K.T @ R @ K + Q = zeros(n, n)", "R @ K = B.T @ P"], "P: n n spd, K: m n",
                      "A: n n, B: n m, Q: n n spd, R: m m spd", regulator),
    "discrete regulator": Case(["K = inv(R + B.T @ P @ B) @ B.T @ P @ A", "P = A.T @ P @ (A - B @ K) + Q"],
                               "K: m n, P: n n spd", "A: n n, B: n m, Q: n n spd, R: m m spd",
                               discrete_regulator),
    "Kalman": Case(["K = P @ H.T @ inv(H @ P @ H.T + R)", "P = F @ (P - K @ H @ P) @ F.T + Q"], "K: n m, P: n n spd",
                   "F: n n, H: m n, Q: n n spd, R: m m spd", filtered),
    "inverse Cayley": Case("(eye(n) + W) @ Q = eye(n) - W", "W: n n skew", "Q: n n orthogonal",
                           lambda Q: (np.eye(len(Q)) - Q) @ np.linalg.inv(np.eye(len(Q)) + Q)),
    "steady state": Case(
        ["(K - B.T @ B / 2) @ Y + Y @ (K - B.T @ B / 2).T + B @ Y @ B.T = zeros(n, n)", "trace(Y) = 1"],
        "Y: n n symmetric", "K: n n skew, B: n n", general=True),
    "H2 norm": Case(["A @ P + P @ A.T + B @ B.T = zeros(n, n)", "g**2 = trace(C @ P @ C.T)"],
                    "P: n n symmetric, g: positive", "A: n n, B: n m, C: k n", h2, side=-1),
    "in two pieces": Case(["A @ Y @ M + B @ Y @ N = C", "D @ Y = E"], "Y: n+k m",
                          "A: n n+k, B: n n+k, M: m m, N: m m, C: n m, D: k n+k, E: k m", general=True),
    "exponential and itself": Case("matrix_exp(Y) + Y = A", "Y: n n", "A: n n", scale={"A": 0.3}, general=True),
}  # fmt: skip
FACTORS = {
    "upper Cholesky": Case("U.T @ U = A", "U: n n upper", "A: n n spd", lambda A: np.linalg.cholesky(A).T),
    "reverse Cholesky": Case("U @ U.T = A", "U: n n upper", "A: n n spd", lower_of_flipped),
    "whitening": Case("L @ A @ L.T = eye(n)", "L: n n lower", "A: n n spd",
                      lambda A: np.linalg.inv(np.linalg.cholesky(A))),
    "triangular congruence": Case("Y @ A @ Y.T = B", "Y: n n lower", "A: n n spd, B: n n spd",
                                  lambda A, B: np.linalg.cholesky(B) @ np.linalg.inv(np.linalg.cholesky(A))),
    "triangle beside an indefinite matrix": Case("S @ U + U.T @ S = K", "U: n n upper",
                                                 "S: n n symmetric, K: n n symmetric"),
    "complete square of a triangle": Case("L @ L.T + L + L.T = A", "L: n n lower", "A: n n spd",
                                          lambda A: np.linalg.cholesky(A + np.eye(len(A))) - np.eye(len(A))),
    "triangle of a triangle": Case("X.T @ R + R.T @ X = C", "X: n n upper", "R: n n upper, C: n n symmetric"),
    "Crout": Case("L @ U = A", "L: n n lower, U: n n unit_upper", "A: n n",
                  lambda A: (eliminated(A)[0] @ eliminated(A)[1], eliminated(A)[2])),
    "L D U": Case("L @ D @ U = A", "L: n n unit_lower, D: n n diagonal, U: n n unit_upper", "A: n n", eliminated),
    "U D Uᵀ": Case("U @ D @ U.T = A", "U: n n unit_upper, D: n n diagonal", "A: n n spd",
                   lambda A: tuple(map(flipped, eliminated(flipped(A))[:2]))),
    "U L": Case("U @ L = A", "U: n n unit_upper, L: n n lower", "A: n n",
                lambda A: (flipped(eliminated(flipped(A))[0]),
                           flipped(eliminated(flipped(A))[1] @ eliminated(flipped(A))[2]))),
    "R Q": Case("R @ Q = A", "R: n n upper, Q: n n orthogonal", "A: n n", "scipy.linalg.rq"),
    "L Q of a wide matrix": Case("L @ Q.T = A", "L: n n lower, Q: m n stiefel", "A: n m", lq),
    "Q L": Case("Q @ L = A", "Q: n m stiefel, L: m m lower", "A: n m", ql),
    "Q R of a quotient": Case("Q @ R @ B = A", "Q: n m stiefel, R: m m upper", "A: n m, B: m m",
                              lambda A, B: np.linalg.qr(A @ np.linalg.inv(B))),
    "left polar": Case("P @ U = A", "P: n n spd, U: n n orthogonal", "A: n n", left_polar),
    "Procrustes": Case("Q.T @ M = M.T @ Q", "Q: n n orthogonal", "M: n n", nearest_orthogonal),
    "diagonalisation": Case("V @ S @ V.T = D", "V: n n orthogonal, D: n n diagonal", "S: n n symmetric",
                            lambda S: (spectral(S)[0].T, np.diag(spectral(S)[1]))),
    "pencil": Case(["V.T @ A @ V = diag(w)", "V.T @ B @ V = eye(n)"], "V: n n invertible, w: n",
                   "A: n n symmetric, B: n n spd", lambda A, B: scipy.linalg.eigh(A, B)[::-1]),
    "one eigenpair": Case(["A @ v = w * v", "dot(v, v) = 1"], "v: n, w: ", "A: n n symmetric",
                          lambda A: (spectral(A)[0][:, -1], spectral(A)[1][-1])),
    "overdamped": Case(["(w**2 * M + w * (D + 6 * eye(n)) + K) @ v = zeros(n)", "dot(v, v) = 1"], "v: n, w: ",
                       "M: n n spd, D: n n spd, K: n n spd", overdamped),
    "Takagi": Case("U @ diag(s) @ U.T = A", "U: n n unitary complex, s: n positive", "A: n n symmetric complex",
                   takagi),
    "complex Cholesky": Case(["L @ L.H = A", "imag(diagonal(L)) = zeros(n)"], "L: n n lower complex",
                             "A: n n hermitian", np.linalg.cholesky),
    "complex Q R": Case(["Q @ R = A", "imag(diagonal(R)) = zeros(m)"], "Q: n m stiefel complex, R: m m upper complex",
                        "A: n m complex", np.linalg.qr),
    "singular vectors on both sides": Case(["A @ V = U @ diag(s)", "A.T @ U = V @ diag(s)"],
                                           "U: n m stiefel, s: m positive, V: m m orthogonal", "A: n m", thin),
    "least squares by QR": Case(["Q @ R = A", "R @ v = Q.T @ b"], "Q: n m stiefel, R: m m upper, v: m", "A: n m, b: n",
                                lambda A, b: (*np.linalg.qr(A), np.linalg.lstsq(A, b, rcond=None)[0])),
    "singular triplet": Case(["A @ v = s * u", "A.T @ u = s * v", "dot(v, v) = 1", "dot(u, u) = 1"],
                             "u: n, v: m, s: positive", "A: n m", singular_triplet),
    "polar by an inverse": Case("A @ W = U", "U: n m stiefel, W: m m spd", "A: n m", polar_by_inverse),
    "correlations": Case(["diag(s) @ R @ diag(s) = A", "diagonal(R) = ones(n)"], "R: n n symmetric, s: n positive",
                         "A: n n spd", correlation),
    "correlations and their factor": Case(
        ["diag(s) @ R @ diag(s) = A", "diagonal(R) = ones(n)", "L @ L.T = R"],
        "R: n n symmetric, L: n n lower, s: n positive", "A: n n spd", factored_correlation),
    "lengths in a pencil": Case(["A @ V = B @ V @ diag(w)", "diagonal(V.T @ B @ V) = ones(n)"], "V: n n, w: n",
                                "A: n n symmetric, B: n n spd", of_unit_columns),
    "generalised singular values": Case(
        ["U.T @ A @ X = diag(c)", "V.T @ B @ X = diag(s)", "c**2 + s**2 = 1"],
        "U: n n orthogonal, c: n positive, V: n n orthogonal, s: n positive, X: n n invertible", "A: n n, B: n n",
        generalised_singular),
    "eigenvectors with a diagonal of ones": Case(["A @ V = V @ diag(w)", "diagonal(V) = ones(n)"],
                                                 "V: n n complex, w: n complex", "A: n n", eigenvectors),
    "eigenvectors on both sides": Case(["W @ A @ V = diag(w)", "W @ V = eye(n)", "diagonal(V) = ones(n)"],
                                       "V: n n complex, w: n complex, W: n n complex", "A: n n complex",
                                       both_eigenvectors),
    "eigenvectors with a row of ones": Case(["inv(V) @ A @ V = diag(w)", "V[0, :] = ones(n)"],
                                            "V: n n complex, w: n complex", "A: n n complex", by_rows),
    "leading eigenvectors": Case("A @ V = V @ L", "V: n 2 stiefel, L: 2 2 diagonal", "A: n n symmetric",
                                 lambda A: (leading(A)[0], np.diag(leading(A)[1]))),
    "leading columns of a pencil": Case(["A @ V = B @ V @ diag(w)", "V.T @ B @ V = eye(2)"], "V: n 2, w: 2",
                                        "A: n n symmetric, B: n n spd", leading),
    "canonical correlations": Case(["A @ V = B @ U @ diag(s)", "A.T @ U = C @ V @ diag(s)", "U.T @ B @ U = eye(2)",
                                    "V.T @ C @ V = eye(2)"], "U: n 2, s: 2 positive, V: m 2",
                                   "A: n m, B: n n spd, C: m m spd", all_correlated),
    "leading singular vectors": Case(["A @ V = U @ diag(s)", "A.T @ U = V @ diag(s)"],
                                     "U: n 2 stiefel, s: 2 positive, V: m 2 stiefel", "A: n m", truncated),
    "invariant subspace": Case(["A @ X = X @ S", "X[:2, :] = eye(2)"], "X: n 2, S: 2 2", "A: n n symmetric", invariant),
    "polar by a square root": Case(["P @ P = A.T @ A", "U @ P = A"], "U: n m, P: m m spd", "A: n m",
                                   lambda A: scipy.linalg.polar(A)),
    "orthonormal columns": Case("Y = X @ inv(sqrtm(X.T @ X))", "Y: n m", "X: n m", lambda X: scipy.linalg.polar(X)[0]),
    "complex polar": Case("U @ P = A", "U: n n unitary complex, P: n n hermitian complex", "A: n n complex",
                          lambda A: scipy.linalg.polar(A)),
}  # fmt: skip
IMPLICIT = {
    "exponential and linear": Case("exp(y) + A @ y = b", "y: n", "A: n n spd, b: n"),
    "Kepler": Case("E - e * sin(E) = M", "E: ", "e: positive, M: ", scale={"e": 0.3}),
    "cubic": Case("y**3 + a * y = b", "y: ", "a: positive, b: "),
    "softmax": Case("p = softmax(W @ p + b)", "p: n", "W: n n, b: n", scale={"W": 0.3}),
    "equilibrium": Case("z = tanh(W @ z + U @ x)", "z: n", "W: n n, U: n m, x: m", scale={"W": 0.3}),
    "layer of equilibria": Case("Z = tanh(W @ Z + U)", "Z: n m", "W: n n, U: n m", scale={"W": 0.3}, general=True),
    "logistic regression": Case("X.T @ (sigmoid(X @ w) - t) + a * w = zeros(m)", "w: m",
                                "X: n m, t: n, a: positive"),
    "softmax by its sum": Case(["p = s * exp(z)", "sum(p) = 1"], "p: n positive, s: positive", "z: n"),
    "two layers": Case(["z = tanh(W @ z + u)", "u = V @ z + b"], "z: n, u: n", "W: n n, V: n n, b: n",
                       scale={"W": 0.2, "V": 0.2}),
    "a chain of three": Case(["X @ A = Y", "Y + Z = B", "Z = C @ X"], "X: n n, Y: n n, Z: n n",
                             "A: n n, B: n n, C: n n"),
    "Procrustes and its scale": Case(["Q.T @ A.T @ B = S", "s * norm(A)**2 = trace(S)"],
                                     "Q: n n orthogonal, S: n n symmetric, s: ", "A: m n, B: m n",
                                     lambda A, B: (lambda U, S, V: (U @ V, (V.T * S) @ V, S.sum() / np.sum(A * A)))(
                                         *np.linalg.svd(A.T @ B))),
    "polar with an inverse": Case(["U @ H = A", "H @ W = eye(m)"], "U: n m stiefel, H: m m spd, W: m m spd", "A: n m",
                                  lambda A: (lambda U, S, V: (U @ V, (V.T * S) @ V, (V.T / S) @ V))(
                                      *np.linalg.svd(A, full_matrices=False))),
    "Procrustes and its trace": Case(["Q.T @ M = P", "trace(P) = s"], "Q: n n orthogonal, P: n n spd, s: ", "M: n n",
                                     lambda M: (lambda U, S, V: (U @ V, (V.T * S) @ V, S.sum()))(*np.linalg.svd(M))),
    "coupled": Case(["x + exp(y) = a", "y - sin(x) * b = ones(n)"], "x: n, y: n", "a: n, b: n", scale={"b": 0.2}),
    "trust region": Case(["(A + l * eye(n)) @ x = b", "dot(x, x) = r"], "x: n, l: ",
                         "A: n n spd, b: n, r: positive",
                         start=lambda A, b, r: (np.linalg.solve(A, b), np.zeros(()))),
    "programme": Case(["P @ x + q + G.T @ l = zeros(n)", "l * (G @ x - h) = zeros(m)"], "x: n, l: m",
                      "P: n n spd, q: n, G: m n, h: m", programme),
    "homogeneous coordinates": Case(["A @ x = zeros(n)", "dot(x, x) = 1"], "x: n+1", "A: n n+1",
                                    lambda A: np.linalg.svd(A)[2][-1] * np.sign(np.linalg.svd(A)[2][-1, 0])),
    "quaternion by entries": Case(["dot(q, q) = 1", "q[0] * q[1] = a", "q[0] * q[2] = b", "q[0] * q[3] = c"], "q: 4",
                                  "a: , b: , c: ", start=lambda a, b, c: np.eye(4)[0],
                                  scale={"a": 0.1, "b": 0.1, "c": 0.1}),
    "quantile": Case("sum(sigmoid(k * (t * ones(n) - x))) = 2", "t: ", "x: n, k: positive"),
    "doubly stochastic": Case(["u * (K @ v) = ones(n)", "v * (K.T @ u) = ones(n)", "u[0] = 1"],
                              "u: n positive, v: n positive", "K: n n positive"),
    "a complex phase": Case(["z = r * u", "u * conj(u) = 1"], "r: , u: complex", "z: complex", general=True),
    "its conjugate": Case("A * y + B * conj(y) = c", "y: n complex", "A: n complex, B: n complex, c: n complex"),
    "its conjugate trace": Case("A @ Y + conj(trace(Y)) * B = C", "Y: n n complex",
                                "A: n n complex, B: n n complex, C: n n complex"),
    "its real part": Case("y + a * real(b * y) = c", "y: complex", "a: complex, b: complex, c: complex"),
    "a constrained rotation": Case(["A.T @ (A @ X - B) + S @ X @ L = zeros(n, n)", "X.T @ S @ X = eye(n)"],
                                   "X: n n, L: n n symmetric", "S: n n spd, A: m n, B: m n", constrained_rotation),
    "a constrained complex rotation": Case(["A.H @ (A @ X - B) + X @ L = zeros(n, n)", "X.H @ X = eye(n)"],
                                           "X: n n complex, L: n n hermitian", "A: m n complex, B: m n complex",
                                           lambda A, B: constrained_rotation(np.eye(A.shape[1]), A, B)),
    "both parts": Case(["real(z) = a", "imag(z) = b"], "z: n complex", "a: n, b: n", general=True),
    "real and complex inputs": Case(["H @ x + t * x = real(b)", "t = norm(b)"], "x: n, t: ",
                                    "H: n n spd, b: n complex"),
    "a real matrix of a complex vector": Case("S @ x + x = b", "x: n complex", "S: n n symmetric, b: n complex"),
    "stationary distribution": Case(["W.T @ (p / sum(W, axis=1)) = p", "sum(p) = 1"], "p: n positive",
                                    "W: n n positive"),
    "eigenvalue with both vectors": Case(["A @ v = r * v", "A.T @ u = r * u", "dot(u, v) = 1", "dot(v, v) = 1"],
                                         "v: n, u: n, r: ", "A: n n positive", start=both_vectors),
    "canonical correlation": Case(["A @ v = s * B @ u", "A.T @ u = s * C @ v", "u @ B @ u = 1", "v @ C @ v = 1"],
                                  "u: n, v: m, s: ", "A: n m, B: n n spd, C: m m spd", correlated),
    "potentials": Case(["exp(u) * (exp(-C) @ exp(v)) = a", "exp(v) * (exp(-C.T) @ exp(u)) = b * sum(a) / sum(b)",
                        "v[0] = 0"], "u: n, v: m", "C: n m, a: n positive, b: m positive",
                       start=lambda C, a, b: (np.zeros(len(a)), np.zeros(len(b)))),
    "deflation": Case(["A @ v = w * v", "dot(v, v) = 1", "B = A - w * outer(v, v)"], "v: n, w: , B: n n symmetric",
                      "A: n n symmetric", deflated),
    "transport with one marginal": Case(["e * log(P) + C + outer(l, ones(m)) = zeros(n, m)", "sum(P, axis=1) = a"],
                                        "P: n m positive, l: n", "C: n m, a: n positive, e: positive"),
    "entropic transport": Case(
        ["log(P) + C + outer(u, ones(m)) + outer(ones(n), v) = zeros(n, m)", "P @ ones(m) = a",
         "P.T @ ones(n) = b * sum(a) / sum(b)", "v[0] = 0"], "P: n m positive, u: n, v: m",
        "C: n m, a: n positive, b: m positive"),
    "potentials of a graph": Case(["L @ y = b - mean(b)", "L = diag(sum(W, axis=1)) - W", "mean(y) = 0"],
                                  "y: n, L: n n", "W: n n symmetric, b: n"),
    "balance": Case("diag(y) @ A @ y = ones(n)", "y: n positive", "A: n n spd", start=lambda A: np.ones(len(A))),
}  # fmt: skip
CASES = {**ISOLATED, **OWN_NUMBERS, **EQUATIONS, **FACTORS, **IMPLICIT}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_first_and_second_order(name: str) -> None:
    errors = list(errors_of(CASES[name], 2))
    assert max(errors) < 1e-5, errors


def test_each_of_two_matrix_equations_is_told_with_its_own_operands() -> None:
    gramians = CASES["Gramians"]
    gw.define("gramians", gramians.identity, unknown=gramians.unknown, given=gramians.given)
    derived = gw.derive(gw.parse("gramians(A, B, C).Q", A="n n", B="n m", C="k n"), wrt="C")
    assert "Aᵀ dQ + dQ A = −dCᵀ C − Cᵀ dC" in str(derived)
    assert all(step.check.passed for step in derived.steps)


@pytest.mark.slow
def test_the_gain_of_a_regulator_is_told_by_one_lyapunov_equation() -> None:
    case = CASES["regulator"]
    gw.define("lqr", case.identity, unknown=case.unknown, given=case.given, forward=case.forward)
    shapes = {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}
    derived = gw.derive(gw.parse("lqr(A, B, Q, R).K", **shapes), wrt="A")
    assert "dK = −R⁻¹ Bᵀ lyapunov(Aᵀ − Kᵀ Bᵀ, dAᵀ P + P dA)" in str(derived)
    assert all(step.check.passed for step in derived.steps)


@pytest.mark.slow
def test_a_riccati_equation_with_a_cross_term_is_told_by_lyapunov_equations() -> None:
    given = {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd", "S": "n m"}
    gw.define("crossed", "A.T @ X + X @ A - (X @ B + S) @ inv(R) @ (B.T @ X + S.T) + Q = zeros(n, n)",
              unknown="X: n n symmetric", given=given,
              forward=lambda A, B, Q, R, S: scipy.linalg.solve_continuous_are(A, B, Q, R, s=S))  # fmt: skip
    derived = gw.derive(gw.parse("crossed(A, B, Q, R, S)", **given), wrt="R")
    assert "−½ R⁻¹ Pᵀ lyapunov(A − B R⁻¹ Pᵀ, G + Gᵀ) P R⁻¹" in str(derived)
    assert all(step.check.passed for step in derived.steps)


@pytest.mark.slow
def test_an_unknown_that_an_equation_states_in_terms_of_others_has_that_value_at_a_generic_point() -> None:
    """Few moments b are those of a distribution over the columns of A, so that random ones have no solution."""
    given = {"A": "m n", "b": "m"}
    gw.define("weights_of", ["p = softmax(A.T @ l)", "A @ p = b"], unknown="p: n positive, l: m", given=given)
    derived = gw.derive(gw.parse("weights_of(A, b).l", **given), wrt="b")
    assert "dl = (A diag(p) Aᵀ − b bᵀ)⁻¹ db" in str(derived)
    assert all(step.check.passed for step in derived.steps)


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["diagonal(V) = ones(n)", "diagonal(V.T @ V) = ones(n)", "V[0, :] = ones(n)"])
def test_complex_eigenvectors_grow_by_complex_numbers(scale: str) -> None:
    def forward(A: Array) -> tuple[Array, Array]:
        values, vectors = np.linalg.eig(A)
        sizes = {"V[": vectors[0], "diagonal(V)": np.diag(vectors), "diagonal(V.": np.sqrt(np.sum(vectors**2, axis=0))}
        return vectors / next(size for start, size in sizes.items() if scale.startswith(start)), values

    eig = gw.define("vectors", ["A @ V = V @ diag(w)", scale], unknown="V: n n complex, w: n complex",
                    given="A: n n complex", forward=forward)  # fmt: skip
    derived = gw.derive(eig(gw.matrix("A", "n", "n", field="complex")).V)
    assert all(step.check.passed for step in derived.steps)


@pytest.mark.slow
def test_an_equation_that_says_zero_is_confirmed_where_both_sides_are_rounding() -> None:
    def forward(z: Array) -> tuple[Array, Array]:
        return np.abs(z), z / np.abs(z)

    phase = gw.define("phase", ["z = r * u", "u * conj(u) = 1", "imag(r * u * conj(z)) = 0"],
                      unknown="r: , u: complex", given="z: complex", forward=forward)  # fmt: skip
    assert "✗" not in str(gw.derive(phase(gw.scalar("z", field="complex")).u))
    level = gw.define("level", "logsumexp(x + c) = 0 * a", unknown="x: ", given="c: n, a: ")
    assert "✗" not in str(gw.derive(level(gw.vector("c", "n"), gw.scalar("a")), wrt="c"))


def test_an_identity_without_a_value_at_a_point_is_tried_at_others() -> None:
    gram = gw.define("gram", "Y = sqrtm(X.T @ X) @ sqrtm(X.T @ X)", unknown="Y: m m", given="X: n m",
                     forward=lambda X: X.T @ X)  # fmt: skip
    assert "✗" not in str(gw.derive(gram(gw.matrix("X", "n", "m"))))


@pytest.mark.slow
def test_every_step_of_the_closed_forms_is_confirmed() -> None:
    for name in (
        "half a logarithm",
        "square of a Sylvester solution",
        "Sylvester for the transpose",
        "vec of Sylvester",
    ):
        function, declared = defined(CASES[name]), parse_declarations(CASES[name].given)
        call = function(*(gw.parse(d.name, **{d.name: str(d).partition(":")[2]}) for d in declared))
        assert "✗" not in str(gw.derive(call, wrt=declared[0].name)), name


@pytest.mark.slow
def test_terms_that_the_identity_cancels_are_told() -> None:
    joseph = defined(CASES["Joseph"])
    shapes = {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}
    derived = str(gw.derive(joseph(*(gw.parse(name, **{name: shape}) for name, shape in shapes.items())).X, wrt="A"))
    assert "dKᵀ Bᵀ X (A − B K) + (A − B K)ᵀ X B dK − dKᵀ R K − Kᵀ R dK = 0 " in derived
    assert "[cancel: by the identity] ✓" in derived
    assert "vjp in A   X (A − B K) stein(A − B K, G + Gᵀ)" in derived


def test_an_optimal_value_moves_as_its_objective_does_at_the_optimum() -> None:
    best = gw.define("best", ["P @ x + q = zeros(n)", "v = x @ P @ x / 2 + q @ x"], unknown="x: n, v: ",
                     given="P: n n spd, q: n")  # fmt: skip
    value = best(gw.parse("P", P="n n spd"), gw.vector("q", "n")).v
    assert str(gw.derive(value, wrt="q").gradient) == "best(P, q).x"
    assert str(gw.derive(value, wrt="P").gradient) == "½ x xᵀ, where x = best(P, q).x"
    assert gw.derive(value, wrt="P").verify().right


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "output", "shown"),
    [
        ("inverse of a square", "", "−sylvester(f(A), f(A), f(A)² dA f(A)²)"),
        ("discrete regulator with cross terms", ".X", "stein(Aᵀ − Kᵀ Bᵀ, "),
        ("Kalman by its innovations", ".P", "stein(F − F K H, "),
        ("inverse cube root", "", "−solve(H: H f(A)² + f(A) H f(A) + f(A)² H = f(A)³ dA A⁻¹)"),
    ],
)
def test_what_surrounds_the_unknown_is_cancelled_by_the_identity(name: str, output: str, shown: str) -> None:
    case = CASES[name]
    defined(case)
    given = dict(part.strip().split(": ") for part in case.given.split(","))
    D = gw.derive(gw.parse(f"f({', '.join(given)}){output}", **given), wrt=next(iter(given)))
    assert shown in str(D.differential)


def test_what_equals_the_identity_matrix_is_not_inverted() -> None:
    covariance = defined(CASES["covariance"])
    assert str(gw.derive(covariance(gw.parse("S", S="n n spd"))).differential) == "dS"


@pytest.mark.slow
def test_a_rotation_as_an_optimum_is_told_by_a_linear_matrix_equation() -> None:
    nearest = gw.optimum("rotated", "norm(A @ Q - B)**2", over="Q: n n orthogonal", given="A: m n, B: m n",
                         forward=lambda A, B: nearest_orthogonal(A.T @ B))  # fmt: skip
    assert not solved(nearest.primitive).general
    derived = gw.derive(nearest(gw.matrix("A", "m", "n"), gw.matrix("B", "m", "n")), wrt="B")
    assert derived.verify().right


@pytest.mark.parametrize("unit", ["norm(v) = 1", "norm(v)**2 = 1", "sqrt(dot(v, v)) = 1"])
def test_a_length_that_an_equation_states_is_divided_by_nowhere(unit: str) -> None:
    gw.define("leading", ["S @ v = w * v", unit], unknown="v: n, w: ", given="S: n n symmetric",
              forward=lambda S: tuple(part[..., -1] for part in spectral(S)))  # fmt: skip
    derived = gw.derive(gw.parse("leading(S).w", S="n n symmetric"), wrt="S")
    assert str(derived.gradient) == "v vᵀ, where v = leading(S).v"
    assert all(step.check.passed for step in derived.steps)


def test_an_entry_of_an_eigenvector_fixes_its_length_however_large_the_others_are() -> None:
    """At one of the points that are tried the last entry of the unit vector is 10⁻⁵."""

    def scaled(A: Array) -> tuple[Array, Array]:
        v, w = (part[..., -1] for part in spectral(A))
        return v / v[-1], w

    gw.define("scaled", ["A @ v = w * v", "v[-1] = 1"], unknown="v: n, w: ", given="A: n n symmetric",
              forward=scaled)  # fmt: skip
    derived = gw.derive(gw.parse("scaled(A).v", A="n n symmetric"))
    assert str(derived.differential).startswith("−([A − w I, −v; e_(n−1)ᵀ, 0]⁻¹)[:n, :n] dA v, where")
    assert derived.verify().right


def test_an_equation_in_numbers_that_is_too_many_is_added_to_another() -> None:
    """Kemeny and Snell 1960: `(P − I + 1 1ᵀ)⁻¹` is the fundamental matrix of a Markov chain, up to its sign."""
    gw.define("stationary", ["W.T @ (p / sum(W, axis=1)) = p", "sum(p) = 1"], unknown="p: n positive",
              given="W: n n positive")  # fmt: skip
    text = str(gw.derive(gw.parse("stationary(W)", W="n n positive"), wrt="W"))
    assert "dp = (Wᵀ diag(1 / r) − I + 1 1ᵀ)⁻¹ (" in text
    assert "✗" not in text


def test_the_scalings_of_sinkhorn_have_one_regular_system() -> None:
    derived = gw.derive(gw.parse("sinkhorn(K, a, b).v", K="n m positive", a="n positive", b="m positive"), wrt="K")
    assert {"join", "isolate"} <= {step.rule for step in derived.steps}
    assert all(step.check.passed for step in derived.steps)


def test_more_equations_than_unknowns_are_told_as_normal_equations() -> None:
    """Ones are a value of `I − u uᵀ / ‖u‖²` where they are orthogonal to u: added to it, they leave it singular."""
    u = "(a - mean(a))"
    projected = [f"{x} - {u}*dot({u}, {x})/norm({u})**2" for x in "xy"]
    gw.define("lifted", [" = ".join(projected), "dot(w, x) = c"], unknown="x: n", given="y: n, a: n, w: n, c: ")
    text = str(gw.derive(gw.parse("lifted(y, a, w, c)", y="n", a="n", w="n", c=""), wrt="y"))
    assert "[I − r rᵀ / ‖r‖²; wᵀ] dx = [" in text and "(I − r rᵀ / ‖r‖² + w wᵀ) dx = " in text
    assert "✗" not in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("discounted Lyapunov", "(A − ½ r I) dY + dY (A − ½ r I)ᵀ = "),
        ("its trace in Lyapunov", "dY = −lyapunov(A, dA Y + Y dAᵀ) − tr(dY) lyapunov(A, C)   [border: "),
        ("triangular congruence", "dY = −Y chol(A) Φ(P dA Pᵀ) P   where P = chol(A)⁻¹"),
        ("triangle beside an indefinite matrix", "Needs: every leading minor of S is invertible"),
        ("complete square of a triangle", "dL = (L + I) Φ((L + I)⁻¹ dA (L + I)⁻ᵀ)"),
        ("its norm", "tr(Yᵀ dY) = tr(Yᵀ dA) / (2 ‖Y‖)  "),
        ("its complex norm", "Re(tr(Yᴴ dY)) = ½ Re(tr(Yᴴ dA) / ‖Y‖)  "),
        ("its rows", "sum(dY ∘ P, axis=1) = sum(dA ∘ F ∘ P, axis=1) / (1 − sum(E ∘ F, axis=1))"),
        ("generalised Sylvester with inverses", "dY = −sylvester(C⁻¹ A, D B⁻¹, C⁻¹ dA Y)"),
        ("descriptor Lyapunov", "vjp in A   −E⁻ᴴ lyapunov(Aᴴ E⁻ᴴ, G + Gᴴ) f(A, E, Q)"),
        ("descriptor Stein", "dY = stein(E⁻¹ A, E⁻¹ (dA Y Aᵀ + A Y dAᵀ) E⁻ᵀ)"),
        ("two axes of a tensor", "[isolate: multiply by the inverses along its axes]"),
        ("correlation matrix next to another", "dX = off(dZ)"),
        ("Karcher mean", "P = log[Y A⁻¹, Y A⁻¹](solve(H: C⁻¹ log[Y C⁻¹, Y C⁻¹](H) + "),
        ("its conjugate", "[divide: divide entry by entry, with the conjugate equation]"),
        ("a constrained rotation", "dX = X (Ω − ½ Xᵀ dS X)"),
        ("a constrained rotation", "so that dL stands alone"),
        (
            "pseudo-inverse of a Laplacian",
            "[join: add the equation between vectors to every row, which makes it regular]",
        ),
        ("pseudo-inverse of a Laplacian", "dY = −(diag(sum(W, axis=1)) − W + 1 1ᵀ)⁻¹ (diag(sum(dW, axis=1)) − dW) Y"),
        ("sums of rows and columns", "dv = (n I − n 1 1ᵀ / m + 1 e_0ᵀ)⁻¹ ("),
    ],
)
def test_numbers_of_an_unknown_and_factors_around_it_are_told(name: str, shown: str) -> None:
    function = defined(CASES[name])
    given = dict(part.strip().split(":") for part in CASES[name].given.split(","))
    found = function(*(gw.parse(key, **{key: facts.strip()}) for key, facts in given.items()))
    text = str(gw.derive(found.X if "X" in CASES[name].unknown else found, wrt=next(iter(given))))
    assert shown in text and "✗" not in text


def test_the_sign_is_differentiated_where_it_is_not_constant() -> None:
    sign = gw.define("sign_of", ["S @ S = eye(n)", "A @ S = S @ A"], unknown="S: n n", given="A: n n",
                     forward=scipy.linalg.signm)  # fmt: skip
    derived = gw.derive(sign(gw.matrix("A", "n", "n")), wrt="A")
    assert "dS = sylvester(S A, S A, dA − S dA S)" in str(derived)
    assert all(step.check.passed for step in derived.steps)
    A = np.array([[2.0, 0.5, 0.3], [0.1, -3.0, 0.2], [0.4, -0.6, 1.0]])
    G, move, h = np.arange(9.0).reshape(3, 3) - 2, np.cos(np.arange(9.0)).reshape(3, 3), 1e-5
    slope = (scipy.linalg.signm(A + h * move) - scipy.linalg.signm(A - h * move)) / (2 * h)
    assert np.isclose(np.sum(derived.vjp.evaluate(A=A, G=G) * move), np.sum(G * slope), atol=1e-7)


@pytest.mark.slow
def test_some_eigenvectors_are_told_by_a_bordered_system_for_what_is_orthogonal_to_them() -> None:
    case = CASES["leading eigenvectors"]
    gw.define("lead", case.identity, unknown=case.unknown, given=case.given, forward=case.forward)
    derived = gw.derive(gw.parse("lead(A).V", A="n n symmetric"), wrt="A")
    assert "K_V = solve(H: A H − H L + V H1 = −dA V, Vᵀ H = 0)" in str(derived)
    assert (
        str(gw.derive(gw.parse("lead(A).L", A="n n symmetric"), wrt="A").vjp)
        == "V diag(diagonal(G)) Vᵀ, where V = lead(A).V"
    )
    assert all(step.check.passed for step in derived.steps)


@pytest.mark.slow
def test_a_vector_that_is_divided_by_positive_numbers_is_eliminated_before_the_multipliers() -> None:
    given = {"mu": "positive", "A": "m n", "b": "m", "c": "n"}
    barrier = gw.optimum("barrier", "c @ x - mu * sum(log(x))", over="x: n positive", given=given,
                         subject_to=["A @ x = A @ ones(n) + b / 100"])  # fmt: skip
    derived = gw.derive(barrier(*(gw.parse(name, **{name: facts}) for name, facts in given.items())).x, wrt="b")
    assert "(A diag(x∘²) Aᵀ)⁻¹" in str(derived) and "[" not in str(derived.steps[-1].statement)
    assert derived.verify().right
    shares = gw.optimum("shares", "sum(x * log(x)) - c @ x", over="x: n positive", given="c: n",
                        subject_to=["sum(x) = 1"])  # fmt: skip
    assert "dx = x ∘ (dc − (xᵀ dc) 1)" in str(gw.derive(shares(gw.vector("c", "n")).x, wrt="c"))


@pytest.mark.slow
def test_where_equations_leave_directions_free_normal_equations_are_refused() -> None:
    pair = gw.define("pair", ["A @ v = r * v", "A.T @ u = r * u", "dot(u, v) = 1", "dot(v, v) = 1"],
                     unknown="v: n, u: n, r: ", given="A: n n",
                     forward=lambda A: (np.eye(len(A))[0], np.eye(len(A))[0], A[0, 0])
                     if np.all(A == np.diag(np.diag(A))) else _dominant(A))  # fmt: skip
    slope = gw.derive(pair(gw.matrix("A", "n", "n")).v, wrt="A").vjp
    assert np.all(np.isfinite(slope.evaluate(A=np.diag([1.0, 2.0, 3.0]), G=np.ones(3))))
    with pytest.raises(gw.ConditionError, match="invertible"):
        slope.evaluate(A=np.diag([1.0, 1.0, 3.0]), G=np.ones(3))


def _dominant(A: Array) -> tuple[Array, Array, Array]:
    values, left, right = scipy.linalg.eig(A, left=True, right=True)
    place = np.argmin(np.abs(values.imag) - 1e-3 * np.abs(values.real))
    v, u = np.real(right[:, place]), np.real(left[:, place])
    return v, u / (u @ v), np.real(values[place])


def test_an_equation_is_told_once_and_a_frame_only_where_it_is_used() -> None:
    chain = gw.define("chain", ["u = A @ x", "v = tanh(u)"], unknown="u: n, v: n", given="A: n n, x: n")
    found = chain(gw.matrix("A", "n", "n"), gw.vector("x", "n"))
    assert str(gw.derive(found.u, wrt="x")).count("du = A dx") == 1
    assert "[substitute: put in what is known]" in str(gw.derive(found.v, wrt="x"))
    part = gw.define("part", ["Q.T @ M = M.T @ Q", "M = W @ A"], unknown="Q: n n orthogonal, M: n n",
                     given="W: n n, A: n n", start=lambda W, A: (nearest_orthogonal(W @ A), W @ A))  # fmt: skip
    found = part(gw.matrix("W", "n", "n"), gw.matrix("A", "n", "n"))
    assert "Ω" in str(gw.derive(found.Q, wrt="A")) and "Ω" not in str(gw.derive(found.M, wrt="A"))


@pytest.mark.parametrize(
    ("name", "output", "shown"),
    [
        ("one eigenpair", "w", "v vᵀ, where v = f(A).v"),
        ("singular triplet", "s", "u vᵀ, where u = f(A).u, v = f(A).v"),
        ("eigenvalue with both vectors", "r", "u vᵀ, where u = f(A).u, v = f(A).v"),
    ],
)  # fmt: skip
def test_eigenvalues_are_told_by_the_vectors_that_annihilate_their_equations(
    name: str, output: str, shown: str
) -> None:
    case = CASES[name]
    derived = gw.derive(getattr(defined(case)(gw.parse("A", A=case.given[3:])), output), wrt="A")
    assert str(derived.gradient) == shown
    assert "multiply by vectors" in {step.rule for step in derived.steps if step.check.passed}


@pytest.mark.slow
def test_what_an_equation_states_a_sum_to_be_is_put_in() -> None:
    case = CASES["generalised singular values"]
    values = defined(case)(gw.matrix("A", "n", "n"), gw.matrix("B", "n", "n"))
    assert "dc = (1 − c∘²) ∘ diagonal(Uᵀ dA X)" in str(gw.derive(values.c, wrt="A"))
    assert "vjp in A   −U diag(s ∘ c ∘ G) Xᵀ" in str(gw.derive(values.s, wrt="A"))


@pytest.mark.slow
def test_a_number_between_two_vectors_has_its_place_in_a_system_of_blocks() -> None:
    pair = gw.define("pair", ["A @ v = r * v", "sum(v) = 1", "A.T @ u = r * u", "dot(u, v) = 1"],
                     unknown="v: n positive, r: positive, u: n positive", given="A: n n positive",
                     start=lambda A: (np.ones(len(A)) / len(A), A.sum() / len(A), np.ones(len(A))))  # fmt: skip
    text = str(gw.derive(pair(gw.parse("A", A="n n positive")).v, wrt="A"))
    assert "[A − r I, −v, 0; 1ᵀ, 0, 0; 0, −u, (A − r I)ᵀ; uᵀ, 0, vᵀ] [dv; dr; du] = [−dA v; 0; −dAᵀ u; 0]" in text


def test_an_unknown_that_is_positive_for_stable_matrices_is_found_there() -> None:
    gw.define("gramian", "A @ P + P @ A.T + B @ B.T = zeros(n, n)", unknown="P: n n spd", given="A: n n, B: n n")
    derived = gw.derive(gw.parse("logdet(gramian(A, B))", A="n n", B="n n"), wrt="A")
    assert str(derived.gradient) == "−2 lyapunov(Aᵀ, gramian(A, B)⁻¹) gramian(A, B)"
    assert derived.verify().right


def test_entries_that_meet_their_conjugates_are_solved_for_with_the_adjoint_equation() -> None:
    case = CASES["Takagi"]
    factors = gw.define("takagi", case.identity, unknown=case.unknown, given=case.given, forward=case.forward)
    found = factors(gw.parse("A", A="n n symmetric complex"))
    assert str(gw.derive(found.s, wrt="A").vjp) == "U diag(G) Uᵀ, where U = takagi(A).U"
    text = str(gw.derive(found.U))
    assert "Ω = off((Uᴴ dA U* diag(s) + diag(s) Uᵀ dA* U) ∘ F) + ¼ diag(diagonal(Uᴴ dA U* − Uᵀ dA* U) / s)" in text
    assert "✗" not in text


def test_an_unknown_may_stand_between_wide_or_tall_matrices() -> None:
    given = {name: "m n" for name in "ABCDE"}
    gw.define("between", "A @ Y @ B + C @ Y @ D = E", unknown="Y: n m", given=given)
    derived = gw.derive(gw.parse("between(A, B, C, D, E)", **given), wrt="A")
    assert str(derived.jvp) == "−solve(H: A H B + C H D = dA between(A, B, C, D, E) B)"
    assert derived.verify().right


def test_two_numbers_are_solved_for_by_cramer_s_rule() -> None:
    pair = gw.define("pair", ["a * u + b * v = c", "2 * u * v = d"], unknown="u: , v: ", given="a: , b: , c: , d: ",
                     start=lambda a, b, c, d: (c / a, d / c))  # fmt: skip
    found = pair(*map(gw.scalar, "abcd"))
    shown = "u dc / (a u − b v), where u = pair(a, b, c, d).u, v = pair(a, b, c, d).v"
    assert str(gw.derive(found.u, wrt="c").jvp) == shown


def test_an_equation_is_solved_by_an_inverse_in_whatever_set_the_unknown_lives() -> None:
    turned = gw.define("turned", "(eye(n) + K) @ U = eye(n) - K", unknown="U: n n orthogonal", given="K: n n skew")
    derived = gw.derive(turned(gw.parse("K", K="n n skew")))
    assert str(derived.differential) == "−turned(K) (I − K)⁻¹ (dK turned(K) + dK)"
    inverse = gw.define("lower_inverse", "L @ X = eye(n)", unknown="L: n n lower", given="X: n n lower")
    assert str(gw.derive(inverse(gw.parse("X", X="n n lower"))).differential) == "−lower_inverse(X) dX lower_inverse(X)"


THIRD = (
    "Y X Y = Y", "entries", "Sylvester for the transpose", "skew Lyapunov", "trace constraint", "transport map",
    "reverse Cholesky", "U D Uᵀ", "Q L", "one eigenpair", "Kepler", "softmax", "programme", "trust region",
)  # fmt: skip


# Third derivatives of large systems of blocks take minutes.
LARGE = ("deflation", "canonical correlation", "eigenvalue with both vectors", "Riccati without inverses of X",
         "eigenvectors on both sides", "singular vectors on both sides", "singular triplet", "leading singular vectors",
         "canonical correlations", "generalised singular values", "correlations and their factor",
         "entropic transport", "lengths in a pencil")  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in THIRD else pytest.mark.full) for n in CASES if n not in LARGE],
)
def test_third_order(name: str) -> None:
    errors = list(errors_of(CASES[name], 3))
    assert max(errors) < 1e-5, errors


@pytest.mark.sampled
@pytest.mark.parametrize("name", CASES)
def test_a_rule_gives_a_closed_form_where_one_is_known(name: str) -> None:
    assert solved(defined(CASES[name]).primitive).general is CASES[name].general


def errors_of(case: Case, order: int) -> list[float]:
    """The errors of the orders at a generic point."""
    primitive = defined(case).primitive
    variables = tuple(symbol_of(declared) for declared in parse_declarations(case.given))
    outputs = [Apply(primitive, (), variables, place) for place in range(len(primitive.outputs))]
    names = sorted({name for node in (*variables, *outputs) for dim in node.shape for name in dim.names})
    sizes = choose_sizes(names, primitive.orders)
    generator = np.random.default_rng(3)
    values = {v: sample(v, sizes, generator, case.side) * case.scale.get(v.name, 1.0) for v in variables}
    return list(residuals(outputs, variables, Point(values, sizes), order))


def defined(case: Case) -> gw.api.definition.DefinedFunction:
    return gw.define("f", case.identity, unknown=case.unknown, given=case.given, forward=case.forward, start=case.start)

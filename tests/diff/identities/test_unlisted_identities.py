"""Identities that nothing in the library mentions: defined, differentiated, and held to differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.linalg
from numerics import Point
from orders import residuals

import gradwright as gw
from gradwright.core.declarations import parse_declarations
from gradwright.core.dims import Dim
from gradwright.core.nodes import Apply
from gradwright.core.points import choose_sizes, sample
from gradwright.core.signature import symbol_of
from gradwright.diff.identities.engine import solved

Array = np.ndarray


@dataclass(frozen=True)
class Case:
    """An identity; `scale` makes inputs smaller where a solution needs them so."""

    identity: str | list[str]
    unknown: str
    given: str
    forward: Callable | str | None = None
    start: Callable | None = None
    scale: Mapping[str, float] = field(default_factory=dict)
    general: bool = False


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


def ql(A: Array) -> tuple[Array, Array]:
    Q, R = np.linalg.qr(A[:, ::-1])
    return Q[:, ::-1], flipped(R)


def lq(A: Array) -> tuple[Array, Array]:
    Q, R = np.linalg.qr(A.T)
    return R.T, Q


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
    "einsum": Case("einsum('ij,jk->ik', A, Y) = B", "Y: n m", "A: n n, B: n m"),
}  # fmt: skip
EQUATIONS = {
    "Sylvester": Case("A @ Y + Y @ B = C", "Y: n m", "A: n n, B: m m, C: n m"),
    "Sylvester for the transpose": Case("A @ Y.T + Y.T @ B = C", "Y: m n", "A: n n, B: m m, C: n m"),
    "generalised Sylvester": Case("A @ Y @ B + C @ Y @ D = E", "Y: n m", "A: n n, B: m m, C: n n, D: m m, E: n m"),
    "three terms": Case("A @ Y + Y @ B + C @ Y @ D = E", "Y: n m", "A: n n, B: m m, C: n n, D: m m, E: n m",
                        scale={"C": 0.2}, general=True),
    "transpose and itself": Case("Y + A @ Y.T @ B = C", "Y: n n", "A: n n, B: n n, C: n n", scale={"A": 0.05},
                                 general=True),
    "generalised Lyapunov": Case("A @ Y @ E.T + E @ Y @ A.T = Q", "Y: n n symmetric",
                                 "A: n n, E: n n, Q: n n symmetric"),
    "skew Lyapunov": Case("A @ Y + Y @ A.T = W", "Y: n n skew", "A: n n, W: n n skew"),
    "discrete Gramian": Case("G - A.T @ G @ A = C.T @ C", "G: n n symmetric", "A: n n, C: m n", scale={"A": 0.2}),
    "coupled Sylvester": Case(["A @ X + Y @ B = C", "D @ X + Y @ E = F"], "X: n m, Y: n m",
                              "A: n n, B: m m, C: n m, D: n n, E: m m, F: n m", scale={"D": 0.2}),
    "trace constraint": Case(["A @ Y + Y @ A.T - c * eye(n) = Q", "trace(Y) = 1"], "Y: n n symmetric, c: ",
                             "A: n n, Q: n n symmetric"),
    "two unknown matrices": Case(["A @ X + Y @ B = C", "X + D @ Y = E"], "X: n n, Y: n n",
                                 "A: n n, B: n n, C: n n, D: n n, E: n n", scale={"D": 0.1}),
    "cube root": Case("Y @ Y @ Y = A", "Y: n n", "A: n n", general=True),
    "solvent": Case("A @ Y @ Y + B @ Y + C = zeros(n, n)", "Y: n n", "A: n n, B: n n, C: n n",
                    start=lambda A, B, C: -np.linalg.solve(B, C), scale={"C": 0.1}),
    "stochastic Riccati": Case("Y + A.T @ inv(Y) @ A = Q", "Y: n n spd", "A: n n, Q: n n spd",
                               start=lambda A, Q: Q, scale={"A": 0.2}),
    "nonsymmetric Riccati": Case("A @ Y + Y @ B + Y @ C @ Y + D = zeros(n, m)", "Y: n m",
                                 "A: n n, B: m m, C: m n, D: n m", start=lambda A, B, C, D: np.zeros_like(D),
                                 scale={"C": 0.1, "D": 0.5}),
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
                                  lambda A, B: np.linalg.cholesky(B) @ np.linalg.inv(np.linalg.cholesky(A)),
                                  general=True),
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
    "Takagi": Case("U @ diag(s) @ U.T = A", "U: n n unitary complex, s: n positive", "A: n n symmetric complex", takagi,
                   general=True),
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
                              "u: n positive, v: n positive", "K: n n positive", general=True),
    "a complex phase": Case(["z = r * u", "u * conj(u) = 1"], "r: , u: complex", "z: complex", general=True),
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
                       start=lambda C, a, b: (np.zeros(len(a)), np.zeros(len(b))), general=True),
    "deflation": Case(["A @ v = w * v", "dot(v, v) = 1", "B = A - w * outer(v, v)"], "v: n, w: , B: n n symmetric",
                      "A: n n symmetric", deflated),
    "balance": Case("diag(y) @ A @ y = ones(n)", "y: n positive", "A: n n spd", start=lambda A: np.ones(len(A))),
}  # fmt: skip
CASES = {**ISOLATED, **EQUATIONS, **FACTORS, **IMPLICIT}


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


def test_the_gain_of_a_regulator_is_told_by_one_lyapunov_equation() -> None:
    case = CASES["regulator"]
    gw.define("lqr", case.identity, unknown=case.unknown, given=case.given, forward=case.forward)
    shapes = {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}
    derived = gw.derive(gw.parse("lqr(A, B, Q, R).K", **shapes), wrt="A")
    assert "dK = −R⁻¹ Bᵀ lyapunov(Aᵀ − Kᵀ Bᵀ, dAᵀ P + P dA)" in str(derived)
    assert all(step.check.passed for step in derived.steps)


def test_a_riccati_equation_with_a_cross_term_is_told_by_lyapunov_equations() -> None:
    given = {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd", "S": "n m"}
    gw.define("crossed", "A.T @ X + X @ A - (X @ B + S) @ inv(R) @ (B.T @ X + S.T) + Q = zeros(n, n)",
              unknown="X: n n symmetric", given=given,
              forward=lambda A, B, Q, R, S: scipy.linalg.solve_continuous_are(A, B, Q, R, s=S))  # fmt: skip
    derived = gw.derive(gw.parse("crossed(A, B, Q, R, S)", **given), wrt="R")
    assert "−½ R⁻¹ P lyapunov(A − B R⁻¹ P, G + Gᵀ) Pᵀ R⁻¹" in str(derived)
    assert all(step.check.passed for step in derived.steps)


def test_an_unknown_that_an_equation_states_in_terms_of_others_has_that_value_at_a_generic_point() -> None:
    """Few moments b are those of a distribution over the columns of A, so that random ones have no solution."""
    given = {"A": "m n", "b": "m"}
    gw.define("weights_of", ["p = softmax(A.T @ l)", "A @ p = b"], unknown="p: n positive, l: m", given=given)
    derived = gw.derive(gw.parse("weights_of(A, b).l", **given), wrt="b")
    assert "dl = (A diag(p) Aᵀ − b bᵀ)⁻¹ db" in str(derived)
    assert all(step.check.passed for step in derived.steps)


def test_more_equations_than_unknowns_are_told_as_normal_equations() -> None:
    gw.define("stationary", ["W.T @ (p / sum(W, axis=1)) = p", "sum(p) = 1"], unknown="p: n positive",
              given="W: n n positive")  # fmt: skip
    text = str(gw.derive(gw.parse("stationary(W)", W="n n positive"), wrt="W"))
    assert "[Wᵀ diag(1 / r) − I; 1ᵀ] dp = [" in text and "(Pᵀ P + 1 1ᵀ) dp = Pᵀ (" in text
    assert "✗" not in text


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


def test_two_numbers_are_solved_for_by_cramer_s_rule() -> None:
    pair = gw.define("pair", ["a * u + b * v = c", "2 * u * v = d"], unknown="u: , v: ", given="a: , b: , c: , d: ",
                     start=lambda a, b, c, d: (c / a, d / c))  # fmt: skip
    found = pair(*map(gw.scalar, "abcd"))
    assert (
        str(gw.derive(found.u, wrt="c").jvp) == "pair(a, b, c, d).u dc / (a pair(a, b, c, d).u − b pair(a, b, c, d).v)"
    )


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
LARGE = ("deflation", "canonical correlation", "eigenvalue with both vectors")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in THIRD else pytest.mark.full) for n in CASES if n not in LARGE],
)
def test_third_order(name: str) -> None:
    errors = list(errors_of(CASES[name], 3))
    assert max(errors) < 1e-5, errors


@pytest.mark.parametrize("name", CASES)
def test_a_rule_gives_a_closed_form_where_one_is_known(name: str) -> None:
    assert solved(defined(CASES[name]).primitive).general is CASES[name].general


def errors_of(case: Case, order: int) -> list[float]:
    """The errors of the orders at a generic point."""
    primitive = defined(case).primitive
    variables = tuple(symbol_of(declared) for declared in parse_declarations(case.given))
    outputs = [Apply(primitive, (), variables, place) for place in range(len(primitive.outputs))]
    names = sorted({name for node in (*variables, *outputs) for dim in node.shape for name in dim.names})
    orders = [(Dim.of(a), Dim.of(b)) for a, b in primitive.size_orders]
    orders += [
        (o.shape[0], o.shape[1]) for o, d in zip(outputs, primitive.outputs, strict=True) if "stiefel" in d.facts
    ]
    sizes = choose_sizes(names, orders)
    generator = np.random.default_rng(3)
    values = {v: sample(v, sizes, generator) * case.scale.get(v.name, 1.0) for v in variables}
    return list(residuals(outputs, variables, Point(values, sizes), order))


def defined(case: Case) -> gw.api.definition.DefinedFunction:
    return gw.define("f", case.identity, unknown=case.unknown, given=case.given, forward=case.forward, start=case.start)

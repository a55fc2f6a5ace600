"""Every shipped factorisation, matrix function, equation and programme, to third order in every input.

Where a factor is free up to signs or phases, an expression that is not is differentiated.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numerics import Point
from orders import residuals

import gradwright as gw
from gradwright.core.dims import Dim
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, sample

SQUARE = {"A": "n n"}
SPD = {"A": "n n spd"}
TALL = {"A": "n m"}
COMPLEX = {"A": "n n complex"}
HERMITIAN = {"A": "n n complex hermitian"}
EXPRESSIONS: dict[str, tuple[str, Mapping[str, str]]] = {
    "inv": ("inv(A)", SQUARE),
    "inv complex": ("inv(A)", COMPLEX),
    "solve": ("solve(A, B)", {"A": "n n", "B": "n m"}),
    "solve vector complex": ("solve(A, b)", {"A": "n n complex", "b": "n complex"}),
    "solve_triangular": ("solve_triangular(L, B)", {"L": "n n lower", "B": "n m"}),
    "cholesky_solve": ("cholesky_solve(B, L)", {"B": "n m", "L": "n n lower"}),
    "lstsq tall": ("lstsq(A, B)", {"A": "n m", "B": "n k"}),
    "lstsq wide": ("lstsq(A, b)", {"A": "m n", "b": "m"}),
    "pinv tall": ("pinv(A)", TALL),
    "pinv wide": ("pinv(A)", {"A": "m n"}),
    "pinv complex": ("pinv(A)", {"A": "n m complex"}),
    "cholesky": ("cholesky(A)", SPD),
    "cholesky complex": ("cholesky(A)", {"A": "n n complex spd"}),
    "lu": ("lu(A).L + lu(A).U", SQUARE),
    "lu complex": ("lu(A).L + 2 * lu(A).U", COMPLEX),
    "ldl": ("ldl(A).L + ldl(A).D", SPD),
    "ldl complex": ("ldl(A).L @ ldl(A).D", {"A": "n n complex spd"}),
    "qr tall": ("qr(A).Q @ B @ qr(A).R", {"A": "n m", "B": "m m"}),
    "qr square": ("qr(A).Q * C + qr(A).R", {"A": "n n", "C": "n n"}),
    "qr complex": ("qr(A).Q * qr(A).R", COMPLEX),
    "eigh vectors": ("eigh(A).eigenvectors @ diag(c) @ eigh(A).eigenvectors.T", {"A": "n n symmetric", "c": "n"}),
    "eigh complex": ("eigh(A).eigenvectors @ diag(c) @ eigh(A).eigenvectors.H", {**HERMITIAN, "c": "n"}),
    "eigvalsh": ("eigvalsh(A)", {"A": "n n symmetric"}),
    "eigvalsh complex": ("eigvalsh(A)", HERMITIAN),
    "generalised eigh": ("dot(c, eigh(A, B).eigenvalues) * eigh(A, B).eigenvectors @ diag(c) @ "
                         "eigh(A, B).eigenvectors.T", {"A": "n n symmetric", "B": "n n spd", "c": "n"}),
    "eig": ("sum(eig(A).eigenvalues**3)", SQUARE),
    "eig vectors": ("eig(A).eigenvectors @ diag(eig(A).eigenvalues**2) @ eig(A).eigenvectors.H", COMPLEX),
    "svd": ("svd(A).U @ diag(exp(svd(A).S / 3)) @ svd(A).Vh", TALL),
    "svd wide": ("svd(A).U @ diag(exp(svd(A).S / 3)) @ svd(A).Vh", {"A": "m n"}),
    "svd complex": ("svd(A).U @ diag(exp(svd(A).S / 3)) @ svd(A).Vh", {"A": "n m complex"}),
    "svdvals": ("svdvals(A)", TALL),
    "svdvals wide": ("svdvals(A)", {"A": "m n"}),
    "svdvals complex": ("svdvals(A)", {"A": "n m complex"}),
    "polar": ("polar(A).U + 2 * polar(A).U @ polar(A).P", TALL),
    "polar square": ("polar(A).U * polar(A).P", SQUARE),
    "polar complex": ("polar(A).U @ polar(A).P @ polar(A).P", COMPLEX),
    "sqrtm": ("sqrtm(A)", SQUARE),
    "sqrtm spd": ("sqrtm(A)", SPD),
    "sqrtm complex": ("sqrtm(A)", COMPLEX),
    "logm": ("logm(A)", SQUARE),
    "logm spd": ("logm(A)", SPD),
    "matrix_exp": ("matrix_exp(A / 3)", SQUARE),
    "matrix_exp complex": ("matrix_exp(A / 3)", COMPLEX),
    "signm": ("signm(A - 2 * eye(n))", {"A": "n n symmetric"}),
    "sylvester": ("sylvester(A, B, C)", {"A": "n n", "B": "m m", "C": "n m"}),
    "sylvester complex": ("sylvester(A, B, C)", {"A": "n n complex", "B": "m m complex", "C": "n m complex"}),
    "lyapunov": ("lyapunov(A, Q)", {"A": "n n", "Q": "n n"}),
    "lyapunov symmetric": ("lyapunov(A, Q)", {"A": "n n", "Q": "n n symmetric"}),
    "lyapunov complex": ("lyapunov(A, Q)", {"A": "n n complex", "Q": "n n complex"}),
    "stein": ("stein(A / 5, Q)", {"A": "n n", "Q": "n n"}),
    "stein complex": ("stein(A / 5, Q)", {"A": "n n complex", "Q": "n n complex"}),
    "care": ("care(A, B, Q, R)", {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}),
    "dare": ("dare(A / 3, B, Q, R)", {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}),
    "qp": ("qp(P, q, A, b).x", {"P": "n n spd", "q": "n", "A": "m n", "b": "m"}),
    "qp multipliers": ("qp(P, q, A, b).l", {"P": "n n spd", "q": "n", "A": "m n", "b": "m"}),
    "sinkhorn": ("diag(sinkhorn(K, a, b).u) @ K @ diag(sinkhorn(K, a, b).v)",
                 {"K": "n m positive", "a": "n positive", "b": "m positive"}),
}  # fmt: skip
QUICK_THIRD = {"inv", "cholesky", "lu", "eigvalsh", "svdvals", "lyapunov symmetric", "sqrtm", "qp", "solve_triangular"}


def errors_of(name: str, order: int) -> list[float]:
    text, declarations = EXPRESSIONS[name]
    expression = gw.parse(text, **declarations)
    variables = tuple(expression.signature.symbol(v) for v in declarations)
    node = expression.node
    sizes = choose_sizes(dimension_names([node, *variables]), [*demanded_orders([node]), *orders(declarations)])
    generator = np.random.default_rng(3)
    point = Point({v: sample(v, sizes, generator) for v in variables}, sizes)
    return list(residuals([node], variables, point, order))


def orders(declarations: Mapping[str, str]) -> list[tuple[Dim, Dim]]:
    """N is the larger dimension."""
    names = {name for words in declarations.values() for name in words.split()}
    return [(Dim.of("n"), Dim.of(other)) for other in ("m", "k") if other in names]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_first_and_second_order(name: str) -> None:
    errors = errors_of(name, 2)
    assert max(errors) < 1e-5, errors


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in QUICK_THIRD else pytest.mark.full) for n in EXPRESSIONS]
)
def test_third_order(name: str) -> None:
    errors = errors_of(name, 3)
    assert max(errors) < 1e-4, errors

"""Functions that have exact values modulo a prime, where they are more than what their records define.

Rational functions and triangular factors are computed by elimination; odd functions are opaque but odd.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.modular_numbers import Number, each, objects, shaped
from gradwright.core.nodes import Parameter
from gradwright.core.primitive import Primitive

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def _power(field: ModularArithmetic, parameters: tuple[Parameter, ...], x: Array) -> Array:
    exponent = parameters[0]
    assert isinstance(exponent, Fraction)
    return field.power(x, exponent)


def _sign(field: ModularArithmetic, parameters: tuple[Parameter, ...], x: Array) -> Array:
    return each(lambda v: 0 if not v else (1 if field.is_square(v) else field.prime - 1), x)


def _inverse(field: ModularArithmetic, parameters: tuple[Parameter, ...], X: Array) -> Array:
    n = X.shape[-1]
    unit = np.eye(n, dtype=int).astype(object)
    flat = X.reshape(-1, n, n)
    return shaped([x for part in flat for x in field.solve(part, unit).ravel()], X.shape)


def _determinant(field: ModularArithmetic, parameters: tuple[Parameter, ...], X: Array) -> Array:
    n = X.shape[-1]
    flat = X.reshape(-1, n, n)
    return shaped([_cofactor_expansion(part) % field.prime for part in flat], X.shape[:-2])


def _cofactor_expansion(X: Array) -> Any:
    if len(X) == 1:
        return X[0, 0]
    rest = X[1:]
    total: Any = 0
    for column in range(len(X)):
        minor = np.delete(rest, column, axis=1)
        total = total + (-1) ** column * X[0, column] * _cofactor_expansion(minor)
    return total


def _solve(field: ModularArithmetic, parameters: tuple[Parameter, ...], A: Array, B: Array) -> Array:
    return field.solve(A, B.reshape(len(A), -1)).reshape(B.shape)


def _solve_lower(field: ModularArithmetic, parameters: tuple[Parameter, ...], L: Array, B: Array) -> Array:
    return _solve(field, parameters, np.tril(L), B)


def _solve_cholesky(field: ModularArithmetic, parameters: tuple[Parameter, ...], B: Array, L: Array) -> Array:
    lower = np.tril(L)
    product = (lower @ field.conjugate(lower).T) % field.prime
    return _solve(field, parameters, product, B)


def _lu(field: ModularArithmetic, A: Array) -> tuple[Array, Array]:
    """Elimination without pivoting; a zero pivot is another point's business."""
    n = len(A)
    lower, upper = np.eye(n, dtype=int).astype(object), A.copy()
    for k in range(n - 1):
        scale = field.inverse(upper[k, k])
        for row in range(k + 1, n):
            lower[row, k] = upper[row, k] * scale % field.prime
            upper[row] = (upper[row] - upper[k] * lower[row, k]) % field.prime
            upper[row, k] = 0
    return lower, upper


def _ldl(field: ModularArithmetic, A: Array) -> tuple[Array, Array]:
    lower, upper = _lu(field, A)
    pivots = field.real(np.diagonal(upper))
    return lower, objects(np.diag(pivots))


def _cholesky(field: ModularArithmetic, A: Array) -> tuple[Array]:
    """The pivots have to be squares; their roots are squares too, and so unique."""
    lower, pivots = _ldl(field, A)
    roots = [field.raised(pivot, Fraction(1, 2)) for pivot in np.diagonal(pivots)]
    return (objects(lower * objects(roots) % field.prime),)


def _qr(field: ModularArithmetic, A: Array) -> tuple[Array, Array]:
    """R is the Cholesky factor of `Aᴴ A`."""
    adjoint = field.conjugate(A).T
    (lower,) = _cholesky(field, objects(adjoint @ A % field.prime))
    return field.conjugate(field.solve(lower, adjoint)).T, field.conjugate(lower).T


def _real(field: ModularArithmetic, parameters: tuple[Parameter, ...], x: Array) -> Array:
    return field.real(x)


def _pinv(field: ModularArithmetic, parameters: tuple[Parameter, ...], X: Array) -> Array:
    """Full rank: `(Xᴴ X)⁻¹ Xᴴ` for a tall matrix, and its adjoint for a wide one."""
    if X.shape[0] < X.shape[1]:
        tall = field.conjugate(X).T
        return field.conjugate(_pinv(field, parameters, tall)).T
    adjoint = field.conjugate(X).T
    return field.solve((adjoint @ X) % field.prime, adjoint)


def _odd(name: str) -> Callable[..., Array]:
    def apply(field: ModularArithmetic, parameters: tuple[Parameter, ...], x: Array) -> Array:
        return each(lambda v: field.odd(name, v) if v else 0, x)

    return apply


def _circular(sine: bool) -> Callable[..., Array]:
    """Sine and cosine by the tangent t of half the angle, so that their squares add up to 1."""

    def entry(field: ModularArithmetic, v: Number) -> Number:
        t = field.odd("half tangent", v) if v else 0
        assert isinstance(t, int)
        scale = field.inverse(1 + t * t)
        return (2 * t if sine else 1 - t * t) * scale % field.prime

    def apply(field: ModularArithmetic, parameters: tuple[Parameter, ...], x: Array) -> Array:
        return each(lambda v: entry(field, v), x)

    return apply


def is_opaque(primitive: Primitive) -> bool:
    """Whether little more is used of a function than that it is one; its other properties prove nothing here."""
    if primitive.origin or primitive.name not in (*EXACT, *FACTORS, "exp"):
        return not primitive.definition
    return primitive.name in ("sin", "cos", "arctan", "erf")


FACTORS: dict[str, Callable[..., tuple[Array, ...]]] = {"cholesky": _cholesky, "lu": _lu, "ldl": _ldl, "qr": _qr}
EXACT: dict[str, Callable[..., Array]] = {
    "power": _power,
    "sign": _sign,
    "inv": _inverse,
    "det": _determinant,
    "solve": _solve,
    "solve_triangular": _solve_lower,
    "cholesky_solve": _solve_cholesky,
    "real": _real,
    "pinv": _pinv,
    "sin": _circular(sine=True),
    "cos": _circular(sine=False),
    "arctan": _odd("arctan"),
    "erf": _odd("erf"),
}

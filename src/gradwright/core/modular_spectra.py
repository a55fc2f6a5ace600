"""Eigenvalues modulo a prime, of matrices that have as many of them there as they have rows.

A symmetric matrix has real eigenvalues. So that one has eigenvalues modulo the prime, too, variables are taken as
`Q Λ Qᵀ` and `U Σ Vᵀ` where functions of eigenvalues occur. Of a matrix whose characteristic polynomial does not split
into linear factors nothing is known.

Which eigenvalue is the smallest one has no meaning here: their order is taken at random, and so are signs and phases of
eigenvectors. So what is shown does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.modular_numbers import Complex, Number, PointError, objects, shaped

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic

LARGEST = 16
Polynomial = list[int]
"""Coefficients modulo a prime, the constant one first; the last one is not zero."""


def function_of_matrix(field: ModularArithmetic, X: Array, function: Callable[[int], int]) -> Array | None:
    """`Σ f(λ) P` with the projectors P on the eigenspaces; None if X is not known to be diagonalisable."""
    parts = _spectral_parts(field, X)
    if parts is None:
        return None
    return field.add([objects(shaped([function(value)], ()) * P) for value, P in parts])


def square_root(field: ModularArithmetic, X: Array) -> Array | None:
    """The root whose eigenvalues are squares, if there are eigenvalues, and these are squares."""
    return function_of_matrix(field, X, field.root)


def eigen_system(field: ModularArithmetic, A: Array, name: str = "eigh") -> tuple[Array, Array] | None:
    """Eigenvalues and orthonormal eigenvectors of a Hermitian matrix."""
    parts = _spectral_parts(field, A) if _is_hermitian(field, A) else None
    if parts is None:
        return None
    values: list[int] = []
    columns: list[Array] = []
    projectors = dict(parts)
    for value in in_order(field, projectors, name):
        P = projectors[value]
        directions = list(_orthonormal(field, P, (name, A.tolist(), value)))
        values += [value] * len(directions)
        columns += directions
    return shaped(values, (len(A),)), np.stack(columns, axis=1)


def in_order(field: ModularArithmetic, values: Iterable[int], name: str) -> list[int]:
    """Numbers in an order that a positive factor and a summand do not change, as they do not change which is largest.

    It is another one at every point: of two numbers either may come first.

    Args:
        field: the numbers.
        values: which are put in order; each once.
        name: of what the order is for.

    Raises:
        PointError: if the variance, which is positive, is no square.
    """
    distinct = sorted(set(values))
    mean = sum(distinct) * pow(len(distinct), -1, field.prime)
    variance = sum((value - mean) ** 2 for value in distinct) % field.prime
    scale = pow(field.root(variance), -1, field.prime) if variance else 1
    relative = {value: (value - mean) * scale % field.prime for value in distinct}
    seed = (name, field.seed, sorted(relative.values()))
    return sorted(distinct, key=lambda value: field.random(seed, relative[value]))


def singular_system(field: ModularArithmetic, A: Array) -> tuple[Array, Array, Array] | None:
    """U, S, V with `U diag(S) Vᴴ = A`, thin, S positive."""
    wide = A.shape[0] < A.shape[1]
    B = _adjoint(field, A) if wide else A
    found = eigen_system(field, objects(_adjoint(field, B) @ B % field.prime), "svd")
    if found is None:
        return None
    squares, V = found
    S = field.power(squares, Fraction(1, 2))
    U = objects(B @ V * field.power(S, Fraction(-1)) % field.prime)
    return (V, S, U) if wide else (U, S, V)


def polar_factors(field: ModularArithmetic, A: Array) -> tuple[Array, Array] | None:
    """`A = U P` with the root P of `Aᴴ A`."""
    P = square_root(field, objects(_adjoint(field, A) @ A % field.prime)) if A.shape[0] >= A.shape[1] else None
    if P is None:
        return None
    unit = objects(np.eye(len(P), dtype=int))
    return objects(A @ field.solve(P, unit) % field.prime), P


def _adjoint(field: ModularArithmetic, A: Array) -> Array:
    return field.conjugate(A).T


def _is_hermitian(field: ModularArithmetic, A: Array) -> bool:
    return bool(np.all(_adjoint(field, A) == A))


def _orthonormal(field: ModularArithmetic, P: Array, seed: tuple[object, ...]) -> Iterator[Array]:
    """An orthonormal basis, rotated at random, of the space on which P projects.

    Raises:
        PointError: if a vector has no length modulo the prime.
    """
    rest = P
    while np.any(rest != 0):
        trial = shaped([field.random(seed, rest.tolist(), k) for k in range(len(P))], (len(P),))
        image = objects(rest @ trial % field.prime)
        square: Number = objects(trial @ image % field.prime).item()
        length = _of_modulus(field, square.re) if isinstance(square, Complex) else field.root(square)
        vector = objects(image * field.inverse(length) % field.prime)
        yield vector
        rest = objects((rest - np.multiply.outer(vector, field.conjugate(vector))) % field.prime)


def _of_modulus(field: ModularArithmetic, square: int) -> Complex:
    """A complex number `a + b i` with `a² + b²` given."""
    start = field.random("modulus", square)
    for a in range(start, start + 64):
        rest = (square - a * a) % field.prime
        if field.is_square(rest):
            return Complex(a, field.root(rest), field.prime)
    raise PointError


def _spectral_parts(field: ModularArithmetic, X: Array) -> list[tuple[int, Array]] | None:
    """The distinct eigenvalues with the projectors on their eigenspaces."""
    if len(X) > LARGEST:
        return None
    values = _eigenvalues(field, X)
    if values is None:
        return None
    unit = objects(np.eye(len(X), dtype=int))
    shifted = {value: objects((X - value * unit) % field.prime) for value in values}
    parts: list[tuple[int, Array]] = []
    for value in values:
        projector = unit
        for other in values:
            if other != value:
                projector = objects(projector @ shifted[other] * field.inverse(value - other) % field.prime)
        parts.append((value, projector))
    total = field.add([P for _, P in parts])
    residuals = (shifted[value] @ P % field.prime for value, P in parts)
    is_whole = bool(np.all(total == unit)) and not any(np.any(residual != 0) for residual in residuals)
    return parts if is_whole else None


def _eigenvalues(field: ModularArithmetic, X: Array) -> tuple[int, ...] | None:
    coefficients = _characteristic_polynomial(field, X)
    if any(isinstance(c, Complex) and c.im for c in coefficients):
        return None
    return _roots(tuple(c.re if isinstance(c, Complex) else c for c in coefficients), field.prime)


def _characteristic_polynomial(field: ModularArithmetic, X: Array) -> list[Number]:
    """By the traces of `X (X (X + c₁) + c₂) …` (Faddeev and Leverrier)."""
    unit = objects(np.eye(len(X), dtype=int))
    coefficients: list[Number] = [1]
    product = unit
    for k in range(1, len(X) + 1):
        image = objects(X @ product % field.prime)
        coefficients.append(-np.trace(image) * field.inverse(k) % field.prime)
        product = objects((image + shaped([coefficients[-1]], ()) * unit) % field.prime)
    return coefficients[::-1]


@lru_cache(maxsize=4096)
def _roots(polynomial: tuple[int, ...], prime: int) -> tuple[int, ...] | None:
    """The distinct roots of a polynomial that splits into linear factors; None of another one."""
    whole = list(polynomial)
    x_to_the_prime = _power([0, 1], prime, whole, prime)
    distinct = _common_divisor(whole, _minus(x_to_the_prime, [0, 1], prime), prime)
    roots = tuple(_split(distinct, prime))
    for root in roots:
        while len(whole) > 1 and not _value(whole, root, prime):
            whole = _quotient(whole, [-root % prime, 1], prime)
    return roots if len(whole) == 1 else None


def _split(polynomial: Polynomial, prime: int, shift: int = 1) -> Iterator[int]:
    """The roots of a product of distinct linear factors: half of all numbers, shifted, are squares (Berlekamp 1970)."""
    if len(polynomial) <= 2:
        if len(polynomial) == 2:
            yield -polynomial[0] * pow(polynomial[1], -1, prime) % prime
        return
    symbols = _power([shift, 1], (prime - 1) // 2, polynomial, prime)
    part = _common_divisor(polynomial, _minus(symbols, [1], prime), prime)
    if 1 < len(part) < len(polynomial):
        yield from _split(part, prime, shift + 1)
        yield from _split(_quotient(polynomial, part, prime), prime, shift + 1)
    else:
        yield from _split(polynomial, prime, shift + 1)


def _value(polynomial: Polynomial, x: int, prime: int) -> int:
    found = 0
    for coefficient in reversed(polynomial):
        found = (found * x + coefficient) % prime
    return found


def _trimmed(coefficients: Polynomial) -> Polynomial:
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    return coefficients


def _minus(a: Polynomial, b: Polynomial, prime: int) -> Polynomial:
    length = max(len(a), len(b))
    padded = ([*p, *[0] * (length - len(p))] for p in (a, b))
    return _trimmed([(x - y) % prime for x, y in zip(*padded, strict=True)])


def _divided(a: Polynomial, b: Polynomial, prime: int) -> tuple[Polynomial, Polynomial]:
    """Quotient and remainder."""
    rest, scale = list(a), pow(b[-1], -1, prime)
    quotient = [0] * max(len(a) - len(b) + 1, 0)
    for place in reversed(range(len(quotient))):
        quotient[place] = factor = rest[place + len(b) - 1] * scale % prime
        for k, coefficient in enumerate(b):
            rest[place + k] = (rest[place + k] - factor * coefficient) % prime
    return quotient, _trimmed(rest)


def _quotient(a: Polynomial, b: Polynomial, prime: int) -> Polynomial:
    return _divided(a, b, prime)[0]


def _common_divisor(a: Polynomial, b: Polynomial, prime: int) -> Polynomial:
    while b:
        a, b = b, _divided(a, b, prime)[1]
    return a


def _power(base: Polynomial, exponent: int, modulus: Polynomial, prime: int) -> Polynomial:
    result: Polynomial = [1]
    for bit in bin(exponent)[2:]:
        result = _product(result, result, modulus, prime)
        if bit == "1":
            result = _product(result, base, modulus, prime)
    return result


def _product(a: Polynomial, b: Polynomial, modulus: Polynomial, prime: int) -> Polynomial:
    found = [0] * (len(a) + len(b) - 1) if a and b else []
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            found[i + j] += x * y
    return _divided(_trimmed([x % prime for x in found]), modulus, prime)[1]

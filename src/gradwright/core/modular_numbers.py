"""Numbers modulo a prime: the primes, complex numbers, and arrays of whole numbers of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradwright.core.arithmetic import Array

# A chain of primes, each twice the next plus one (a Cunningham chain of the second kind reversed).
PRIMES = (1960390279070504159, 980195139535252079, 490097569767626039, 245048784883813019)


class PointError(Exception):
    """The point does not serve: a square root of a non-square, or a division by zero."""


class UndecidableError(Exception):
    """The expression has a part that has no value modulo a prime."""


class Complex:
    """A number `a + b i` modulo a prime."""

    __slots__ = ("im", "prime", "re")

    def __init__(self, re: int, im: int, prime: int) -> None:
        self.re, self.im, self.prime = re % prime, im % prime, prime

    def _parts(self, other: Complex | int) -> tuple[int, int]:
        return (other.re, other.im) if isinstance(other, Complex) else (int(other), 0)

    def __add__(self, other: Complex | int) -> Complex:
        re, im = self._parts(other)
        return Complex(self.re + re, self.im + im, self.prime)

    __radd__ = __add__

    def __neg__(self) -> Complex:
        return Complex(-self.re, -self.im, self.prime)

    def __sub__(self, other: Complex | int) -> Complex:
        re, im = self._parts(other)
        return Complex(self.re - re, self.im - im, self.prime)

    def __rsub__(self, other: int) -> Complex:
        return -self + other

    def __mul__(self, other: Complex | int) -> Complex:
        re, im = self._parts(other)
        return Complex(self.re * re - self.im * im, self.re * im + self.im * re, self.prime)

    __rmul__ = __mul__

    def __mod__(self, prime: int) -> Complex:
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Complex | int):
            return NotImplemented
        return self._parts(self) == tuple(part % self.prime for part in self._parts(other))

    def __bool__(self) -> bool:
        return bool(self.re or self.im)

    def __hash__(self) -> int:
        return hash((self.re, self.im))

    def __repr__(self) -> str:
        return f"{self.re}+{self.im}i"

    def inverse(self) -> Complex:
        """The reciprocal."""
        size = (self.re * self.re + self.im * self.im) % self.prime
        if not size:
            raise PointError
        scale = pow(size, -1, self.prime)
        return Complex(self.re * scale, -self.im * scale, self.prime)

    def conjugate(self) -> Complex:
        """`a − b i`."""
        return Complex(self.re, -self.im, self.prime)


Number = int | Complex


def objects(value: Any) -> Array:
    """An array of Python's whole numbers, which have no largest one, or of complex ones."""
    return np.asarray(value, dtype=object)


def each(function: Callable[[Any], Any], value: Array) -> Array:
    """A function of every entry."""
    return shaped([function(x) for x in value.ravel()], value.shape)


def shaped(entries: Sequence[Any], shape: tuple[int, ...]) -> Array:
    """An array of the given entries."""
    result = np.empty(len(entries), dtype=object)
    result[:] = entries
    return result.reshape(shape)

"""Numbers modulo a prime: the primes, complex numbers, and arrays of whole numbers of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm, prod
from typing import Any

import numpy as np

from gradwright.core.arithmetic import Array

LEVELS = 4
SMALL_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
LARGEST_MULTIPLE = 2**80


@lru_cache(maxsize=64)
def chain(multiple: int = 1) -> tuple[int, ...]:
    """Primes, the largest of 61 bits or more, of which each is twice the next plus one.

    They are −1 modulo 8, modulo small primes and modulo a given odd number. So −1 is no square, and 2, the small primes
    and all divisors of the number are squares, by quadratic reciprocity (Gauss 1801, art. 131): they count as positive.
    """
    step = 8 * prod(SMALL_PRIMES) * multiple
    last = 6000 * step - 1
    while not _is_last_of_chain(last):
        last += step
    return tuple(((last + 1) << k) - 1 for k in reversed(range(LEVELS)))


def _is_last_of_chain(last: int) -> bool:
    """Whether a number and its successors 2 p + 1 are primes.

    If p > 3 is one, so is q = 2 p + 1 where 2^(q − 1) = 1 modulo q (Pocklington 1914, with p as the factor of q − 1).
    """
    members = [((last + 1) << k) - 1 for k in range(LEVELS)]
    return all(pow(2, q - 1, q) == 1 for q in members) and _is_prime(last)


def _is_prime(number: int) -> bool:
    """The test of Miller and Rabin, which with these bases is a proof below 3.3 · 10²⁴ (Sorenson and Webster 2017)."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, *SMALL_PRIMES, 41):
        powers = [pow(base, odd * 2**k, number) for k in range(twos)]
        if powers[0] != 1 and number - 1 not in powers:
            return False
    return True


def multiple_for(numbers: Iterable[int]) -> int:
    """An odd multiple of all given numbers but for their small prime factors; 1 if it would be too large."""
    multiple = lcm(*(abs(number) or 1 for number in numbers))
    for prime in (2, *SMALL_PRIMES):
        while multiple % prime == 0:
            multiple //= prime
    return multiple if multiple <= LARGEST_MULTIPLE else 1


class PointError(Exception):
    """The point does not serve: a square root of a non-square, or a division by zero."""


class UndecidableError(Exception):
    """The expression has a part that has no value modulo a prime."""


class Complex:
    """A number `a + b i` modulo a prime."""

    __slots__ = ("im", "prime", "re")

    def __init__(self, re: int, im: int, prime: int) -> None:
        self.re, self.im, self.prime = re % prime, im % prime, prime

    def _re_and_im(self, other: Complex | int) -> tuple[int, int]:
        return (other.re, other.im) if isinstance(other, Complex) else (int(other), 0)

    def __add__(self, other: Complex | int) -> Complex:
        re, im = self._re_and_im(other)
        return Complex(self.re + re, self.im + im, self.prime)

    __radd__ = __add__

    def __neg__(self) -> Complex:
        return Complex(-self.re, -self.im, self.prime)

    def __sub__(self, other: Complex | int) -> Complex:
        re, im = self._re_and_im(other)
        return Complex(self.re - re, self.im - im, self.prime)

    def __rsub__(self, other: int) -> Complex:
        return -self + other

    def __mul__(self, other: Complex | int) -> Complex:
        re, im = self._re_and_im(other)
        return Complex(self.re * re - self.im * im, self.re * im + self.im * re, self.prime)

    __rmul__ = __mul__

    def __mod__(self, prime: int) -> Complex:
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Complex | int):
            return NotImplemented
        return self._re_and_im(self) == tuple(part % self.prime for part in self._re_and_im(other))

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

    def power(self, exponent: int) -> Complex:
        """The power, not a negative one."""
        result = Complex(1, 0, self.prime)
        for bit in bin(exponent)[2:]:
            result = result * result * (self if bit == "1" else 1)
        return result

    def conjugate(self) -> Complex:
        """`a − b i`."""
        return Complex(self.re, -self.im, self.prime)


Number = int | Complex


def turned(half_turns: Fraction, prime: int) -> Complex | None:
    """`exp(i π c)`; None where the prime has no such number.

    The numbers `a + b i` of modulus 1 are a cyclic group of order p + 1, of which a generator stands for the rotation
    by 2 π / (p + 1).
    """
    exponent = half_turns * (prime + 1) / 2
    return _generator(prime).power(int(exponent) % (prime + 1)) if exponent.denominator == 1 else None


@lru_cache(maxsize=64)
def _generator(prime: int) -> Complex:
    """A number of modulus 1 whose powers are the roots of unity of small orders, and have the parts that these have.

    Of all generators one with 2 cos(π / 4) = √2, 2 cos(π / 6) = √3, 4 cos(π / 5) = 1 + √5 and sin(π / 2) = 1.
    """
    roots = {n: pow(n, (prime + 1) // 4, prime) for n in (2, 3, 5)}
    for tangent in range(2, 10**6):
        start = Complex(1, tangent, prime)
        found = start * start * pow(1 + tangent * tangent, -1, prime)

        def part(order: int, found: Complex = found) -> Complex:
            return found.power((prime + 1) // order)

        if part(4) == Complex(0, 1, prime) and (
            2 * part(8).re % prime == roots[2]
            and 2 * part(12).re % prime == roots[3]
            and 4 * part(10).re % prime == (1 + roots[5]) % prime
            and all(part(order) != 1 for order in SMALL_PRIMES)
        ):
            return found
    raise UndecidableError("π")


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

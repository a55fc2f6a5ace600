"""What the whole numbers and decimals of a trace stand for.

A trace shows sizes as integers. A function that is traced at several sizes shows each integer once a
trace, and the tuple of its values tells what it is: 5 at all sizes is the number 5, and what equals n at
every point is n. The same holds for decimals: `1 / X.shape[0]` is a decimal at each size, and is `1/n` at
all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from itertools import product as product_of_choices

from gradwright.core import build
from gradwright.core.contraction import scale
from gradwright.core.dims import Dim, product
from gradwright.core.language import function
from gradwright.core.nodes import Node
from gradwright.frozen import frozen

Number = int | float | complex
LARGEST_DENOMINATOR = 10_000
EXPONENTS = tuple(
    Fraction(k, d) for k, d in ((-1, 1), (1, 1), (-1, 2), (1, 2), (-2, 1), (-3, 2), (3, 2), (-1, 4), (1, 4))
)
TOLERANCE = 4e-16


@frozen
class Sizes:
    """The sizes of the dimension names at every point of a trace."""

    points: tuple[Mapping[str, int], ...]

    def dim(self, values: Sequence[int]) -> Dim | None:
        """The dimension that has these sizes, the simplest one; None if there is none."""
        if len(set(values)) == 1:
            return Dim.of(values[0])
        return next((dim for dim in self._candidates(values) if self.of(dim) == tuple(values)), None)

    def scalar(self, values: Sequence[Number]) -> Node | None:
        """The number that has these values: an exact constant, or one made of dimensions."""
        if len(set(values)) == 1:
            return exact_number(values[0])
        if all(float(value).is_integer() for value in values if not isinstance(value, complex)):
            dim = self.dim([int(value.real) for value in values])
            if dim is not None:
                return build.size(dim)
        return self._power_of_size(values)

    def _power_of_size(self, values: Sequence[Number]) -> Node | None:
        if any(isinstance(value, complex) for value in values):
            return None
        for dim in (*self._monomials, *(m + shift for m in self._monomials for shift in (-1, 1, -2))):
            sizes = self.of(dim)
            for exponent in EXPONENTS:
                ratios = [value / size ** float(exponent) for value, size in zip(values, sizes, strict=True)]
                if all(math.isclose(ratio, ratios[0], rel_tol=8 * TOLERANCE) for ratio in ratios):
                    return build.multiply(exact_number(_rounded(ratios[0])), power(build.size(dim), exponent))
        return None

    def of(self, dim: Dim) -> tuple[int, ...]:
        """The sizes of a dimension."""
        return tuple(dim.evaluate(point) for point in self.points)

    @cached_property
    def _monomials(self) -> tuple[Dim, ...]:
        names = [Dim.of(name) for name in self.points[0]]
        return tuple(product(part) for degree in (1, 2, 3) for part in combinations_with_replacement(names, degree))

    def _candidates(self, values: Sequence[int]) -> Iterator[Dim]:
        """Dimensions that might have the given sizes, in order of simplicity."""
        yield from self._monomials
        for dim in self._monomials:
            size = self.of(dim)
            yield dim + (values[0] - size[0])
            if values[0] % size[0] == 0 or size[0] % values[0] == 0:
                yield dim * Fraction(values[0], size[0])
        for one, other in combinations(self._monomials, 2):
            for dim in (one + other, one - other, other - one):
                yield dim + (values[0] - self.of(dim)[0])
        for dim in self._monomials:
            yield dim * (dim + 1) * Fraction(1, 2)
            yield dim * (dim - 1) * Fraction(1, 2)


def power(base: Node, exponent: Fraction) -> Node:
    """A constant power of every entry."""
    return function("power", base, build.number(exponent))


def exact_number(value: Number) -> Node:
    """The exact number that a floating-point one stands for.

    Tried in order: a fraction, a square root of one, a multiple of a power of √π, a logarithm; what is none
    of these is the decimal as it is written.
    """
    if isinstance(value, complex):
        imaginary = build.multiply(exact_number(value.imag), build.constant("i"))
        return build.plus(exact_number(value.real), imaginary) if value.real else imaginary
    if isinstance(value, int):
        return build.number(value)
    found = _fraction(value)
    if found is not None:
        return build.number(found)
    for k in (0, 1, -1, 2, -2):
        squared = Fraction(value * value * math.pi**k).limit_denominator(1000)  # with the rounding of the square
        if squared and math.isclose(math.sqrt(squared / math.pi**k), abs(value), rel_tol=TOLERANCE):
            return _root(squared, k, value)
    return _logarithm(value) or build.number(Fraction(repr(value)))


def _logarithm(value: float) -> Node | None:
    """`q · log(r π^k)` for a fraction r, q being 1 or ½."""
    for q, k in product_of_choices((1, 2), (0, 1, -1)) if abs(value) < 10 else ():
        base = Fraction(math.exp(value * q) / math.pi**k).limit_denominator(100)
        if base > 0 and math.isclose(math.log(base * math.pi**k) / q, value, rel_tol=2 * TOLERANCE):
            argument = build.multiply(build.number(base), power(build.constant("pi"), Fraction(k)))
            return scale(Fraction(1, q), function("log", argument))
    return None


def _root(squared: Fraction, k: int, value: float) -> Node:
    """`±√squared · π^(−k/2)`."""
    parts = [build.number(1 if value > 0 else -1), _square_root(squared)]
    if k:
        parts.append(power(build.constant("pi"), Fraction(-k, 2)))
    result = parts[0]
    for part in parts[1:]:
        result = build.multiply(result, part)
    return result


def _square_root(value: Fraction) -> Node:
    roots = math.isqrt(value.numerator), math.isqrt(value.denominator)
    if roots[0] ** 2 == value.numerator and roots[1] ** 2 == value.denominator:
        return build.number(Fraction(*roots))
    return power(build.number(value), Fraction(1, 2))


def _fraction(value: float) -> Fraction | None:
    """A fraction of small denominator that rounds to the value."""
    found = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    close = math.isclose(float(found), value, rel_tol=TOLERANCE / 2)
    return found if value == 0 or (found and close) else None


def _rounded(value: float) -> float:
    """A value that a chain of roundings has left within a few units of a simple fraction."""
    found = Fraction(value).limit_denominator(1000)
    return float(found) if math.isclose(float(found), value, rel_tol=16 * TOLERANCE) else value

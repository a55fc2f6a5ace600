"""Numbers that depend on the sizes of dimensions, as 2/(m n), (n − 1)/2 or 1/√d."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import chain, combinations_with_replacement
from math import prod
from typing import NamedTuple

from gradwright.check.diagnosis.scene import CLOSE
from gradwright.frozen import frozen

MOST = 64  # the largest denominator of the number in front


class Length(NamedTuple):
    """The size of a dimension, or one less, or its square root."""

    name: str
    less: int = 0
    root: bool = False

    def __str__(self) -> str:
        return f"√{self.name}" if self.root else f"{self.name} − 1" if self.less else self.name

    def at(self, sizes: Mapping[str, int]) -> float:
        """The number that it is."""
        return (sizes[self.name] - self.less) ** (0.5 if self.root else 1)


@frozen
class OfSizes:
    """A positive fraction times one or two lengths, or by them.

    Attributes:
        number: the fraction.
        lengths: the lengths.
        above: whether they stand in the numerator.
    """

    number: Fraction
    lengths: tuple[Length, ...]
    above: bool

    def at(self, sizes: Mapping[str, int]) -> float:
        """The number that it is."""
        return float(self.number) * _product(self.lengths, self.above, sizes)

    @property
    def complexity(self) -> tuple[int, int]:
        """What the simplest of several has the least of."""
        return self.number.numerator + self.number.denominator, len(str(self))

    def __str__(self) -> str:
        above, below = (self.lengths, ()) if self.above else ((), self.lengths)
        top = [str(self.number.numerator)] * (self.number.numerator != 1 or not above) + _factors(above)
        bottom = [str(self.number.denominator)] * (self.number.denominator != 1) + _factors(below)
        under = " ".join(bottom)
        brackets = len(bottom) > 1 or (" " in under and not under.startswith("("))
        return " ".join(top) + (f"/({under})" if brackets else f"/{under}" if bottom else "")


def _factors(lengths: tuple[Length, ...]) -> list[str]:
    return [f"({length})" if length.less else str(length) for length in lengths]


def _product(lengths: tuple[Length, ...], above: bool, sizes: Mapping[str, int]) -> float:
    return prod(length.at(sizes) for length in lengths) ** (1 if above else -1)


def in_sizes(value: float, sizes: Mapping[str, int], most: int = MOST) -> list[OfSizes]:
    """Everything that is a given positive number at some sizes, with no larger denominator in front; simple first."""
    return sorted(_in_sizes(value, sizes, most), key=lambda number: number.complexity)


def _in_sizes(value: float, sizes: Mapping[str, int], most: int) -> Iterator[OfSizes]:
    plain = [Length(name, less) for less in (0, 1) for name, size in sizes.items() if size > less]
    roots = [Length(name, root=True) for name in sizes]
    every = ((length,) for length in [*plain, *roots])
    for lengths in chain(every, combinations_with_replacement(plain, 2)):
        for above in (True, False):
            rest = value / _product(lengths, above, sizes)
            number = Fraction(rest).limit_denominator(most)
            if number > 0 and abs(rest - number) <= CLOSE * rest:
                yield OfSizes(number, lengths, above)

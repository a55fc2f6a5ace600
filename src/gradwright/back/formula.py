"""The tree between nodes and their renderings: what a person would write.

A `Formula` has the meaning of the text language (`*` is elementwise and spreads scalars, `@` is the
matrix product), so that the language printing is a plain walk; the mathematical printings only have
to know where a vector is to be transposed. Nothing here decides what to write: `matrices` and
`translate` do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from hashlib import blake2b
from typing import TypeGuard

from gradwright.core.dims import Dim
from gradwright.frozen import fields, frozen


@frozen(eq=False)
class Formula:
    """The base: every formula knows its rank and whether it is its own transpose.

    What follows from the parts is computed when a formula is made, so that no walk has to go deep: the `parts`, `key`,
    by which formulas compare, and `has_direction`, whether a direction occurs.
    """

    rank: int
    symmetric: bool

    def __post_init__(self) -> None:
        values = [getattr(self, name) for name in fields(self)]
        items = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
        parts = self.__dict__["parts"] = tuple([item for item in items if isinstance(item, Formula)])
        described = repr((type(self).__name__, *(_plain(value) for value in self.described())))
        # A digest, and not a hash: Python's hashes of -1 and -2 are equal.
        self.__dict__["key"] = blake2b(described.encode(), digest_size=16).digest()
        moving = getattr(self, "moving", False) or any([part.has_direction for part in parts])
        self.__dict__["has_direction"] = moving

    def described(self) -> Iterator[object]:
        """What the formula is: its fields, as far as they tell it from others."""
        return (getattr(self, name) for name in fields(self))

    @property
    def key(self) -> bytes:
        """What tells formulas apart: a digest of the content."""
        return self.__dict__["key"]

    @property
    def has_direction(self) -> bool:
        """Whether a direction occurs in it."""
        return self.__dict__["has_direction"]

    @property
    def parts(self) -> tuple[Formula, ...]:
        """The formulas that this one is made of."""
        return self.__dict__["parts"]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Formula) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)


def _plain(value: object) -> object:
    if isinstance(value, Formula):
        return value.key
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


@frozen(eq=False)
class Name(Formula):
    """A name, a letter, or any piece of text that needs no parentheses.

    `moving` for a direction; `skew` for a matrix whose transpose is written as minus the matrix.
    """

    text: str
    language: str = ""
    latex: str = ""
    moving: bool = False
    skew: bool = False


@frozen(eq=False)
class Number(Formula):
    """A rational number."""

    value: Fraction


@frozen(eq=False)
class Sum(Formula):
    """A sum; in which order the terms are written makes no other sum of it."""

    terms: tuple[Formula, ...]

    def described(self) -> Iterator[object]:
        """The terms in an order of their own."""
        yield from (self.rank, self.symmetric, tuple(sorted(self.terms, key=lambda term: term.key)))


@frozen(eq=False)
class Scaled(Formula):
    """A rational number times an elementwise product of formulas over another such product.

    In which order the factors are written makes no other product of it.
    """

    coefficient: Fraction
    factors: tuple[Formula, ...]
    divisors: tuple[Formula, ...] = ()

    def described(self) -> Iterator[object]:
        """The factors in an order of their own."""
        above, under = (tuple(sorted(side, key=lambda f: f.key)) for side in (self.factors, self.divisors))
        yield from (self.rank, self.symmetric, self.coefficient, above, under)

    def scalars(self) -> list[Formula]:
        """The scalar factors as they are written: names first, then what is composed, a direction last."""
        return sorted((f for f in self.factors if not f.rank), key=_place_of_scalar)

    def ending(self) -> list[Formula]:
        """An inner product that stands last and is the only one: it needs no parentheses, as in `a wᵀ dw`."""
        scalars = self.scalars()
        alone = sum(isinstance(f, MatrixProduct) for f in scalars) == 1
        return scalars[-1:] if alone and isinstance(scalars[-1], MatrixProduct) else []


def _place_of_scalar(scalar: Formula) -> int:
    simple = isinstance(scalar, Name) or (isinstance(scalar, Power) and isinstance(scalar.base, Name))
    return (0 if simple else 1) + 2 * (isinstance(scalar, Name) and scalar.moving)


@frozen(eq=False)
class MatrixProduct(Formula):
    """A product of matrices; a vector may stand first, last, or both."""

    factors: tuple[Formula, ...]


def factors_of(formula: Formula) -> tuple[Formula, ...]:
    """The factors of a product of matrices; the formula alone if it is none."""
    return formula.factors if isinstance(formula, MatrixProduct) else (formula,)


@frozen(eq=False)
class Transposed(Formula):
    """The transpose, or the conjugate transpose."""

    inner: Formula
    conj: bool = False


@frozen(eq=False)
class Conjugated(Formula):
    """The complex conjugate."""

    inner: Formula


@frozen(eq=False)
class Power(Formula):
    """A constant power of every entry, or of a matrix."""

    base: Formula
    exponent: Fraction
    matrix: bool = False


@frozen(eq=False)
class Call(Formula):
    """A function of the language.

    Attributes:
        name: in the language.
        arguments: the operands.
        keywords: constants behind them, as they are written.
        text, latex: how it is written otherwise, `{0}` standing for the first operand.
        output: the name of the output, for a function that has several.
        binds: names that mean nothing outside of it.
    """

    name: str
    arguments: tuple[Formula, ...]
    keywords: str = ""
    text: str = ""
    latex: str = ""
    output: str = ""
    binds: tuple[str, ...] = ()


def is_call(formula: object, *names: str) -> TypeGuard[Call]:
    """Whether something is an application of one of some functions of the language."""
    return isinstance(formula, Call) and formula.name in names


def is_output(formula: Formula) -> bool:
    """Whether it is an output of a function that has several, and no notation of its own: `svd(A).U`."""
    return (
        isinstance(formula, Call)
        and bool(formula.output)
        and (not formula.text or formula.text.partition("(")[0].isidentifier())
    )


@frozen(eq=False)
class OuterProduct(Formula):
    """`x yᵀ`, a matrix."""

    left: Formula
    right: Formula


@frozen(eq=False)
class TensorProduct(Formula):
    """`S ⊗ T ⊗ …`: the axes one after the other."""

    factors: tuple[Formula, ...]


@frozen(eq=False)
class Roll(Formula):
    """The axis `start` moved to place `end`, both counted from 1."""

    inner: Formula
    start: int
    end: int


@frozen(eq=False)
class Permuted(Formula):
    """The axes in another order, counted from 1: axis i of the result is axis `order[i]`."""

    inner: Formula
    order: tuple[int, ...]


@frozen(eq=False)
class TensorDot(Formula):
    """`S ·_T T`: a contraction of listed axes of the two operands, counted from 1.

    `left_axes` of S are contracted with `right_axes` of T, in order. `shown` are the axes written as
    a superscript; none for the last k of S with the first k of T.
    """

    left: Formula
    right: Formula
    left_axes: tuple[int, ...]
    right_axes: tuple[int, ...]
    shown: tuple[int, ...] = ()


@frozen(eq=False)
class Einsum(Formula):
    """A sum of products, by letters."""

    pattern: str
    operands: tuple[Formula, ...]


@frozen(eq=False)
class MaskMatrix(Formula):
    """A mask by itself; with a matrix on the same labels it becomes a masked matrix.

    Attributes:
        weights: below, on and above the diagonal.
        rows, columns: the dimensions, as they are written.
    """

    weights: tuple[Fraction, ...]
    rows: str
    columns: str


@frozen(eq=False)
class Indexed(Formula):
    """An entry, row, column or slice."""

    inner: Formula
    places: tuple[str, ...]


def filled(template: str, write: Callable[[int, str], str], marks: str) -> str:
    """A template with texts for `{0}`, `{1}`, …, all at once: what is put in may itself contain braces.

    Args:
        template: the template.
        write: the text for an operand, by its place and the superscript that follows it.
        marks: a pattern for superscripts.
    """
    return re.sub(rf"\{{(\d+)\}}({marks})", lambda match: write(int(match[1]), match[2]), template)


@frozen
class Place:
    """Where a part stands along an axis: its first entry, how many there are, and how long the axis is."""

    start: Dim
    length: Dim
    whole: Dim

    @property
    def stop(self) -> Dim:
        """The first entry behind the part."""
        return self.start + self.length


@frozen(eq=False)
class Block(Formula):
    """A matrix of blocks, row by row, or a vector of parts.

    Attributes:
        entries: the blocks.
        row_places, column_places: where each row and column of blocks stands; None for a single one that is whole.
    """

    entries: tuple[Formula, ...]
    row_places: tuple[Place | None, ...]
    column_places: tuple[Place | None, ...]

    def rows(self) -> Iterator[tuple[Formula, ...]]:
        """The rows of blocks."""
        columns = len(self.column_places)
        for start in range(0, len(self.entries), columns):
            yield self.entries[start : start + columns]


@frozen(eq=False)
class Cell(Formula):
    """A number as the one entry of a block, or a vector as its one row."""

    inner: Formula


@frozen(eq=False)
class Part(Formula):
    """A constant matrix that places a part into a whole: some rows are the identity.

    Attributes:
        whole: the formula for `I[:, start:stop]`, as it is written by itself.
        slice: the slice, as text.
        place: where the part stands.
    """

    whole: Formula
    slice: str
    place: Place


@frozen(eq=False)
class BasisVector(Name):
    """A column of the identity matrix; `place` is that of its entry 1."""

    place: Place | None = None


def postorder(root: Formula) -> Iterator[Formula]:
    """Every formula below a root, parts first, each once."""
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        current, expanded = stack.pop()
        if expanded:
            yield current
        elif id(current) not in seen:
            seen.add(id(current))
            stack.append((current, True))
            stack.extend([(part, False) for part in reversed(current.parts)])

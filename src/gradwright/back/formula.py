"""The tree between nodes and their renderings: what a person would write.

A `Formula` has the meaning of the text language (`*` is elementwise and spreads scalars, `@` is the
matrix product), so that the language printing is a plain walk; the mathematical printings only have
to know where a vector is to be transposed. Nothing here decides what to write: `matrices` and
`translate` do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction

_formula = dataclass(frozen=True, eq=False, repr=False)


@_formula
class Formula:
    """The base: every formula knows its rank and whether it is its own transpose.

    What follows from the parts is computed when a formula is made, so that no walk has to go deep:
    `key`, by which formulas compare, and `has_direction`, whether a direction occurs.
    """

    rank: int
    symmetric: bool

    def __post_init__(self) -> None:
        parts = tuple(self.parts())
        described = (type(self).__name__, *(_plain(getattr(self, f.name)) for f in fields(self)))
        self.__dict__["key"] = hash(described)
        moving = getattr(self, "moving", False) or any(part.has_direction for part in parts)
        self.__dict__["has_direction"] = moving

    @property
    def key(self) -> int:
        """What tells formulas apart."""
        return self.__dict__["key"]

    @property
    def has_direction(self) -> bool:
        """Whether a direction occurs in it."""
        return self.__dict__["has_direction"]

    def parts(self) -> Iterator[Formula]:
        """The formulas that this one is made of."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Formula):
                yield value
            elif isinstance(value, tuple):
                yield from (item for item in value if isinstance(item, Formula))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Formula) and self.key == other.key)

    def __hash__(self) -> int:
        return self.key


def _plain(value: object) -> object:
    if isinstance(value, Formula):
        return value.key
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


@_formula
class Name(Formula):
    """A name, a letter, or any piece of text that needs no parentheses; `moving` for a direction."""

    text: str
    language: str = ""
    latex: str = ""
    moving: bool = False


@_formula
class Number(Formula):
    """A rational number."""

    value: Fraction


@_formula
class Sum(Formula):
    """A sum."""

    terms: tuple[Formula, ...]


@_formula
class Scaled(Formula):
    """A rational number times an elementwise product of formulas over another such product."""

    coefficient: Fraction
    factors: tuple[Formula, ...]
    divisors: tuple[Formula, ...] = ()


@_formula
class MatrixProduct(Formula):
    """A product of matrices; a vector may stand first, last, or both."""

    factors: tuple[Formula, ...]


@_formula
class Transposed(Formula):
    """The transpose, or the conjugate transpose."""

    inner: Formula
    conj: bool = False


@_formula
class Conjugated(Formula):
    """The complex conjugate."""

    inner: Formula


@_formula
class Power(Formula):
    """A constant power of every entry, or of a matrix."""

    base: Formula
    exponent: Fraction
    matrix: bool = False


@_formula
class Call(Formula):
    """A function of the language.

    Attributes:
        name: in the language.
        arguments: the operands.
        keywords: constants behind them, as they are written.
        text, latex: how it is written otherwise, `{0}` standing for the first operand.
        output: the name of the output, for a function that has several.
    """

    name: str
    arguments: tuple[Formula, ...]
    keywords: str = ""
    text: str = ""
    latex: str = ""
    output: str = ""


@_formula
class OuterProduct(Formula):
    """`x yᵀ`, a matrix."""

    left: Formula
    right: Formula


@_formula
class TensorProduct(Formula):
    """`S ⊗ T ⊗ …`: the axes one after the other."""

    factors: tuple[Formula, ...]


@_formula
class Roll(Formula):
    """The axis `start` moved to place `end`, both counted from 1."""

    inner: Formula
    start: int
    end: int


@_formula
class Permuted(Formula):
    """The axes in another order, counted from 1: axis i of the result is axis `order[i]`."""

    inner: Formula
    order: tuple[int, ...]


@_formula
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


@_formula
class Einsum(Formula):
    """A sum of products, by letters."""

    pattern: str
    operands: tuple[Formula, ...]


@_formula
class Indexed(Formula):
    """An entry, row, column or slice."""

    inner: Formula
    places: tuple[str, ...]


def transposed(formula: Formula) -> Formula:
    """The transpose, pushed inwards where that reads better."""
    match formula:
        case _ if formula.symmetric:
            return formula
        case Transposed(inner=inner, conj=False):
            return inner
        case Transposed(inner=inner, conj=True):
            return Conjugated(inner.rank, inner.symmetric, inner)
        case Conjugated(inner=inner):
            return Transposed(2, False, inner, conj=True)
        case MatrixProduct(factors=factors):
            return replace(formula, factors=tuple(transposed(f) for f in reversed(factors)))
        case Scaled(factors=factors, divisors=divisors):
            turn = [transposed(f) if f.rank == 2 else f for f in factors]
            under = [transposed(f) if f.rank == 2 else f for f in divisors]
            return replace(formula, factors=tuple(turn), divisors=tuple(under))
        case OuterProduct(left=left, right=right):
            return replace(formula, left=right, right=left)
        case Power(base=base, matrix=True):
            return replace(formula, base=transposed(base))
        case _:
            return Transposed(2, False, formula)


def conjugated(formula: Formula) -> Formula:
    """The conjugate, pushed inwards where that reads better."""
    match formula:
        case Conjugated(inner=inner):
            return inner
        case Transposed(inner=inner, conj=conj):
            return replace(formula, conj=not conj) if not inner.symmetric else formula
        case _:
            return Conjugated(formula.rank, formula.symmetric, formula)


def scaled(coefficient: Fraction, formula: Formula) -> Formula:
    """A rational multiple."""
    if coefficient == 1:
        return formula
    if isinstance(formula, Number):
        return replace(formula, value=formula.value * coefficient)
    if isinstance(formula, Scaled):
        return replace(formula, coefficient=formula.coefficient * coefficient)
    return Scaled(formula.rank, formula.symmetric, coefficient, (formula,))


def multiplied(
    coefficient: Fraction, factors: tuple[Formula, ...], divisors: tuple[Formula, ...], rank: int
) -> Formula:
    """An elementwise product, numbers collected in front."""
    kept: list[Formula] = []
    under = list(divisors)
    for factor in factors:
        if isinstance(factor, Number):
            coefficient *= factor.value
        elif isinstance(factor, Scaled) and (factor.rank == 0 or len(factors) == 1):
            coefficient *= factor.coefficient
            kept += factor.factors
            under += factor.divisors
        else:
            kept.append(factor)
    if not kept and not under:
        return Number(rank, True, coefficient)
    if coefficient == 1 and len(kept) == 1 and not under:
        return kept[0]
    symmetric = all(f.symmetric or f.rank < 2 for f in (*kept, *under))
    return Scaled(rank, symmetric, coefficient, tuple(kept), tuple(under))


def product(factors: tuple[Formula, ...]) -> Formula:
    """A product of matrices, nested products opened."""
    flat: list[Formula] = []
    for factor in factors:
        flat += factor.factors if isinstance(factor, MatrixProduct) else (factor,)
    if len(flat) == 1:
        return flat[0]
    rank = (flat[0].rank == 2) + (flat[-1].rank == 2)
    return MatrixProduct(rank, _is_palindrome(flat), tuple(flat))


def _is_palindrome(factors: list[Formula]) -> bool:
    if factors[0].rank != 2 or factors[-1].rank != 2:
        return False
    return all(a == transposed(b) for a, b in zip(factors, reversed(factors), strict=True))


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
            stack.extend((part, False) for part in current.parts())

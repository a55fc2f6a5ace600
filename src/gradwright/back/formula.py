"""The tree between nodes and their renderings: what a person would write.

A `Formula` has the meaning of the text language (`*` is elementwise and spreads scalars, `@` is the
matrix product), so that the language printing is a plain walk; the mathematical printings only have
to know where a vector is to be transposed. Nothing here decides what to write: `matrices` and
`translate` do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from hashlib import blake2b
from math import prod

from gradwright.core.dims import Dim
from gradwright.frozen import fields, frozen, replace


@frozen(eq=False)
class Formula:
    """The base: every formula knows its rank and whether it is its own transpose.

    What follows from the parts is computed when a formula is made, so that no walk has to go deep:
    `key`, by which formulas compare, and `has_direction`, whether a direction occurs.
    """

    rank: int
    symmetric: bool

    def __post_init__(self) -> None:
        parts = tuple(self.parts())
        described = repr((type(self).__name__, *(_plain(value) for value in self.described())))
        # A digest, and not a hash: Python's hashes of -1 and -2 are equal.
        self.__dict__["key"] = blake2b(described.encode(), digest_size=16).digest()
        moving = getattr(self, "moving", False) or any(part.has_direction for part in parts)
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

    def parts(self) -> Iterator[Formula]:
        """The formulas that this one is made of."""
        for name in fields(self):
            value = getattr(self, name)
            if isinstance(value, Formula):
                yield value
            elif isinstance(value, tuple):
                yield from (item for item in value if isinstance(item, Formula))

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


def transposed(formula: Formula) -> Formula:
    """The transpose, pushed inwards where that reads better."""
    match formula:
        case _ if formula.symmetric:
            return formula
        case Name(skew=True):
            return scaled(Fraction(-1), formula)
        case Transposed(inner=inner, conj=False):
            return inner
        case Transposed(inner=inner, conj=True):
            return Conjugated(inner.rank, inner.symmetric, inner)
        case Conjugated(inner=inner):
            return Transposed(2, False, inner, conj=True)
        case MatrixProduct(factors=factors):
            return sign_in_front(replace(formula, factors=tuple(transposed(f) for f in reversed(factors))))
        case Scaled(factors=factors, divisors=divisors):
            turn = [transposed(f) if f.rank == 2 else f for f in factors]
            under = [transposed(f) if f.rank == 2 else f for f in divisors]
            return sign_in_front(replace(formula, factors=tuple(turn), divisors=tuple(under)))
        case OuterProduct(left=left, right=right):
            return column_times_row(right, left)
        case Power(base=base, matrix=True):
            return replace(formula, base=transposed(base))
        case Sum(terms=terms):
            turned = opened(tuple(transposed(term) for term in terms))
            inside = replace(formula, terms=turned)
            return inside if transposes(inside) <= transposes(formula) else Transposed(2, False, formula)
        case MaskMatrix(weights=weights, rows=rows, columns=columns):
            return replace(formula, weights=weights[::-1], rows=columns, columns=rows)
        case Indexed(inner=inner, places=places) if len(places) == 2:
            return replace(formula, inner=transposed(inner), places=places[::-1])
        case _:
            return Transposed(2, False, formula)


def column_times_row(column: Formula, row: Formula) -> Formula:
    """`x yᵀ`, with skew matrices untransposed: `A K z` as a row is `−zᵀ K Aᵀ`."""
    (first, left), (second, right) = _skew_turned(column, False), _skew_turned(row, True)
    return scaled(Fraction(first * second), OuterProduct(2, column == row, left, right))


def _skew_turned(vector: Formula, transpose: bool) -> tuple[int, Formula]:
    """A vector with its skew matrices all transposed, or none, and the sign that this brings."""
    if not isinstance(vector, MatrixProduct):
        return 1, vector
    sign, factors = 1, list[Formula]()
    for factor in vector.factors:
        bare = factor.inner if isinstance(factor, Transposed) else factor
        if isinstance(bare, Name) and bare.skew:
            turned = Transposed(2, False, bare) if transpose else bare
            sign, factor = (sign if turned == factor else -sign), turned
        factors.append(factor)
    return sign, replace(vector, factors=tuple(factors))


def opened(terms: Iterable[Formula]) -> tuple[Formula, ...]:
    """The terms of a sum, those of sums among them in their place."""
    return tuple(part for term in terms for part in (term.terms if isinstance(term, Sum) else (term,)))


def transposes(formula: Formula) -> int:
    """How many transposes are written in a sum of products."""
    match formula:
        case Transposed(inner=inner):
            return 1 + transposes(inner)
        case Sum(terms=parts) | MatrixProduct(factors=parts) | Scaled(factors=parts):
            return sum(transposes(part) for part in parts if part.rank == 2)
        case _:
            return 0


def to_the(base: Formula, exponent: Fraction, symmetric: bool = True) -> Formula:
    """An elementwise power; `‖y‖⁴` for the square of a square, and `‖y‖` for the root of one."""
    if isinstance(base, Power) and not base.rank and not base.matrix and base.exponent.denominator == 1:
        never_negative = isinstance(base.base, Call) and base.base.name == "norm"
        if exponent.denominator == 1 or never_negative:
            return to_the(base.base, base.exponent * exponent)
    if exponent == 1:
        return base
    return Power(base.rank, symmetric, base, exponent)


def conjugated(formula: Formula) -> Formula:
    """The conjugate, pushed inwards where that reads better."""
    match formula:
        case Conjugated(inner=inner):
            return inner
        case Transposed(inner=inner, conj=conj):
            return replace(formula, conj=not conj) if not inner.symmetric else formula
        case Call(name="diag" | "diagonal", arguments=(inside,)):
            return replace(formula, arguments=(conjugated(inside),))
        case _:
            return Conjugated(formula.rank, formula.symmetric, formula)


def conjugated_inside(formula: Formula) -> Formula:
    """The conjugate of a product that holds conjugates, factor by factor; else the formula itself."""
    factors = formula.factors if isinstance(formula, MatrixProduct) else (formula,)
    if not any(isinstance(factor, Conjugated) for factor in factors):
        return formula
    if isinstance(formula, MatrixProduct):
        return replace(formula, factors=tuple(map(conjugated, factors)))
    return conjugated(formula)


def scaled(coefficient: Fraction, formula: Formula) -> Formula:
    """A rational multiple."""
    if coefficient == 1:
        return formula
    if isinstance(formula, Number):
        return replace(formula, value=formula.value * coefficient)
    if isinstance(formula, Sum) and coefficient == -1 and any(_is_negative(term) for term in formula.terms):
        return replace(formula, terms=tuple(scaled(coefficient, term) for term in formula.terms))
    if isinstance(formula, MatrixProduct) and coefficient < 0:
        turned = _antisymmetric_turned(formula)
        if turned is not None:
            return scaled(-coefficient, turned)
    if isinstance(formula, Scaled):
        # A multiple by one of a single factor is that factor.
        if coefficient * formula.coefficient == 1 and len(formula.factors) == 1 and not formula.divisors:
            return formula.factors[0]
        return replace(formula, coefficient=formula.coefficient * coefficient)
    return Scaled(formula.rank, formula.symmetric, coefficient, (formula,))


def split_number(formula: Formula) -> tuple[Fraction, Formula]:
    """The number in front of a single tensor, and the tensor."""
    if isinstance(formula, Scaled) and len(formula.factors) == 1 and not formula.divisors:
        return formula.coefficient, formula.factors[0]
    return Fraction(1), formula


def sign_in_front(formula: Formula) -> Formula:
    """`−Sᵀ M S` for a product with the factor −Sᵀ."""
    if not isinstance(formula, MatrixProduct | Scaled):
        return formula
    numbers, bare = zip(*map(split_number, formula.factors), strict=True) if formula.factors else ((), ())
    return scaled(prod(numbers, start=Fraction(1)), replace(formula, factors=bare))


def negated(formula: Sum) -> Sum:
    """Minus a sum, term by term."""
    return replace(formula, terms=tuple(scaled(Fraction(-1), term) for term in formula.terms))


def _antisymmetric_turned(product: MatrixProduct) -> MatrixProduct | None:
    """`U (S − Sᵀ)` for `U (Sᵀ − S)`, which is minus it; None for a product without such a factor."""
    for place, factor in enumerate(product.factors):
        if isinstance(factor, Sum) and scaled(Fraction(-1), factor) == transposed(factor):
            factors = (*product.factors[:place], transposed(factor), *product.factors[place + 1 :])
            return replace(product, factors=factors)
    return None


def _is_negative(term: Formula) -> bool:
    return isinstance(term, Scaled) and term.coefficient < 0


def multiplied(
    coefficient: Fraction, factors: tuple[Formula, ...], divisors: tuple[Formula, ...], rank: int
) -> Formula:
    """An elementwise product, numbers collected in front."""
    kept: list[Formula] = []
    under = list(divisors)
    for factor in factors:
        if isinstance(factor, Number):
            coefficient *= factor.value
        elif isinstance(factor, Scaled) and (factor.rank in (0, rank) or len(factors) == 1):
            coefficient *= factor.coefficient
            kept += factor.factors
            under += factor.divisors
        else:
            kept.append(factor)
    if not kept and not under:
        return Number(rank, True, coefficient)
    if len(kept) == 1 and not under and kept[0].rank == rank:
        return scaled(coefficient, kept[0])
    symmetric = all(f.symmetric or f.rank < 2 for f in (*kept, *under))
    return Scaled(rank, symmetric, coefficient, tuple(kept), tuple(under))


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
    """A matrix of blocks, row by row.

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


def without_scalars(formula: Formula) -> tuple[Fraction, tuple[Formula, ...], tuple[Formula, ...], Formula]:
    """The number, the scalar factors and the scalar divisors of a tensor, and what is left of it."""
    if not isinstance(formula, Scaled) or not formula.rank:
        return Fraction(1), (), (), formula
    above, scalars = _by_rank(formula.factors)
    under, divisors = _by_rank(formula.divisors)
    if not above and not under:
        return Fraction(1), (), (), formula
    one = len(above) == 1 and not under and above[0].rank == formula.rank
    rest = above[0] if one else replace(formula, coefficient=Fraction(1), factors=above, divisors=under)
    return formula.coefficient, scalars, divisors, rest


def _by_rank(formulas: tuple[Formula, ...]) -> tuple[tuple[Formula, ...], tuple[Formula, ...]]:
    """Tensors, and scalars."""
    return tuple(f for f in formulas if f.rank), tuple(f for f in formulas if not f.rank)


def linear(make: Callable[[Formula], Formula], formula: Formula) -> Formula:
    """What a linear operation makes of a formula, the scalars in front of it: `½ diagonal(A)`."""
    number, scalars, divisors, rest = without_scalars(formula)
    if rest is formula:
        return make(formula)
    made = make(rest)
    return multiplied(number, (*scalars, made), divisors, made.rank)


def reshaped(formula: Formula, shape: Sequence[str]) -> Formula:
    """A tensor with its entries in another shape; of one that was reshaped before, only the last shape counts."""

    def make(tensor: Formula) -> Formula:
        if isinstance(tensor, Call) and tensor.name == "reshape":
            return reshaped(tensor.arguments[0], shape)
        return Call(len(shape), False, "reshape", (tensor,), keywords=", ".join(shape))

    return linear(make, formula)


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

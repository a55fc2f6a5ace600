"""What every notation of formulas shares: the walk over the tree, precedences, sums, and products of matrices.

The text language has `x @ A @ y`; mathematical notation, in Unicode or in LaTeX, transposes a vector that stands on the
left, `xᵀ A y`, and writes a positive term first.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.back.algebra import transposed
from gradwright.back.formula import (
    Block,
    Call,
    Cell,
    Conjugated,
    Einsum,
    Formula,
    Indexed,
    MaskMatrix,
    MatrixProduct,
    Name,
    Number,
    OuterProduct,
    Part,
    Power,
    Scaled,
    Sum,
    Transposed,
    postorder,
)
from gradwright.back.masks import alone

SUM, TENSOR_PRODUCT, PRODUCT, UNARY, POWER, ATOM = range(1, 7)
Written = tuple[str, int]


class Writer:
    """The walk that all notations share; each formula becomes a text and its precedence.

    Attributes:
        minus: the sign.
    """

    minus = "-"

    def __init__(self) -> None:
        self._written: dict[bytes, Written] = {}

    def run(self, root: Formula) -> str:
        """The text of a formula: parts first, so that a deep one does not exhaust the stack."""
        for part in postorder(root):
            self._written[part.key] = self._write(part)
        return self.write(root)[0]

    def write(self, formula: Formula) -> Written:
        """The text of a formula and its precedence."""
        found = self._written.get(formula.key)
        return found if found is not None else self._write(formula)

    def _write(self, formula: Formula) -> Written:
        match formula:
            case Name():
                return self.name(formula)
            case Number(value=value):
                return self.number(value)
            case Sum(terms=terms):
                return self.sum(terms), SUM
            case Scaled():
                return self.scaled(formula)
            case MatrixProduct(factors=factors):
                return self.matrix_product(factors)
            case Power():
                return self.power(formula)
            case Call():
                return self.call(formula)
            case Transposed() | Conjugated():
                return self.turned(formula)
            case OuterProduct(left=left, right=right):
                return self.outer(left, right)
            case Indexed(inner=inner, places=places):
                return self.indexed(inner, ", ".join(places))
            case Part(whole=whole):
                return self.write(whole)
            case MaskMatrix():
                return self.write(alone(formula))
            case Block():
                return self.block(formula), ATOM
            case Cell(inner=inner):
                return self.cell(inner)
            case Einsum(pattern=pattern, operands=operands):
                return self.einsum(pattern, ", ".join(self.write(o)[0] for o in operands)), ATOM
            case _:
                return self.tensor(formula)

    def inside(self, formula: Formula, precedence: int) -> str:
        """The text, in parentheses if it binds less tightly than asked."""
        text, own = self.write(formula)
        return text if own >= precedence else self.in_parentheses(text)

    def in_parentheses(self, text: str) -> str:
        """A text that binds as tightly as a name."""
        return f"({text})"

    def ordered(self, parts: list[str]) -> list[str]:
        """The terms of a sum in the order in which they are written."""
        return parts

    def sum(self, terms: tuple[Formula, ...]) -> str:
        """Terms with the signs between them."""
        text = ""
        for part in self.ordered([self.inside(term, SUM + 1) for term in terms]):
            negative = part.startswith(self.minus)
            if not text:
                text = part
            elif negative:
                text += f" {self.minus} {part.removeprefix(self.minus)}"
            else:
                text += f" + {part}"
        return text

    def indexed(self, inner: Formula, places: str) -> Written:
        """A tensor at some places."""
        return f"{self.inside(inner, ATOM)}[{places}]", ATOM

    def einsum(self, pattern: str, operands: str) -> str:
        """A sum over indices, from its pattern and the texts of its operands."""
        return f'einsum("{pattern}", {operands})'

    def block(self, formula: Block) -> str:
        """A matrix of blocks."""
        raise NotImplementedError

    def cell(self, inner: Formula) -> Written:
        """A number or a vector that stands as a block."""
        return self.write(inner)

    def name(self, formula: Name) -> Written:
        """A variable, a constant or a letter."""
        raise NotImplementedError

    def number(self, value: Fraction) -> Written:
        """A rational number."""
        raise NotImplementedError

    def scaled(self, formula: Scaled) -> Written:
        """A number times scalars and tensors, entry by entry, divided by others."""
        raise NotImplementedError

    def matrix_product(self, factors: tuple[Formula, ...]) -> Written:
        """A product of matrices and vectors."""
        raise NotImplementedError

    def power(self, formula: Power) -> Written:
        """A power of a matrix, or of every entry."""
        raise NotImplementedError

    def call(self, formula: Call) -> Written:
        """An application of a function."""
        raise NotImplementedError

    def turned(self, formula: Transposed | Conjugated) -> Written:
        """A transpose, or a conjugate."""
        raise NotImplementedError

    def outer(self, left: Formula, right: Formula) -> Written:
        """A column times a row."""
        raise NotImplementedError

    def tensor(self, formula: Formula) -> Written:
        """What only tensors have: products of higher order, and axes moved."""
        raise NotImplementedError


class MathematicalWriter(Writer):
    """Mathematical notation.

    Attributes:
        transpose, adjoint: the superscripts.
        bars: whether quotients have bars, which show where they end.
    """

    transpose = "ᵀ"
    adjoint = "ᴴ"
    bars = False

    def ordered(self, parts: list[str]) -> list[str]:
        """The first term without a minus sign brought to the front: `b − a` rather than `−a + b`."""
        place = next((k for k, part in enumerate(parts) if not part.startswith(self.minus)), 0)
        return [parts[place], *parts[:place], *parts[place + 1 :]]

    def cell(self, inner: Formula) -> Written:
        """A number or a vector that stands as a block."""
        return (self.row(inner), PRODUCT) if inner.rank else self.write(inner)

    def matrix_product(self, factors: tuple[Formula, ...]) -> Written:
        """A product of matrices and vectors."""
        parts = self._factors(factors)
        return " ".join(parts), PRODUCT if len(parts) > 1 else POWER

    def _factors(self, factors: Sequence[Formula], behind_row: bool = False) -> list[str]:
        """The texts of the factors of a product, one for each power."""
        parts: list[str] = []
        place = 0
        while place < len(factors):
            factor, count = factors[place], 1
            while place + count < len(factors) and factors[place + count] == factor and factor.rank == 2:
                count += 1
            parts.append(self._factor(factor, count, first=place == 0 and not behind_row))
            place += count
        return parts

    def _factor(self, factor: Formula, count: int, first: bool) -> str:
        if factor.rank == 1 and first:
            return self.row(factor)
        if count > 1:
            return self.power(Power(2, factor.symmetric, factor, Fraction(count), matrix=True))[0]
        return self.inside(factor, PRODUCT + 1)

    def row(self, vector: Formula) -> str:
        """A vector as a row: `xᵀ`, and `yᵀ Bᵀ` for `B y`."""
        if isinstance(vector, MatrixProduct) and vector.factors[-1].rank == 1:
            turned = [transposed(f) for f in reversed(vector.factors[:-1])]
            return " ".join([self.row(vector.factors[-1]), *self._factors(turned, behind_row=True)])
        if isinstance(vector, Conjugated):
            return self.raised(vector.inner, self.adjoint)
        return self.raised(vector, self.transpose)

    def outer(self, left: Formula, right: Formula) -> Written:
        """A column times a row."""
        divided = isinstance(left, Scaled) and bool(left.divisors) and not self.bars
        entrywise = divided or (isinstance(left, Scaled) and sum(f.rank > 0 for f in left.factors) > 1)
        return f"{self.inside(left, PRODUCT + entrywise)} {self.row(right)}", PRODUCT

    def raised(self, base: Formula, mark: str) -> str:
        """A base with a superscript, which joins one that is there already."""
        raise NotImplementedError

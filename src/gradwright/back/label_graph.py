"""The label graph of a contraction: matrices as edges, vectors as weights, and what they are where they meet."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.back.algebra import multiplied, transposed
from gradwright.back.formula import Formula, Indexed, Number, Power, is_call
from gradwright.back.notation import (
    diagonal_matrix,
    inner_product,
    norm_of,
    trace_of,
)
from gradwright.frozen import frozen


@frozen
class Edge:
    """A matrix between two labels: rows at `row`, columns at `column`; `place` is its first factor's.

    `diagonal` for one that is known to be diagonal.
    """

    row: int
    column: int
    formula: Formula
    place: int = 0
    diagonal: bool = False

    def seen_from(self, label: int) -> Formula:
        """The matrix with the given label as its rows."""
        return self.formula if label == self.row else transposed(self.formula)

    def other(self, label: int) -> int:
        """The label at the other end."""
        return self.column if label == self.row else self.row


@frozen
class Weight:
    """A vector at a label, possibly below the line.

    `entry` for a basis vector that picks an entry; `whole` is the diagonal matrix of which the vector is the diagonal.
    """

    label: int
    formula: Formula
    divides: bool = False
    entry: str | None = None
    place: int = 0
    whole: Formula | None = None


def first_place(parts: Sequence[Edge | Weight]) -> int:
    """The place of the factor among some that was written first."""
    return min(part.place for part in parts)


def sum_over(weights: Sequence[Weight], real: bool) -> Formula | None:
    """The sum over a label at which only weights are left; None if it is the sum of one vector."""
    if _is_trace(weights):
        return trace_of(weights[0].formula.arguments[0])  # type: ignore[attr-defined]
    picks = [w for w in weights if w.entry is not None]
    if picks:
        rest = [w for w in weights if w is not picks[0]]
        if not rest:
            return Number(0, True, Fraction(1))
        return entry_of_vector(elementwise(rest), picks[0].entry or "")
    above = [w.formula for w in weights if not w.divides]
    under = [w.formula for w in weights if w.divides]
    if real and len(above) == 2 and above[0] == above[1] and not under:
        return Power(0, True, norm_of(above[0]), Fraction(2))
    if len(above) >= 2:
        above.sort(key=lambda formula: formula.has_direction)
        first = multiplied(Fraction(1), tuple(above[:-1]), tuple(under), 1)
        return inner_product(first, above[-1])
    return None


def _is_trace(weights: Sequence[Weight]) -> bool:
    if len(weights) != 1 or weights[0].divides:
        return False
    formula = weights[0].formula
    return is_call(formula, "diagonal")


def elementwise(weights: Sequence[Weight]) -> Formula:
    """The product of weights at one label."""
    above = tuple(w.formula for w in weights if not w.divides)
    under = tuple(w.formula for w in weights if w.divides)
    return multiplied(Fraction(1), above, under, 1)


def diagonal_of_weights(weights: Sequence[Weight]) -> Formula:
    """The diagonal matrix of the product of weights; of the diagonal of a diagonal matrix, that matrix."""
    whole = weights[0].whole if len(weights) == 1 else None
    return whole if whole is not None else diagonal_matrix(elementwise(weights))


def column_of(edge: Edge, kept: int, entry: str) -> Formula:
    """A row or column of a matrix."""
    places = (":", entry) if kept == edge.row else (entry, ":")
    return Indexed(1, True, edge.formula, places)


def entry_of_vector(vector: Formula, entry: str) -> Formula:
    """An entry; of a row or column of a matrix, that of the matrix."""
    if isinstance(vector, Indexed) and ":" in vector.places:
        places = [entry if place == ":" else place for place in vector.places]
        return Indexed(0, True, vector.inner, tuple(places))
    return Indexed(0, True, vector, (entry,))


def as_basis(weight: Weight) -> Weight:
    """A basis vector as a vector like others."""
    return weight if weight.entry is None else Weight(weight.label, weight.formula)

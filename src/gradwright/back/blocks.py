"""Block matrices: sums of parts that are placed side by side, and bordered by vectors and numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from gradwright.back.algebra import multiplied, scaled, split_number, without_scalars
from gradwright.back.formula import (
    BasisVector,
    Block,
    Call,
    Cell,
    Formula,
    Indexed,
    Name,
    Number,
    OuterProduct,
    Part,
    Place,
    Scaled,
    Transposed,
    factors_of,
)
from gradwright.back.notation import basis_vector, ones
from gradwright.back.products import product
from gradwright.core.dims import Dim
from gradwright.frozen import frozen, replace

ZERO, ONE = Dim.of(0), Dim.of(1)


@frozen(eq=False)
class Placed:
    """A part and where it stands; None for an axis along which it is whole."""

    row: Place | None
    column: Place | None
    part: Formula


Addition = Callable[[Sequence[Formula]], Formula]


def blocks(terms: Sequence[Formula], symmetric: bool, added: Addition) -> Formula | None:
    """`[x; y]` or `[A, B; C, D]` for a sum of parts that fill a whole; else None. One vector may stand beside zeros.

    Args:
        terms: the terms.
        symmetric: whether the sum is.
        added: the sum of what stands in one place.
    """
    return _blocks(terms, symmetric, added, True) or _blocks(terms, symmetric, added, False)


def _blocks(terms: Sequence[Formula], symmetric: bool, added: Addition, in_parts: bool) -> Formula | None:
    each = [placed_parts(term, in_parts) for term in terms]
    placed = _in_larger_places([part for parts in each for part in parts])
    if (len(terms) < 2 and terms[0].rank != 1) or not all(each):
        return None
    if not any(map(_is_proper, placed)) and not _are_all_entries(placed):
        return None
    rows, columns = _side_by_side(p.row for p in placed), _side_by_side(p.column for p in placed)
    if rows is None or columns is None:
        return None
    at: dict[tuple[Place | None, Place | None], list[Formula]] = {}
    for p in placed:
        at.setdefault((p.row, p.column), []).append(p.part)
    if terms[0].rank == 2 and _is_wider_than_known(rows, columns, len(at)):
        return None
    sums = {place: _sum_of_parts(parts, added) for place, parts in at.items()}
    grid = [sums.get((row, column)) or _zero_block(row, column) for row in rows for column in columns]
    return _with_number_in_front(Block(terms[0].rank, symmetric, tuple(grid), tuple(rows), tuple(columns)))


def _in_larger_places(placed: Sequence[Placed]) -> list[Placed]:
    """The parts, an entry beside a row or column of blocks as a unit vector in it: `[A, v; e_0ᵀ, 0]`."""
    rows = {p.row for p in placed if p.row is not None}
    columns = {p.column for p in placed if p.column is not None}
    return [_in_larger_place(p, rows, columns) for p in placed]


def _in_larger_place(placed: Placed, rows: Iterable[Place], columns: Iterable[Place]) -> Placed:
    if not isinstance(placed.part, Cell) or placed.row is None or placed.column is None:
        return placed
    row = next((place for place in rows if _holds(place, placed.row)), None)
    column = next((place for place in columns if _holds(place, placed.column)), None)
    if (row is None) == (column is None):
        return placed
    if column is not None:
        unit = _as_row(_unit_vector(column, placed.column))
    else:
        assert row is not None
        unit = _as_column(_unit_vector(row, placed.row))
    return Placed(row or placed.row, column or placed.column, multiplied(Fraction(1), (placed.part.inner, unit), (), 2))


def _unit_vector(place: Place, entry: Place) -> Formula:
    return basis_vector(place.length, str(entry.start - place.start).replace(" ", ""))


def _holds(place: Place, entry: Place) -> bool:
    """Whether an entry is known to be one of several in a place."""
    several = entry.length == ONE != place.length
    return several and place.start.is_smaller_than(entry.stop) and entry.start.is_smaller_than(place.stop)


def _sum_of_parts(parts: Sequence[Formula], added: Addition) -> Formula:
    """What stands in one place; numbers, and rows, are added as such."""
    if len(parts) == 1:
        return parts[0]
    inside = [part.inner for part in parts if isinstance(part, Cell)]
    if len(inside) < len(parts):
        return added(parts)
    return replace(parts[0], inner=added(inside)) if len({part.rank for part in inside}) == 1 else added(parts)


def _with_number_in_front(block: Block) -> Formula:
    """`2 [x; y]` for `[2 x; 2 y]`."""
    kept = [entry for entry in block.entries if not _is_zero(entry)]
    sizes = {abs(_number_of(entry)) for entry in kept}
    if len(sizes) != 1 or sizes == {1}:
        return block
    number = sizes.pop() * (-1 if all(_number_of(entry) < 0 for entry in kept) else 1)
    entries = (entry if _is_zero(entry) else _multiple(1 / number, entry) for entry in block.entries)
    return scaled(number, replace(block, entries=tuple(entries)))


def _number_of(entry: Formula) -> Fraction:
    """The number in front of a block, or of a number that stands as one; one that is nothing else has none."""
    inside = entry.inner if isinstance(entry, Cell) else entry
    return inside.coefficient if isinstance(inside, Scaled) else Fraction(1)


def _multiple(number: Fraction, entry: Formula) -> Formula:
    if isinstance(entry, Cell):
        return replace(entry, inner=scaled(number, entry.inner))
    return scaled(number, entry)


def _is_wider_than_known(rows: Sequence[Place | None], columns: Sequence[Place | None], count: int) -> bool:
    """Whether zeros stand beside rows or columns that are whole, whose length is not said."""
    return count < len(rows) * len(columns) and [None] in (list(rows), list(columns))


def _is_proper(placed: Placed) -> bool:
    """Whether more than an entry is placed, or an entry of a matrix whose size is a number; not one of a vector."""
    places = [place for place in (placed.row, placed.column) if place is not None]
    if placed.part.rank == 2 and (len(places) == 1 or all(place.whole.value is not None for place in places)):
        return True
    return any(place is not None and place.length != ONE for place in (placed.row, placed.column))


def _are_all_entries(placed: Sequence[Placed]) -> bool:
    """Whether these are all entries of a vector whose length is a number."""
    places = [part.row for part in placed if part.part.rank == 1 and part.row is not None]
    return len(places) == len(placed) > 1 and places[0].whole == Dim.of(len(set(places)))


def _side_by_side(places: Iterable[Place | None]) -> list[Place | None] | None:
    """The places in order, with those of zeros between them; None where parts overlap, or may do so."""
    rest = list(dict.fromkeys(places))
    if rest == [None]:
        return [None]
    ordered: list[Place | None] = []
    stop = ZERO
    while rest:
        following = next((place for place in rest if place is not None and _is_next(place, stop, rest)), None)
        if following is None:
            return None
        ordered += [*_gap(stop, following.start, following.whole), following]
        rest.remove(following)
        stop = following.stop
    last = ordered[-1]
    assert last is not None
    return [*ordered, *_gap(stop, last.whole, last.whole)]


def _is_next(place: Place, stop: Dim, rest: Sequence[Place | None]) -> bool:
    """Whether a part is known to begin behind what is there, and to end before every other part."""
    others = [other for other in rest if other != place]
    return place.start.is_at_least(stop) and all(o is not None and o.start.is_at_least(place.stop) for o in others)


def _gap(start: Dim, stop: Dim, whole: Dim) -> list[Place]:
    return [] if start == stop else [Place(start, stop - start, whole)]


def _zero_block(row: Place | None, column: Place | None) -> Formula:
    lengths = [str(place.length) for place in (row, column) if place is not None]
    if set(lengths) == {"1"}:
        return Cell(len(lengths), True, _ZERO)
    return Name(len(lengths), len(set(lengths)) == 1, "0", f"zeros({', '.join(lengths)})", "0")


def is_full(formula: Formula) -> bool:
    """Whether a formula is a block matrix of which no place was left to zeros, or a multiple of one."""
    block = split_number(formula)[1]
    return isinstance(block, Block) and not any(map(_is_zero, block.entries))


def _is_zero(block: Formula) -> bool:
    if isinstance(block, Cell):
        return block.inner == _ZERO
    return isinstance(block, Name) and block.language.startswith("zeros(")


def placed_parts(term: Formula, in_parts: bool = True) -> list[Placed]:
    """`S M Tᵀ` with selections S and T: where M is placed, and M; several for a row of blocks.

    A basis vector places a vector as one column or as one row, and a number as one entry.

    Args:
        term: a vector or matrix.
        in_parts: whether a vector of parts, as a row or column, is as many blocks.
    """
    coefficient, scalars, divisors, rest = without_scalars(term)
    number, inside = split_number(rest)

    def weighted(part: Formula) -> Formula:
        if part == ones((ONE,)):
            part = Cell(1, True, _ONE)
        if isinstance(part, Cell) and not part.inner.rank:
            return replace(part, inner=multiplied(coefficient * number, (*scalars, part.inner), divisors, 0))
        return multiplied(coefficient * number, (*scalars, part), divisors, part.rank)

    match inside:
        case OuterProduct():
            return _bordering(inside, weighted, in_parts)
        case Block(rank=1, row_places=places, entries=entries):
            pieces = zip(places, entries, strict=True)
            return [Placed(place, None, weighted(entry)) for place, entry in pieces if not _is_zero(entry)]
        case BasisVector(place=place):
            return [Placed(place, None, weighted(Cell(1, True, _ONE)))] if place is not None else []
        case Indexed(inner=Part(place=place), places=(":", column)):
            return [Placed(place, None, weighted(basis_vector(place.length, column)))]
        case Call(name="sum", arguments=(Part(place=place),), keywords=axis):
            return [Placed(place, None, weighted(ones((place.length,))))] if axis == "axis=1" else []
        case _:
            return _placed_product_of_matrices(inside, weighted)


def _placed_product_of_matrices(matrix: Formula, weighted: Callable[[Formula], Formula]) -> list[Placed]:
    """`S M Tᵀ`: M as a block; nothing where neither S nor T is there."""
    row = column = None
    factors = factors_of(matrix)
    first, last = factors[0], factors[-1]
    if isinstance(first, Part):
        row, factors = first.place, factors[1:]
    if factors and isinstance(last, Transposed) and isinstance(last.inner, Part):
        column, factors = last.inner.place, factors[:-1]
    if row is None and column is None:
        return []
    if not factors:
        lengths = {place.length for place in (row, column) if place is not None}
        unit = Name(2, True, "I", f"eye({min(lengths, key=str)})", "I")
        return [Placed(row, column, weighted(unit))] if len(lengths) == 1 else []
    return [Placed(row, column, weighted(product(factors)))]


_ZERO, _ONE = Number(0, True, Fraction(0)), Number(0, True, Fraction(1))


def _bordering(outer: OuterProduct, weighted: Callable[[Formula], Formula], in_parts: bool) -> list[Placed]:
    """`S v eᵀ`, `e (S v)ᵀ` and `e eᵀ`: a column, a row and an entry beside a block; `S u (T v)ᵀ`: a block."""
    row, column = (side.place if isinstance(side, BasisVector) else None for side in (outer.left, outer.right))
    if row is not None and column is not None:
        return [Placed(row, column, weighted(Cell(2, True, _ONE)))]
    if row is None and column is None:
        return _placed_product(outer, weighted)
    side = outer.right if column is None else outer.left
    if side == ones((ONE,)):
        return [Placed(row, column, weighted(Cell(2, True, _ONE)))]
    found = (placed_parts(side) if in_parts else []) or [_placed_vector(side)]
    if column is None:
        return [Placed(row, placed.row, weighted(_as_row(placed.part))) for placed in found]
    return [Placed(placed.row, column, weighted(_as_column(placed.part))) for placed in found]


def _placed_product(outer: OuterProduct, weighted: Callable[[Formula], Formula]) -> list[Placed]:
    """`S u (T v)ᵀ`: the outer product of u and v as a block."""
    left, right = map(_placed_vector, (outer.left, outer.right))
    if left.row is None and right.row is None:
        return []
    return [Placed(left.row, right.row, weighted(_times(left.part, right.part, outer)))]


def _times(left: Formula, right: Formula, outer: OuterProduct) -> Formula:
    """The outer product of two parts; with one of a single entry, the other as a column or row."""
    if isinstance(right, Cell):
        return _as_column(_multiple_of(left, right.inner))
    if isinstance(left, Cell):
        return _as_row(_multiple_of(right, left.inner))
    return replace(outer, left=left, right=right)


def _multiple_of(vector: Formula, number: Formula) -> Formula:
    if isinstance(vector, Cell):
        return replace(vector, inner=multiplied(Fraction(1), (number, vector.inner), (), 0))
    return multiplied(Fraction(1), (number, vector), (), 1)


def _placed_vector(vector: Formula) -> Placed:
    """A vector that is placed as a whole; one that is not, in its own place."""
    found = placed_parts(vector)
    return found[0] if len(found) == 1 else Placed(None, None, vector)


def _as_row(vector: Formula) -> Formula:
    return replace(vector, rank=2) if isinstance(vector, Cell) else Cell(2, False, vector)


def _as_column(vector: Formula) -> Formula:
    if isinstance(vector, Cell):
        return replace(vector, rank=2)
    return Call(2, False, "outer", (vector, ones((ONE,))), text="{0}", latex="{0}")

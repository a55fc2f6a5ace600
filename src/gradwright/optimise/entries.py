"""A symmetric matrix whose entries are computed one by one: entry (j, i) is entry (i, j), computed once.

The Hessian of a function of a few parameters, `t[0], t[1], …`, is a stack of numbers. By the symmetry of second
derivatives the entries below the diagonal are those above it, but they were derived in another order and are
written in another way: a trace here, and there the trace of the transposed product. Whether the stack equals its
transpose is decided by modular evaluation, once for all its entries; then one of each pair stands for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gradwright.core.nodes import Add, Node, Selection
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import transform_all
from gradwright.optimise.places import into_place, placed
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.simplify.equality import proved_equal

Entries = Mapping[tuple[Selection, Selection], Node]


def share_mirrored_entries(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Every symmetric stack of numbers with one number for the two entries of each pair."""
    return transform_all(roots, _shared)


def _shared(node: Node) -> Node:
    if not isinstance(node, Add) or not node.is_square:
        return node
    places = [place for row in node.terms for place in _places(row)]
    entries = {(row, column): entry for row, column, entry in places if row and column}
    once = {(i, j): entries.get((j, i), entry) if _order(i, j) else entry for (i, j), entry in entries.items()}
    if len(entries) < len(places) or once == entries or not _is_symmetric(entries):
        return node
    return _matrix(once)


def _places(row: Node) -> Iterator[tuple[Selection | None, Selection | None, Node]]:
    """The terms of a row with the basis vectors that place them; None where there is no such vector."""
    at_row, rest = placed(row, 0) or (None, row)
    if at_row is None or at_row.part is not None:
        yield None, None, row
        return
    for term in terms_of(rest):
        at_column, entry = placed(term, 0) or (None, term)
        yield at_row, at_column if at_column and at_column.part is None else None, entry


def _order(row: Selection, column: Selection) -> bool:
    """Whether an entry is taken from the other side of the diagonal."""
    return str(row.offset) > str(column.offset)


def _is_symmetric(entries: Entries) -> bool:
    return proved_equal(_matrix(entries), _matrix({(j, i): entry for (i, j), entry in entries.items()}))


def _matrix(entries: Entries) -> Node:
    rows: dict[Selection, list[Node]] = {}
    for (row, column), entry in entries.items():
        rows.setdefault(row, []).append(into_place(column, entry, 0))
    return add(into_place(row, add(terms), 0) for row, terms in rows.items())

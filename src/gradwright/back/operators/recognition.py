"""The structure of a square operator, read off the labels of its terms.

Axes whose labels are joined by factors belong together, and a term is the Kronecker product of such
groups of axes. Terms that differ in one group only are one product with a sum in that group; two that
differ in two groups are a Kronecker sum. Inside a group, an axis with the same label on both sides is
a diagonal (or block diagonal), and a product that a few inner labels hold together has low rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import prod

import numpy as np

from gradwright.back.operators.factorised import SINGULAR
from gradwright.back.operators.inverses import (
    BlockInverse,
    DenseInverse,
    DiagonalInverse,
    Inverse,
    Window,
    WoodburyInverse,
)
from gradwright.back.operators.kronecker import Group, KroneckerInverse, KroneckerSumInverse
from gradwright.back.operators.terms import Axis, Part, Term, contracted
from gradwright.core.arithmetic import Array, largest
from gradwright.core.joining import Joined
from gradwright.frozen import frozen, replace

DENSE_LIMIT = 4096  # rows of a matrix that is factored as a whole: 134 megabytes
ENTRIES_LIMIT = DENSE_LIMIT**2
SAME = 1e-12

Places = tuple[tuple[int, ...], tuple[int, ...]]  # the places of a group's row axes and column axes


def recognised(terms: Sequence[Term]) -> Inverse | None:
    """The inverse of a sum of terms; None where it has no structure and is too large to be written out."""
    if not _alike(terms):
        return _whole(terms, _row_count(terms[0]))
    blocks = _blocks(terms)
    if blocks is not None:
        return blocks
    places = _groups(terms)
    if len(places) <= 1:
        return _matrix(terms)
    return _kronecker(terms, places) or _matrix(terms)


def dense(terms: Sequence[Term]) -> Array:
    """The sum of terms as a matrix."""
    rows, columns = (prod(a.size for a in axes) for axes in (terms[0].rows, terms[0].columns))
    return sum((term.entries().reshape(rows, columns) for term in terms[1:]), terms[0].entries().reshape(rows, columns))


def partition(term: Term) -> list[Places]:
    """The groups of axes that the factors of a term join."""
    joined = Joined()
    for part in term.parts:
        joined.join(part.labels)
    sides = [("row", term.row_labels), ("column", term.column_labels)]
    members = [(joined.root(label), side, place) for side, labels in sides for place, label in enumerate(labels)]
    return [_places(members, root) for root in dict.fromkeys(root for root, _, _ in members)]


def _places(members: Iterable[tuple[object, str, int]], root: object) -> Places:
    own = [(side, place) for r, side, place in members if r == root]
    return tuple(p for s, p in own if s == "row"), tuple(p for s, p in own if s == "column")


def _alike(terms: Sequence[Term]) -> bool:
    """Whether all terms have the same axes: one may have split an axis that another has not."""
    return len({(tuple(a.size for a in t.rows), tuple(a.size for a in t.columns)) for t in terms}) == 1


def _groups(terms: Sequence[Term]) -> list[Places]:
    """The finest groups of axes across which every term is a product, each of them square."""
    joined = Joined()
    for term in terms:
        for rows, columns in partition(term):
            joined.join([*(("row", r) for r in rows), *(("column", c) for c in columns)])
    first = terms[0]
    count = [("row", len(first.rows)), ("column", len(first.columns))]
    members = [(joined.root((side, place)), side, place) for side, n in count for place in range(n)]
    found = [_places(members, root) for root in dict.fromkeys(root for root, _, _ in members)]
    square = [own for own in found if _size(first.rows, own[0]) == _size(first.columns, own[1])]
    others = [own for own in found if own not in square]
    if others:
        square.append((_sorted(r for r, _ in others), _sorted(c for _, c in others)))
    return square


def _sorted(places: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted(place for own in places for place in own))


def _size(axes: Sequence[Axis], places: Iterable[int]) -> int:
    return prod(axes[place].size for place in places)


def _row_count(term: Term) -> int:
    """How many rows a term has as a matrix."""
    return prod(axis.size for axis in term.rows)


def _restricted(term: Term, own: Places) -> Term:
    """The factor of a term on one group of axes; the coefficient is left out."""
    rows, columns = tuple(term.rows[r] for r in own[0]), tuple(term.columns[c] for c in own[1])
    wanted = {axis.label for axis in (*rows, *columns)}
    joined = Joined()
    for part in term.parts:
        joined.join(part.labels)
    roots = {joined.root(label) for label in wanted}
    parts = tuple(part for part in term.parts if joined.root(part.labels[0]) in roots)
    return replace(term, coefficient=1.0, parts=parts, rows=rows, columns=columns)


@frozen
class _Product:
    """A Kronecker product: for each group of axes a sum of terms."""

    factors: tuple[tuple[Term, ...], ...]

    def ratios(self, other: _Product) -> list[complex | None]:
        """For each group, the number that takes this factor to the other's; None if none does."""
        return [_ratio(a, b) for a, b in zip(self.factors, other.factors, strict=True)]

    def plus(self, other: _Product) -> _Product | None:
        """The sum, where the two differ in one group at most."""
        ratios = self.ratios(other)
        differing = [place for place, ratio in enumerate(ratios) if ratio is None]
        if len(differing) > 1:
            return None
        place = differing[0] if differing else 0
        times = prod(ratio for p, ratio in enumerate(ratios) if p != place and ratio is not None)
        joined = (*self.factors[place], *_scaled(other.factors[place], times))
        return _Product((*self.factors[:place], joined, *self.factors[place + 1 :]))


def _scaled(terms: Iterable[Term], times: complex) -> tuple[Term, ...]:
    return tuple(replace(term, coefficient=term.coefficient * times) for term in terms)


def _ratio(left: Sequence[Term], right: Sequence[Term]) -> complex | None:
    if max(_row_count(t) for t in (left[0], right[0])) > DENSE_LIMIT:
        return None
    a, b = dense(left), dense(right)
    square = np.vdot(a, a)
    ratio = (np.vdot(a, b) / square).item() if square else 0.0
    close = largest(b - ratio * a) <= SAME * largest(b)
    return ratio if close else None


def _product(term: Term, places: Sequence[Places]) -> _Product:
    first, *others = ((_restricted(term, own),) for own in places)
    return _Product((_scaled(first, term.coefficient), *others))


def _summed(products: Iterable[_Product]) -> list[_Product]:
    """Products put together wherever two differ in one group only."""
    done: list[_Product] = []
    for product in products:
        for place, other in enumerate(done):
            joined = other.plus(product)
            if joined is not None:
                done[place] = joined
                break
        else:
            done.append(product)
    return done


def _kronecker(terms: Sequence[Term], places: Sequence[Places]) -> Inverse | None:
    products = _summed(_product(term, places) for term in terms)
    sizes = tuple(a.size for a in terms[0].rows), tuple(a.size for a in terms[0].columns)
    if len(products) > 1:
        simpler = _diagonal_or_low_rank(terms)
        if simpler is not None:
            return simpler
    if len(products) == 1:
        inverses = [_matrix(own) for own in products[0].factors]
    elif len(products) == 2:
        ratios = products[0].ratios(products[1])
        differing = [place for place, ratio in enumerate(ratios) if ratio is None]
        if len(differing) != 2:
            return None
        times = prod(ratio for ratio in ratios if ratio is not None)
        first, second = ([product.factors[place] for place in differing] for product in products)
        inverses = [_kronecker_sum(first, [_scaled(second[0], times), second[1]])]
        inverses += [_matrix(own) for own, r in zip(products[0].factors, ratios, strict=True) if r is not None]
        summed = tuple(tuple(x for place in differing for x in places[place][side]) for side in (0, 1))
        places = [summed, *(own for own, r in zip(places, ratios, strict=True) if r is not None)]  # type: ignore[list-item]
    else:
        return None
    if any(inverse is None for inverse in inverses):
        return None
    pairs = zip(inverses, places, strict=True)
    return KroneckerInverse(tuple(Group(i, *own) for i, own in pairs if i is not None), *sizes)


def _kronecker_sum(first: Sequence[Sequence[Term]], second: Sequence[Sequence[Term]]) -> Inverse:
    """The sum of two products of two factors."""
    (a, b), (c, d) = (tuple(map(dense, factors)) for factors in (first, second))
    return KroneckerSumInverse((a, c), (b, d))


def _matrix(terms: Sequence[Term]) -> Inverse | None:
    """A sum of terms that is no Kronecker product."""
    size = _row_count(terms[0])
    return _diagonal_or_low_rank(terms) or _block_diagonal(terms) or _whole(terms, size)


def _diagonal_or_low_rank(terms: Sequence[Term]) -> Inverse | None:
    diagonal = [term for term in terms if _is_diagonal(term)]
    others = [term for term in terms if not _is_diagonal(term)]
    if not others:
        return DiagonalInverse(_diagonal(terms))
    return _woodbury(diagonal, others, _row_count(terms[0]))


def _whole(terms: Sequence[Term], size: int) -> Inverse | None:
    return DenseInverse(1, lambda: dense(terms)[None]) if size <= DENSE_LIMIT else None


def _is_diagonal(term: Term) -> bool:
    full = all(axis.size == term.sizes[axis.label] for axis in term.rows)
    return full and term.row_labels == term.column_labels and len(set(term.row_labels)) == len(term.rows)


def _diagonal(terms: Sequence[Term]) -> Array:
    values = [contracted(t.coefficient, t.parts, t.sizes, t.row_labels).reshape(-1) for t in terms]
    return sum(values[1:], values[0])


def _woodbury(diagonal: Sequence[Term], others: Sequence[Term], size: int) -> Inverse | None:
    """Low rank plus diagonal, where the rank is small enough to gain by it."""
    cuts = [low_rank_factors(term, size // 4) for term in others] if diagonal else []
    found = [cut for cut in cuts if cut is not None]
    rank = sum(left.shape[1] for left, _ in found)
    if not found or len(found) < len(cuts) or 4 * rank > size:
        return None
    entries = DiagonalInverse(_diagonal(diagonal))
    if not entries.reciprocal > SINGULAR:
        return None
    return WoodburyInverse(entries, *(np.concatenate([cut[side] for cut in found], axis=1) for side in (0, 1)))


def low_rank_factors(term: Term, most: int) -> tuple[Array, Array] | None:
    """U and V, of so many columns at most, with U Vᵀ for the term: one or two labels hold rows and columns together."""
    rows, columns = set(term.row_labels), set(term.column_labels)
    if rows & columns or any(axis.size != term.sizes[axis.label] for axis in (*term.rows, *term.columns)):
        return None
    inner = sorted({x for part in term.parts for x in part.labels} - rows - columns)
    cuts = [cut for count in range(3) for cut in combinations(inner, count)]
    size = prod(term.sizes[x] for x in term.row_labels)
    for cut in sorted(cuts, key=lambda cut: prod(term.sizes[x] for x in cut)):
        rank = prod(term.sizes[x] for x in cut)
        sides = _sides(term, set(cut)) if rank <= most and rank * size <= ENTRIES_LIMIT else None
        if sides is not None:
            left = contracted(term.coefficient, sides[0], term.sizes, (*term.row_labels, *cut))
            right = contracted(1.0, sides[1], term.sizes, (*term.column_labels, *cut))
            return left.reshape(-1, rank), right.reshape(-1, rank)
    return None


def _sides(term: Term, cut: set[int]) -> tuple[list[Part], list[Part]] | None:
    """The parts on the rows' side of a cut and those on the columns' side; None where they hang together."""
    joined = Joined()
    for part in term.parts:
        joined.join(x for x in part.labels if x not in cut)
    rows = {joined.root(x) for x in term.row_labels}
    columns = {joined.root(x) for x in term.column_labels}
    if rows & columns:
        return None
    right = [p for p in term.parts if any(joined.root(x) in columns for x in p.labels if x not in cut)]
    return [p for p in term.parts if not any(p is other for other in right)], right


def _block_diagonal(terms: Sequence[Term]) -> Inverse | None:
    """A stack of matrices: axes that have the same label among the rows and the columns of every term."""
    first = terms[0]
    pairs: dict[int, int] = {}
    for r in range(len(first.rows)):
        for c in range(len(first.columns)):  # a label may stand at several axes: each is in one pair
            shared = all(t.row_labels[r] == t.column_labels[c] and _full(t.rows[r], t) for t in terms)
            if shared and r not in pairs and c not in pairs.values():
                pairs[r] = c
    rows = [*pairs, *(r for r in range(len(first.rows)) if r not in pairs)]
    columns = [*pairs.values(), *(c for c in range(len(first.columns)) if c not in pairs.values())]
    count = prod(first.rows[r].size for r in pairs)
    size = _row_count(first) // max(count, 1)
    if count <= 1 or count * size**2 > ENTRIES_LIMIT:
        return None

    def stacked() -> Array:
        parts = [_stack(term, rows, columns, len(pairs)) for term in terms]
        return sum(parts[1:], parts[0]).reshape(count, size, size)

    inverse = DenseInverse(count, stacked)
    sizes = tuple(a.size for a in first.rows), tuple(a.size for a in first.columns)
    return KroneckerInverse((Group(inverse, tuple(rows), tuple(columns)),), *sizes)


def _full(axis: Axis, term: Term) -> bool:
    return axis.size == term.sizes[axis.label]


def _stack(term: Term, rows: Sequence[int], columns: Sequence[int], batch: int) -> Array:
    """The blocks of a term: the shared axes once, then the other rows and columns."""
    ordered = replace(
        term,
        rows=tuple(term.rows[r] for r in rows),
        columns=tuple(term.columns[c] for c in columns[batch:]),
    )
    return ordered.entries()


def _blocks(terms: Sequence[Term]) -> Inverse | None:
    """A matrix of blocks, one in each block row and block column."""
    if all(_full(axis, t) for t in terms for axis in (*t.rows, *t.columns)):
        return None
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], list[Term]] = {}
    for term in terms:
        places = (tuple(_entries(term.rows, term)), tuple(_entries(term.columns, term)))
        found.setdefault(places, []).append(term)
    sides = [np.concatenate([np.array(places[side]) for places in found]) for side in (0, 1)]
    count = _row_count(terms[0])
    square = all(len(rows) == len(columns) for rows, columns in found)
    if not square or any(len(side) != count or len(np.unique(side)) != count for side in sides):
        return _whole(terms, count)
    inverses = [recognised([_unwindowed(term) for term in own]) for own in found.values()]
    if any(inverse is None for inverse in inverses):
        return None
    return BlockInverse(
        tuple(
            Window(inverse, np.array(rows), np.array(columns))
            for inverse, (rows, columns) in zip(inverses, found, strict=True)
            if inverse is not None
        )
    )


def _entries(axes: Sequence[Axis], term: Term) -> list[int]:
    """The places of a window's entries among all entries."""
    everything = np.arange(prod(axis.size for axis in axes)).reshape([axis.size for axis in axes])
    window = tuple(slice(axis.start, axis.start + term.sizes[axis.label]) for axis in axes)
    return everything[window].reshape(-1).tolist()


def _unwindowed(term: Term) -> Term:
    rows, columns = (
        tuple(Axis(axis.label, term.sizes[axis.label]) for axis in axes) for axes in (term.rows, term.columns)
    )
    return replace(term, rows=rows, columns=columns)

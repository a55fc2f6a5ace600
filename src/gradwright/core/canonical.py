"""A key under which equal products meet.

Two contractions that differ by the order of the factors, the names of the labels, the orientation
of symmetric matrices or the rational number in front have the same key, and no others have. If the
orientation of skew matrices may differ as well, the key comes with a sign: `K` and `Kᵀ` have the same
key and opposite signs, and the sign of what is minus itself, such as `xᵀ K x`, is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from fractions import Fraction

from gradwright.core.contraction import plain, simple
from gradwright.core.nodes import Contract, Factor, Mask, Node

BRANCH_LIMIT = 64
Predicate = Callable[[Node], bool]
Key = tuple[str, ...]


def as_product(node: Node) -> Contract:
    """The node itself if it is a contraction, else the contraction of it alone."""
    if isinstance(node, Contract):
        return node
    labels = range(node.rank)
    return Contract(Fraction(1), (plain(node, labels),), node.shape, simple(labels))


def only_matrix(product: Contract) -> Factor | None:
    """The one factor of a multiple of a matrix, of its transpose or of its conjugate; None of any other product.

    The diagonal of a matrix, as a matrix, has that one factor too, and is none of these: there both axes are one.
    """
    if len(product.factors) != 1:
        return None
    factor = product.factors[0]
    is_matrix = factor.node.rank == 2 and len(factor.groups) == 2 and factor.groups[0] != factor.groups[1]
    return factor if is_matrix and product.output in (factor.groups, factor.groups[::-1]) else None


def rough_key(node: Node) -> Hashable:
    """A cheap key: equal for like terms, and sometimes for others."""
    if not isinstance(node, Contract):
        return (node.digest,)
    return key_of_factors(node.factors)


def key_of_factors(factors: Iterable[Factor]) -> tuple[bytes, ...]:
    """What some factors are; not whether one is conjugated, since that of a Hermitian matrix is its transpose."""
    return tuple(sorted([(_lower(f.node) if isinstance(f.node, Mask) else f.node).digest for f in factors]))


def _lower(mask: Mask) -> Mask:
    """Of a mask and its transpose the one that weighs more below the diagonal."""
    return mask if mask.below >= mask.above else mask.transposed


def canonical_key(
    node: Node,
    is_symmetric: Predicate,
    is_hermitian: Predicate,
    axes: Sequence[int] | None = None,
    conj: bool = False,
) -> Hashable:
    """The key of a term, its output axes taken in the given order, or of its conjugate.

    The factors and labels form a coloured graph; its colours are refined until stable, and ties are
    broken by trying every member of the first tied class (at most `BRANCH_LIMIT` times; past that
    two like terms may stay apart, which costs a merged term and never makes a wrong one).
    """
    return signed_key(node, is_symmetric, lambda node: False, is_hermitian, axes, conj)[0]


def signed_key(
    node: Node,
    is_symmetric: Predicate,
    is_skew: Predicate,
    is_hermitian: Predicate,
    axes: Sequence[int] | None = None,
    conj: bool = False,
) -> tuple[Hashable, int]:
    """The key of a term up to the orientation of skew matrices as well, and the sign that goes with it."""
    term = as_product(node)
    output = term.output if axes is None else tuple(term.output[axis] for axis in axes)
    factors = tuple(_oriented(f, is_hermitian, conj) for f in term.factors)
    term = Contract(term.coefficient, factors, term.dims, term.output)
    return _Colouring(term, output, is_symmetric, is_skew).key()


def _oriented(factor: Factor, is_hermitian: Predicate, conj: bool) -> Factor:
    """The conjugate of a Hermitian matrix is its transpose; an upper triangle is a lower one turned around."""
    if isinstance(factor.node, Mask):
        mask = _lower(factor.node)
        return factor if mask is factor.node else Factor(mask, factor.groups[::-1])
    if factor.node.real:
        return factor
    flag = factor.conj != conj
    if flag and factor.node.rank == 2 and is_hermitian(factor.node):
        return Factor(factor.node, factor.groups[::-1])
    return Factor(factor.node, factor.groups, flag)


class _Colouring:
    """Canonical labelling of one contraction by colour refinement and individualisation."""

    def __init__(self, term: Contract, output: Sequence[Sequence[int]], symmetric: Predicate, skew: Predicate) -> None:
        self.term = term
        self.output = output
        self.skew = [f.node.rank == 2 and skew(f.node) for f in term.factors]
        self.unordered = [
            is_skew or (f.node.rank == 2 and symmetric(f.node))
            for f, is_skew in zip(term.factors, self.skew, strict=True)
        ]
        self.budget = BRANCH_LIMIT

    def key(self) -> tuple[Key, int]:
        colours = [self._initial(label) for label in range(len(self.term.dims))]
        return self._search(self._refine(_ranks(colours)))

    def _initial(self, label: int) -> str:
        places = [
            (axis, place)
            for axis, group in enumerate(self.output)
            for place, other in enumerate(group)
            if other == label
        ]
        return repr((str(self.term.dims[label]), places))

    def _refine(self, ranks: list[int]) -> list[int]:
        while True:
            seen: list[list[str]] = [[] for _ in ranks]
            for f, unordered in zip(self.term.factors, self.unordered, strict=True):
                described = self._describe(f, unordered, ranks)
                for place, label in enumerate(f.labels):
                    seen[label].append(repr((described, 0 if unordered else place)))
            finer = _ranks([repr((r, sorted(s))) for r, s in zip(ranks, seen, strict=True)])
            if len(set(finer)) == len(set(ranks)):
                return finer
            ranks = finer

    def _describe(self, factor: Factor, unordered: bool, ranks: list[int]) -> str:
        groups = [tuple(map(ranks.__getitem__, group)) for group in factor.groups]
        return repr((factor.node.digest, factor.conj, sorted(groups) if unordered else groups))

    def _search(self, ranks: list[int]) -> tuple[Key, int]:
        tied = _first_tie(ranks)
        if tied is None:
            return self._encode(ranks)
        found: list[tuple[Key, int]] = []
        for label in tied:
            if self.budget <= 0 and found:
                break
            self.budget -= 1
            split = _ranks([repr((rank, place != label)) for place, rank in enumerate(ranks)])
            found.append(self._search(self._refine(split)))
        least = min(key for key, _ in found)
        signs = {sign for key, sign in found if key == least}
        return least, signs.pop() if len(signs) == 1 else 0

    def _encode(self, ranks: list[int]) -> tuple[Key, int]:
        pairs = zip(self.term.factors, self.unordered, strict=True)
        factors = sorted(self._describe(f, unordered, ranks) for f, unordered in pairs)
        output = [[ranks[label] for label in group] for group in self.output]
        dims = sorted(zip(ranks, map(str, self.term.dims), strict=True))
        return (*factors, repr(output), repr(dims)), self._sign(ranks)

    def _sign(self, ranks: list[int]) -> int:
        """The sign by which turning every skew matrix into the order of the ranks multiplies; 0 for their diagonals."""
        sign = 1
        for f, is_skew in zip(self.term.factors, self.skew, strict=True):
            if is_skew:
                row, column = ([ranks[label] for label in group] for group in f.groups)
                sign *= (row < column) - (row > column)
        return sign


def _ranks(colours: list[str]) -> list[int]:
    order = {colour: rank for rank, colour in enumerate(sorted(set(colours)))}
    return [order[colour] for colour in colours]


def _first_tie(ranks: list[int]) -> list[int] | None:
    classes: dict[int, list[int]] = {}
    for label, rank in enumerate(ranks):
        classes.setdefault(rank, []).append(label)
    return next((members for _, members in sorted(classes.items()) if len(members) > 1), None)

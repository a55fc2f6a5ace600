"""Common factors taken out of sums where that saves work: `A K + diag(r) B K = (A + diag(r) B) K`.

Unlike the collection of factors for reading (`gradwright.linear.collect`), any tensor that stands in the
same way in several terms is a candidate, and the cost of both forms decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from functools import reduce
from operator import and_

from gradwright.core.canonical import as_product
from gradwright.core.contraction import ONE, contract, is_simple, simple, subproduct
from gradwright.core.nodes import Add, Contract, Factor, HalfVectorisation, Mask, Node, Selection, labels_of
from gradwright.core.sums import add, scaled, terms_of
from gradwright.frozen import frozen
from gradwright.optimise.paths import MODERATE, Sizes, Work
from gradwright.optimise.rewriting import over, rewritten
from gradwright.optimise.roots import NO_HINTS, Hints, Roots

# So many chains of candidates are followed to their ends for a sum.
PATIENCE = 24
STRUCTURES = (Mask, Selection, HalfVectorisation)
Key = tuple[Node, bool, tuple[int, ...], tuple[int, ...]]


@frozen
class _Split:
    """A term as a factor times the rest.

    The rest's axes are axes of the output; those that it does not have make place for what is summed with the factor.
    """

    place: int
    rest: Node


def factor_out(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Common factors taken out of every sum that becomes cheaper by it."""
    factoring = _Factoring(Sizes(hints, roots))
    return rewritten(roots, lambda _, new: factoring.of(new) if isinstance(new, Add) else new, rebuilt=over)


class _Factoring:
    """Sums with their common factors taken out, those that save most first.

    What a factor saves shows only when the next ones have been taken out too: `H P G + H P G K` gains nothing from
    `P G + P G K`, but much from `G + G K`. So candidates are followed to their ends, as long as patience lasts: it
    is divided among the candidates at every step.
    """

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._done: dict[tuple[Add, int], Node] = {}
        self._work = Work(sizes)
        self._splits: dict[Node, list[tuple[Key, Node]]] = {}

    def of(self, node: Add, patience: int = PATIENCE) -> Node:
        if (node, patience) not in self._done:
            self._done[node, patience] = self._factored(node, patience)
        return self._done[node, patience]

    def _factored(self, node: Add, patience: int) -> Node:
        outside = _common_outside(node)
        if outside:
            rest = add([_without(term, outside) for term in node.terms])
            rest = self.of(rest, patience) if isinstance(rest, Add) else rest
            return _times(rest, outside)
        largest = self._largest(node)
        groups = dict(_narrow(key, splits) for key, splits in self._groups(node).items() if len(splits) > 1)
        found = {key: s for key, s in groups.items() if self._entries(s[0].rest) <= largest}
        each = patience // max(1, len(found))
        savings = {key: self._saving(node, key, splits, each) for key, splits in found.items()}
        places = {key: {split.place for split in splits} for key, splits in found.items()}
        chosen, used = dict[int, Key](), set[int]()
        for key in sorted(found, key=lambda key: -savings[key]):
            # Of very many, none of which is followed, all are taken that meet in no term.
            if savings[key] > 0 and not (chosen and each) and used.isdisjoint(places[key]):
                chosen[min(places[key])] = key
                used |= places[key]
        if not chosen:
            return node
        parts = [
            self._joined(node, chosen[place], found[chosen[place]], patience) if place in chosen else term
            for place, term in enumerate(node.terms)
            if place in chosen or place not in used
        ]
        whole = add(parts)
        return self.of(whole, patience) if len(parts) > 1 and isinstance(whole, Add) else whole

    def _groups(self, node: Add) -> dict[Key, list[_Split]]:
        """The terms of a sum by each of their factors."""
        groups: dict[Key, list[_Split]] = {}
        for place, term in enumerate(node.terms):
            if term not in self._splits:
                self._splits[term] = _splits(term)
            for key, rest in self._splits[term]:
                groups.setdefault(key, []).append(_Split(place, rest))
        return groups

    def _joined(self, node: Add, key: Key, splits: Sequence[_Split], patience: int) -> Node:
        """The factor times the sum of the rests."""
        factor, conj, pattern, kept = key
        total = add([split.rest for split in splits])
        if isinstance(total, Add):
            total = self.of(total, patience)
        count = node.rank
        labels = [axis if axis >= 0 else count + pattern[:place].count(-1) for place, axis in enumerate(pattern)]
        summed = [x for x in labels if x >= count]
        dims = {**dict(enumerate(node.shape)), **dict(zip(labels, factor.shape, strict=True))}
        groups = simple(_axes_of_rest(kept, summed, range(count)))
        content, total = _content(total)
        factors = [Factor(total, groups), Factor(factor, simple(labels), conj)]
        return contract(content, factors, simple(range(count)), dims)

    def _saving(self, node: Add, key: Key, splits: Sequence[_Split], patience: int) -> float:
        """What is saved: products for each term, against sums of the rests and one product."""
        before = self._work.of(*(node.terms[split.place] for split in splits))
        rest = splits[0].rest
        after = self._work.of(key[0], *(split.rest for split in splits)) + self._work.written(rest) * (len(splits) - 1)
        saved = before - after - self._final_cost(node, key)
        if not patience or saved < -before:
            return saved
        followed = self._work.of(self._joined(node, key, splits, patience))
        return max(saved, before + self._work.written(node) * (len(splits) - 1) - followed)

    def _final_cost(self, node: Add, key: Key) -> float:
        summed = [dim for dim, axis in zip(key[0].shape, key[2], strict=True) if axis < 0]
        return self._sizes.entries((*node.shape, *summed)) + self._work.written(node)

    def _largest(self, node: Add) -> float:
        """The entries of the largest tensor in a sum of products: no sum of rests may have more."""
        products = [term for term in node.terms if isinstance(term, Contract)]
        return max(map(self._entries, (node, *(f.node for term in products for f in term.factors))))

    def _entries(self, node: Node) -> float:
        return self._sizes.entries(node.shape)


def _common_outside(node: Add) -> list[Factor]:
    """The scalars and the masks that all terms have: they wait until there is less to multiply them with."""
    if not all(isinstance(term, Contract) for term in node.terms):
        return []
    counted = [Counter(filter(None, _outside(term))) for term in node.terms if isinstance(term, Contract)]
    return list(reduce(and_, counted).elements())


def _outside(term: Contract) -> list[Factor | None]:
    """For every factor, if it is a scalar or a mask of the output, the same with the output's axes for labels."""
    axes = {group[0]: axis for axis, group in enumerate(term.output) if len(group) == 1}
    found: list[Factor | None] = []
    for f in term.factors:
        wanted = not f.node.rank or (isinstance(f.node, Mask) and axes.keys() >= set(f.labels))
        found.append(f.relabelled(axes) if wanted else None)
    return found


def _without(term: Node, outside: Sequence[Factor]) -> Node:
    """A product without some of its factors."""
    assert isinstance(term, Contract)
    left = Counter(outside)
    kept: list[Factor] = []
    for factor, seen in zip(term.factors, _outside(term), strict=True):
        if seen is not None and left[seen]:
            left[seen] -= 1
        else:
            kept.append(factor)
    return subproduct(term, kept, term.output, term.coefficient)


def _times(node: Node, outside: Sequence[Factor]) -> Node:
    axes = simple(range(node.rank))
    return contract(ONE, [*outside, Factor(node, axes)], axes, dict(enumerate(node.shape)))


def _splits(term: Node) -> list[tuple[Key, Node]]:
    """Every way to see a term as a tensor times the rest, each tensor once; none for a product of very many."""
    if not isinstance(term, Contract) or len(term.factors) > MODERATE or not is_simple(term.output):
        return []
    flat = [g[0] for g in term.output]
    if len(set(flat)) != len(flat) or not all(is_simple(f.groups) for f in term.factors):
        return []
    found: dict[Key, Node] = {}
    for place, factor in enumerate(term.factors):
        split = _split(term, place, flat)
        if split is not None and not isinstance(factor.node, STRUCTURES):
            found.setdefault(*split)
    return list(found.items())


def _split(term: Contract, place: int, flat: Sequence[int]) -> tuple[Key, Node] | None:
    factor = term.factors[place]
    others = term.beside(place)
    elsewhere = labels_of(others)
    labels = factor.labels
    summed = [x for x in labels if x not in flat]
    if not factor.node.rank or len(set(labels)) != len(labels) or not set(summed) <= elsewhere:
        return None
    # Of what is only placed, spread or masked nothing is left to be added, but a matrix to be filled in.
    if not any(f.node.rank and not isinstance(f.node, STRUCTURES) for f in others):
        return None
    # What is multiplied entry by entry leaves a rest with all axes, constant along some of them.
    kept = [axis for axis, x in enumerate(flat) if x in elsewhere or x not in labels or not summed]
    output = _axes_of_rest([flat[axis] for axis in kept], summed, flat)
    rest = subproduct(term, others, simple(output), term.coefficient)
    pattern = tuple(flat.index(x) if x in flat else -1 for x in labels)
    return (factor.node, factor.conj, pattern, tuple(kept)), rest


def _narrow(key: Key, splits: list[_Split]) -> tuple[Key, list[_Split]]:
    """Without the axes along which all rests are constant: of `a xᵀ` and `b xᵀ` the vectors a and b are added."""
    factor, conj, pattern, kept = key
    if -1 in pattern:
        return key, splits
    products = [as_product(split.rest) for split in splits]
    carried = [labels_of(product.factors) for product in products]
    varying = [
        place
        for place in range(len(kept))
        if any(product.output[place][0] in labels for product, labels in zip(products, carried, strict=True))
    ]
    if len(varying) == len(kept):
        return key, splits
    rests = [_along(product, varying) for product in products]
    narrower = factor, conj, pattern, tuple(kept[place] for place in varying)
    return narrower, [_Split(split.place, rest) for split, rest in zip(splits, rests, strict=True)]


def _along(product: Contract, axes: Sequence[int]) -> Node:
    """A product that is constant along all other axes, as a tensor with these axes only."""
    output = tuple(product.output[axis] for axis in axes)
    return subproduct(product, product.factors, output, product.coefficient)


def _axes_of_rest(kept: Collection[int], summed: Sequence[int], whole: Iterable[int]) -> list[int]:
    """The labels of a rest, in the order of the whole: `Kᵀ` for `H` in `H Kᵀ`, not its transpose."""
    waiting = list(summed)
    found = [x if x in kept else waiting.pop(0) for x in whole if x in kept or waiting]
    return [*found, *waiting]


def _content(total: Node) -> tuple[Fraction, Node]:
    """A number that all terms of a sum have in common, and the rest."""
    common = {abs(as_product(term).coefficient) for term in terms_of(total)}
    if len(common) != 1 or not isinstance(total, Add):
        return ONE, total
    (content,) = common
    return content, scaled(1 / content, total) if content else total

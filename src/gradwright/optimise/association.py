"""Products of many factors as products of two, in the order that costs least.

A contraction of more than two tensors becomes a tree of contractions of two; the tree with the fewest
multiplications at the given sizes is found by trying all for a few factors and by `opt_einsum` for many.
Of trees that cost the same, the one that multiplies from the left is taken. A trace of a product is
thereby a sum of products of entries, and no product is ever formed for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from itertools import combinations
from math import prod

from gradwright.core.contraction import is_simple
from gradwright.core.dims import Dim
from gradwright.core.nodes import Contract, Factor, HalfVectorisation, Mask, Node, Selection
from gradwright.optimise.pairs import key_of, pair_of, renumbered
from gradwright.optimise.paths import Path, Sizes, cheapest
from gradwright.optimise.rewriting import rewritten
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.optimise.shared_products import MANY, Product, worth_sharing

# What a walk learns about shared products, the next one uses.
WALKS = 3


def associate(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Every contraction as a tree of contractions of two tensors."""
    sizes, shared = Sizes(hints, roots), frozenset[Node]()
    for _ in range(WALKS - 1):
        products = _Products(sizes, shared)
        found = _associated(roots, products)
        known, shared = shared, worth_sharing(products.met, sizes)
        if shared == known:
            return found
    return _associated(roots, _Products(sizes, shared))


def _associated(roots: Roots, products: _Products) -> Roots:
    return rewritten(roots, lambda _, new: products.tree(new) if isinstance(new, Contract) else new)


class _Products:
    """Contractions as trees; a product of two that several contain is formed once.

    Attributes:
        shared: the products of two that are worth forming, by what the walk before this one met.
        met: the contractions of this walk.
        formed: the products of two so far.
    """

    def __init__(self, sizes: Sizes, shared: Collection[Node]) -> None:
        self.sizes = sizes
        self.shared = shared
        self.met: list[Product] = []
        self.formed: dict[Node, tuple[Node, tuple[int, ...]]] = {}
        self._paired = {frozenset(key.children) for key in shared}  # what stands together in a product that is known

    def tree(self, node: Contract) -> Node:
        node = _with_sums_formed(_with_parts_cut(node))
        scalars = [f for f in node.factors if not f.node.rank]
        around = [f for f in node.factors if f.node.rank and _stays_outside(f, node)]
        operands = [f for f in node.factors if f.node.rank and f not in around]
        if len(operands) < 2:
            return renumbered(node.coefficient, node.factors, node.output, node.dims)
        outside = set(node.free_labels).union(*(f.labels for f in around))
        self.met.append(Product(tuple(operands), frozenset(outside), node.dims))
        self._take_formed(operands, outside, node.dims)
        path = self._path(operands, outside, node.dims)
        for i, j in path[:-1]:
            self._merge(operands, i, j, outside, node.dims)
        coefficient = node.coefficient
        if len(operands) == 2 and self._worth_sharing(operands, outside):
            small = self._place_of_numbers(operands, outside, node) if scalars else None
            if small is not None:
                operands[small] = scaled(operands[small], coefficient, scalars, node.dims)
                coefficient, scalars = Fraction(1), []
            self._merge(operands, 0, 1, outside, node.dims)
        own = operands[0]
        if len(operands) == 1 and coefficient == 1 and not scalars and not around and own.groups == node.output:
            return own.node
        return renumbered(coefficient, [*scalars, *operands, *around], node.output, node.dims)

    def _place_of_numbers(self, operands: Sequence[Factor], outside: set[int], node: Contract) -> int | None:
        """The operand that numbers multiply with less work than the product, if the product is used here alone."""
        lengths = self.sizes.lengths(node.dims)
        if key_of(operands[0], operands[1], outside, node.dims)[0] in self.shared:
            return None
        entries = [prod(lengths[x] for x in operand.labels) for operand in operands]
        result = prod(lengths[x] for x in outside if any(x in operand.labels for operand in operands))
        return entries.index(min(entries)) if 2 * min(entries) <= result else None

    def _path(self, operands: Sequence[Factor], outside: set[int], dims: Sequence[Dim]) -> Path:
        return cheapest([frozenset(f.labels) for f in operands], outside, self.sizes.lengths(dims))[1]

    def _worth_sharing(self, operands: Sequence[Factor], outside: set[int]) -> bool:
        """Whether the last product sums over anything: entry by entry, numbers go with the smaller factor."""
        left, right = operands
        return bool((set(left.labels) & set(right.labels)) - outside)

    def _merge(self, operands: list[Factor], i: int, j: int, outside: set[int], dims: Sequence[Dim]) -> None:
        """The product of two operands in the place of the first."""
        kept = outside.union(*(f.labels for place, f in enumerate(operands) if place not in (i, j)))
        left, right = operands[i], operands[j]
        key, order = key_of(left, right, kept, dims)
        if key in self.formed:
            node, places = self.formed[key]
            operands[i] = Factor(node, tuple((order[place],) for place in places))
        else:
            operands[i] = pair = pair_of(left, right, kept, dims)
            self._paired.add(frozenset(key.children))
            self.formed[key] = pair.node, tuple(order.index(group[0]) for group in pair.groups)
        del operands[j]

    def _take_formed(self, operands: list[Factor], outside: set[int], dims: Sequence[Dim]) -> None:
        """Use products that are there or worth forming, as long as the rest does not become dearer for it."""
        while 1 < len(operands) <= MANY:
            best = (float(self._cost(operands, outside, dims)), False)
            chosen: tuple[int, int] | None = None
            for i, j in combinations(range(len(operands)), 2):
                cost = self._cost_with(operands, i, j, outside, dims)
                if cost is not None and (cost < best if chosen else cost[0] < best[0]):
                    best, chosen = cost, (i, j)
            if chosen is None:
                return
            self._merge(operands, *chosen, outside, dims)

    def _cost_with(
        self, operands: Sequence[Factor], i: int, j: int, outside: set[int], dims: Sequence[Dim]
    ) -> tuple[float, bool] | None:
        """What the rest costs once a product is taken; of two that cost the same, one that was chosen comes first."""
        if frozenset((operands[i].node, operands[j].node)) not in self._paired:
            return None
        rest = [f for place, f in enumerate(operands) if place not in (i, j)]
        kept = outside.union(*(f.labels for f in rest))
        key, labels = key_of(operands[i], operands[j], kept, dims)
        if key not in self.formed and key not in self.shared:
            return None
        joined = Factor(key, tuple((x,) for x in labels))
        return self._cost([*rest, joined], outside, dims), key not in self.shared

    def _cost(self, operands: Sequence[Factor], outside: set[int], dims: Sequence[Dim]) -> int:
        return cheapest([frozenset(f.labels) for f in operands], outside, self.sizes.lengths(dims))[0]


def scaled(operand: Factor, coefficient: Fraction, scalars: Sequence[Factor], dims: Sequence[Dim]) -> Factor:
    """A factor multiplied by numbers."""
    output = tuple((x,) for x in dict.fromkeys(operand.labels))
    return Factor(renumbered(coefficient, [*scalars, operand], output, dims), output)


def _stays_outside(factor: Factor, node: Contract) -> bool:
    """Selections that place a result in a larger one, and masks of the output."""
    flat = set(node.free_labels)
    if isinstance(factor.node, Selection):
        return set(factor.groups[0]) <= flat
    return isinstance(factor.node, Mask) and set(factor.labels) <= flat


def _with_parts_cut(node: Contract) -> Contract:
    """Selections and masks applied to the factor that they belong to, where it is one."""
    factors = list(node.factors)
    for special in node.factors:
        if isinstance(special.node, Selection | Mask) and len([f for f in factors if f.node.rank]) > 2:
            factors = _attached(special, factors, node)
    if len(factors) == len(node.factors):
        return node
    return renumbered(node.coefficient, factors, node.output, node.dims)


def _with_sums_formed(node: Contract) -> Contract:
    """A factor summed over labels that nothing else has is a sum of its own, which other products may have, too."""
    factors = [_summed(place, node) for place in range(len(node.factors))]
    return node if factors == list(node.factors) else Contract(node.coefficient, tuple(factors), node.dims, node.output)


def _summed(place: int, node: Contract) -> Factor:
    factor = node.factors[place]
    if isinstance(factor.node, Selection | Mask | HalfVectorisation) or not is_simple(factor.groups):
        return factor
    outside = {x for p, f in enumerate(node.factors) if p != place for x in f.labels}.union(node.free_labels)
    kept = tuple((x,) for x in dict.fromkeys(factor.labels) if x in outside)
    alone = len(node.factors) == 1 and node.coefficient == 1 and set(kept) == set(node.output)
    if alone or set(factor.labels) <= outside:
        return factor
    return Factor(renumbered(Fraction(1), [factor], kept, node.dims), kept)


def _attached(special: Factor, factors: list[Factor], node: Contract) -> list[Factor]:
    flat = set(node.free_labels)
    wanted = set(special.groups[0]) if isinstance(special.node, Selection) else set(special.labels)
    owners = [f for f in factors if f is not special and wanted & set(f.labels)]
    if isinstance(special.node, Selection) and (wanted & flat or len(owners) != 1):
        return factors
    owner = next((f for f in owners if wanted <= set(f.labels) and f.node.rank), None)
    if owner is None or isinstance(owner.node, Selection | Mask) or not is_simple(special.groups):
        return factors
    rest = [f for f in factors if f is not special and f is not owner]
    kept = flat.union(*(f.labels for f in rest))
    joined = pair_of(owner, special, kept, node.dims)
    return [joined if f is owner else f for f in factors if f is not special]

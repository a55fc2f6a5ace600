"""Which products of two tensors are worth forming because several larger products contain them.

In `tr(Y E Y E)`, `tr(Y E Y F)` and `tr(Y F Y F)` every product has many cheapest orders, and only together do they say
that `Y E` and `Y F` are to be formed, after which all three are sums over entries. So of the products of two that save
anything altogether, the cheapest is taken first (`E = A ∘ B` before `Y E`), and of those the one that saves most; it is
put in everywhere, and what is left is looked at again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from itertools import combinations

from gradwright.core.dims import Dim
from gradwright.core.nodes import Factor, Node
from gradwright.frozen import frozen
from gradwright.optimise.pairs import is_outer, key_of, pair_of
from gradwright.optimise.paths import Sizes, cheapest

MANY = 9  # operands beyond which pairs are not searched
BEGINNINGS = 4  # products to begin with that are tried


@frozen(eq=False)
class Product:
    """A product of several tensors, summed over the labels that are not outside."""

    operands: tuple[Factor, ...]
    outside: frozenset[int]
    dims: tuple[Dim, ...]

    def cost(self, sizes: Sizes) -> int:
        """What it costs in the best order."""
        return cheapest([frozenset(f.labels) for f in self.operands], self.outside, sizes.lengths(self.dims))[0]

    @cached_property
    def pairs(self) -> dict[Node, list[tuple[int, int]]]:
        """The places of each product of two that has no more entries than its factors."""
        found: dict[Node, list[tuple[int, int]]] = {}
        for i, j in combinations(range(len(self.operands)), 2):
            kept = self._kept(i, j)
            if not is_outer(self.operands[i], self.operands[j], kept):
                found.setdefault(key_of(self.operands[i], self.operands[j], kept, self.dims)[0], []).append((i, j))
        return found

    def with_pair(self, key: Node) -> Product:
        """The product in which a product of two is one operand, wherever it stands."""
        found = self.pairs.get(key)
        if not found:
            return self
        i, j = found[0]
        joined = pair_of(self.operands[i], self.operands[j], self._kept(i, j), self.dims)
        rest = [f for place, f in enumerate(self.operands) if place not in (i, j)]
        return Product((*rest[:i], joined, *rest[i:]), self.outside, self.dims).with_pair(key)

    def pair_cost(self, key: Node, sizes: Sizes) -> int:
        """What the product of two costs alone."""
        i, j = self.pairs[key][0]
        return Product((self.operands[i], self.operands[j]), self._kept(i, j), self.dims).cost(sizes)

    def _kept(self, i: int, j: int) -> frozenset[int]:
        others = (f.labels for place, f in enumerate(self.operands) if place not in (i, j))
        return self.outside.union(*others)


def worth_sharing(products: Iterable[Product], sizes: Sizes) -> frozenset[Node]:
    """The products of two that are worth forming, by what they save in all products together.

    Of the dearest, what saves most at first may stand in the way of what would serve all: of symmetric matrices,
    `tr(Y Y E)`, `tr(Y Y F)`, `tr(Y E E Y)` and `tr(Y F F Y)` all contain `Y Y`, and `Y E` and `Y F` make sums over
    entries of all four. So several of these are tried to begin with.
    """
    waiting = [_Waiting(product, sizes) for product in products if 1 < len(product.operands) <= MANY]
    way = _Way(tuple(waiting), (), 0)
    while way.gaining:
        best, dearest = way.gaining[0], way.gaining[-1]
        if way.costs[best] == way.costs[dearest]:
            way = min((way.with_pair(first).completed for first in way.gaining[:BEGINNINGS]), key=lambda way: way.total)
        else:
            way = way.with_pair(best)
    return frozenset(way.formed)


@frozen(eq=False)
class _Way:
    """Products of two that are formed, and the products in which they have been put.

    Attributes:
        waiting: the products.
        formed: the products of two.
        cost: what these cost.
    """

    waiting: tuple[_Waiting, ...]
    formed: tuple[Node, ...]
    cost: int

    @property
    def total(self) -> int:
        """What everything costs."""
        return self.cost + sum(one.cost for one in self.waiting)

    @cached_property
    def costs(self) -> dict[Node, int]:
        """What each product of two costs that saves something."""
        return {key: cost for one in self.waiting for key, cost in one.costs.items()}

    @cached_property
    def gaining(self) -> list[Node]:
        """The products of two that save more than they cost: the cheapest first, and of those what saves most."""
        saved = Counter[Node]()
        for one in self.waiting:
            saved.update(one.gains)
        gaining = [key for key in saved if saved[key] > self.costs[key]]
        return sorted(gaining, key=lambda key: (self.costs[key], self.costs[key] - saved[key]))

    def with_pair(self, key: Node) -> _Way:
        """The way on which one more is formed."""
        waiting = tuple(one.with_pair(key) if key in one.gains else one for one in self.waiting)
        return _Way(waiting, (*self.formed, key), self.cost + self.costs[key])

    @property
    def completed(self) -> _Way:
        """The way to the end, by what saves most each time."""
        way = self
        while way.gaining:
            way = way.with_pair(way.gaining[0])
        return way


@frozen(eq=False)
class _Waiting:
    """A product, and what each product of two in it would save."""

    product: Product
    sizes: Sizes

    @cached_property
    def cost(self) -> int:
        return self.product.cost(self.sizes)

    def with_pair(self, key: Node) -> _Waiting:
        return _Waiting(self.product.with_pair(key), self.sizes)

    @cached_property
    def gains(self) -> dict[Node, int]:
        before = self.cost
        found = {key: before - self.product.with_pair(key).cost(self.sizes) for key in self.product.pairs}
        return {key: gain for key, gain in found.items() if gain > 0}

    @cached_property
    def costs(self) -> dict[Node, int]:
        return {key: self.product.pair_cost(key, self.sizes) for key in self.gains}

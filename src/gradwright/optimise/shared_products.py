"""Which products of two tensors are worth forming because several larger products contain them.

In `tr(Y E Y E)`, `tr(Y E Y F)` and `tr(Y F Y F)` every product has many cheapest orders, and only together do they say
that `Y E` and `Y F` are to be formed, after which all three are sums over entries. So of the products of two that save
anything altogether, the cheapest is taken first (`E = A ∘ B` before `Y E`), and of those the one that saves most; it is
put in everywhere, and what is left is looked at again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property, lru_cache
from itertools import combinations

from gradwright.core.dims import Dim
from gradwright.core.nodes import Factor, Node
from gradwright.frozen import frozen
from gradwright.optimise.pairs import is_outer, key_of, pair_of
from gradwright.optimise.paths import Sizes, cheapest

MANY = 9  # operands beyond which pairs are not searched
BEGINNINGS = 4  # products to begin with that are tried


@frozen
class Product:
    """A product of several tensors, summed over the labels that are not outside."""

    operands: tuple[Factor, ...]
    outside: frozenset[int]
    dims: tuple[Dim, ...]

    def cost(self, sizes: Sizes) -> int:
        """What it costs in the best order."""
        return cheapest([frozenset(f.labels) for f in self.operands], self.outside, sizes.lengths(self.dims))[0]

    @property
    def pairs(self) -> dict[Node, list[tuple[int, int]]]:
        """The places of each product of two that has no more entries than its factors."""
        return _pairs(self)

    def with_pair(self, key: Node) -> Product:
        """The product in which a product of two is one operand, wherever it stands."""
        found = self._place_of(key)
        if found is None:
            return self
        i, j = found
        joined = pair_of(self.operands[i], self.operands[j], self._kept(i, j), self.dims)
        rest = [f for place, f in enumerate(self.operands) if place not in (i, j)]
        return Product((*rest[:i], joined, *rest[i:]), self.outside, self.dims).with_pair(key)

    def _place_of(self, key: Node) -> tuple[int, int] | None:
        """The first place of a product of two, looked for where its factors stand."""
        wanted = Counter(key.children)
        for i, j in combinations(range(len(self.operands)), 2):
            if Counter((self.operands[i].node, self.operands[j].node)) == wanted and self.pair(i, j) == key:
                return i, j
        return None

    def pair(self, i: int, j: int) -> Node | None:
        """What tells the product of two operands from others; None if it has more entries than they."""
        kept, left, right = self._kept(i, j), self.operands[i], self.operands[j]
        return None if is_outer(left, right, kept) else key_of(left, right, kept, self.dims)[0]

    def pair_cost(self, key: Node, sizes: Sizes) -> int:
        """What the product of two costs alone."""
        i, j = self.pairs[key][0]
        return Product((self.operands[i], self.operands[j]), self._kept(i, j), self.dims).cost(sizes)

    def _kept(self, i: int, j: int) -> frozenset[int]:
        others = (f.labels for place, f in enumerate(self.operands) if place not in (i, j))
        return self.outside.union(*others)


# Kept, since the walks over an expression meet the same products, and so do a function and its derivatives.
@lru_cache(maxsize=4096)
def _pairs(product: Product) -> dict[Node, list[tuple[int, int]]]:
    found: dict[Node, list[tuple[int, int]]] = {}
    for i, j in combinations(range(len(product.operands)), 2):
        if (key := product.pair(i, j)) is not None:
            found.setdefault(key, []).append((i, j))
    return found


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
        """What each product of two costs that stands in several places: in one alone it saves no more than that."""
        places = Counter[Node]()
        for one in self.waiting:
            places.update({key: len(found) for key, found in one.product.pairs.items()})
        several = {key: one for one in self.waiting for key in one.product.pairs if places[key] > 1}
        return {key: one.product.pair_cost(key, one.sizes) for key, one in several.items()}

    @cached_property
    def gaining(self) -> list[Node]:
        """The products of two that save more than they cost: the cheapest first, and of those what saves most."""
        saved = Counter[Node]()
        for one in self.waiting:
            saved.update({key: one.gain(key) for key in one.product.pairs if key in self.costs})
        gaining = [key for key in saved if saved[key] > self.costs[key]]
        return sorted(gaining, key=lambda key: (self.costs[key], self.costs[key] - saved[key]))

    def with_pair(self, key: Node) -> _Way:
        """The way on which one more is formed."""
        waiting = tuple(
            one.with_pair(key) if key in one.product.pairs and one.gain(key) else one for one in self.waiting
        )
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

    def gain(self, key: Node) -> int:
        """What it saves to be given a product of two in it."""
        if key not in self._gains:
            self._gains[key] = max(0, self.cost - self.product.with_pair(key).cost(self.sizes))
        return self._gains[key]

    @cached_property
    def _gains(self) -> dict[Node, int]:
        """What has been asked for so far."""
        return {}

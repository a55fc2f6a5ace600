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
    """The products of two that are worth forming, by what they save in all products together."""
    chosen: set[Node] = set()
    waiting = [_Waiting(product, sizes) for product in products if 1 < len(product.operands) <= MANY]
    while True:
        costs, saved = dict[Node, int](), Counter[Node]()
        for one in waiting:
            costs |= one.costs
            saved.update(one.gains)
        gaining = [key for key in saved if saved[key] > costs[key]]
        if not gaining:
            return frozenset(chosen)
        best = min(gaining, key=lambda key: (costs[key], costs[key] - saved[key]))
        chosen.add(best)
        waiting = [_Waiting(one.product.with_pair(best), sizes) if best in one.gains else one for one in waiting]


@frozen(eq=False)
class _Waiting:
    """A product, and what each product of two in it would save."""

    product: Product
    sizes: Sizes

    @cached_property
    def gains(self) -> dict[Node, int]:
        before = self.product.cost(self.sizes)
        found = {key: before - self.product.with_pair(key).cost(self.sizes) for key in self.product.pairs}
        return {key: gain for key, gain in found.items() if gain > 0}

    @cached_property
    def costs(self) -> dict[Node, int]:
        return {key: self.product.pair_cost(key, self.sizes) for key in self.gains}

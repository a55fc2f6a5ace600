"""In which order a product of several tensors costs least.

A tensor is the set of its labels here, and nothing else about it matters. For a few tensors all orders are tried, for
more of them `opt_einsum` searches. What was found once is remembered: the passes ask for the same products often.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from math import fsum, prod

from gradwright.core.dims import Dim
from gradwright.core.nodes import Add, Contract, Node, Selection
from gradwright.optimise.usual_sizes import USUAL_SIZE, usual_sizes

# What it costs to write an entry, in multiplications of a matrix product.
WRITING = 8
FEW = 5
MODERATE = 12  # operands for which opt_einsum's dynamic programming is quick

Labels = frozenset[int]
Lengths = tuple[int, ...]
# Which two operands to multiply, step by step; the product takes the place of the first of the two.
Path = tuple[tuple[int, int], ...]


class Sizes:
    """The lengths of axes in some expressions: by the sizes that are hinted at, and usual ones for the other names."""

    def __init__(self, hints: Mapping[str, int], roots: Iterable[Node]) -> None:
        self._names = {**usual_sizes(roots), **hints}
        self._known: dict[Dim, int] = {}

    def length(self, dim: Dim) -> int:
        """The length of an axis; a difference of usual sizes is a usual size, too."""
        if dim not in self._known:
            size = dim.evaluate({name: self._names.get(name, USUAL_SIZE) for name in dim.names})
            self._known[dim] = size if size > 0 else USUAL_SIZE
        return self._known[dim]

    def lengths(self, dims: Sequence[Dim]) -> Lengths:
        """The lengths of the axes with the labels 0, 1 and so on."""
        return tuple(map(self.length, dims))

    def entries(self, dims: Sequence[Dim]) -> int:
        """How many entries a tensor has."""
        return prod(map(self.length, dims))


class Work:
    """What products and the sums in them cost, each computed once; every other tensor is there already."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self._parts: dict[Node, frozenset[Node]] = {}
        self._costs: dict[Node, float] = {}

    def of(self, *nodes: Node) -> float:
        """The cost of some nodes, of which what they share is computed once."""
        return fsum(map(self._cost, frozenset[Node]().union(*map(self._computed, nodes))))

    def written(self, node: Node) -> float:
        """The cost of writing its entries once."""
        return WRITING * self.sizes.entries(node.shape)

    def _computed(self, node: Node) -> frozenset[Node]:
        """The products and sums of which a node is made, with the node."""
        if node not in self._parts:
            match node:
                case Contract():
                    inside = [self._computed(f.node) for f in node.factors if isinstance(f.node, Add)]
                case Add():
                    inside = [self._computed(term) for term in node.terms]
                case _:
                    return frozenset()
            self._parts[node] = frozenset({node}).union(*inside)
        return self._parts[node]

    def _cost(self, node: Node) -> float:
        """The cost of a product or a sum once its parts are there."""
        if node not in self._costs:
            own = self.written(node) * (len(node.terms) - 1) if isinstance(node, Add) else None
            self._costs[node] = product_cost(node, self.sizes) if isinstance(node, Contract) else own or 0
        return self._costs[node]


def product_cost(node: Contract, sizes: Sizes) -> int:
    """What a product costs in the best order; what a factor alone is summed over is summed before, slices are taken."""
    kept = frozenset(node.free_labels)
    lengths = sizes.lengths(node.dims)
    held = [frozenset(f.labels) for f in node.factors if f.node.rank and not isinstance(f.node, Selection)]
    operands = [own & kept.union(*held[:place], *held[place + 1 :]) for place, own in enumerate(held)]
    sums = sum(_summing(*pair, lengths) for pair in zip(held, operands, strict=True))
    return sums + cheapest(operands, kept, lengths)[0]


def _summing(whole: Labels, rest: Labels, lengths: Lengths) -> int:
    """What it costs to sum a tensor over all labels but some."""
    return _entries(whole, lengths) + WRITING * _entries(rest, lengths) if whole != rest else 0


def _entries(labels: Labels, lengths: Lengths) -> int:
    return prod(lengths[x] for x in labels)


def cheapest(operands: Sequence[Labels], kept: Collection[int], lengths: Lengths) -> tuple[int, Path]:
    """The cost of multiplying in the best order, and that order.

    Args:
        operands: the labels of each operand.
        kept: the labels of the result.
        lengths: of the axis with each label.
    """
    return _cheapest(tuple(operands), frozenset(kept), lengths)


@lru_cache(maxsize=1 << 14)
def _cheapest(operands: tuple[Labels, ...], kept: Labels, lengths: Lengths) -> tuple[int, Path]:
    if len(operands) <= FEW:
        return _exhaustive(operands, kept, lengths)
    return _by_opt_einsum(operands, kept, lengths)


def _exhaustive(operands: tuple[Labels, ...], kept: Labels, lengths: Lengths) -> tuple[int, Path]:
    if len(operands) < 2:
        return 0, ()
    best: tuple[int, Path] | None = None
    for i in range(len(operands)):
        for j in range(i + 1, len(operands)):
            cost, rest = _multiplied(operands, i, j, kept, lengths)
            further, path = _exhaustive(rest, kept, lengths)
            if best is None or cost + further < best[0]:
                best = cost + further, ((i, j), *path)
    assert best is not None
    return best


def _multiplied(
    operands: tuple[Labels, ...], i: int, j: int, kept: Labels, lengths: Lengths
) -> tuple[int, tuple[Labels, ...]]:
    """What multiplying two operands costs, and the operands after it."""
    joined = operands[i] | operands[j]
    result = joined & kept.union(*operands[:i], *operands[i + 1 : j], *operands[j + 1 :])
    cost = _entries(joined, lengths) + WRITING * _entries(result, lengths)
    return cost, (*operands[:i], result, *operands[i + 1 : j], *operands[j + 1 :])


def _by_opt_einsum(operands: tuple[Labels, ...], kept: Labels, lengths: Lengths) -> tuple[int, Path]:
    """The same by the heuristics of opt_einsum (Smith & Gray 2018), which appends each product at the end."""
    import opt_einsum

    symbol = opt_einsum.get_symbol
    inputs = ",".join("".join(map(symbol, sorted(o))) for o in operands)
    equation = f"{inputs}->{''.join(map(symbol, sorted(kept & frozenset().union(*operands))))}"
    shapes = [tuple(lengths[x] for x in sorted(o)) for o in operands]
    found, _ = opt_einsum.contract_path(
        equation, *shapes, shapes=True, optimize="dp" if len(operands) <= MODERATE else "auto"
    )
    path, total = _in_place([tuple(sorted(step)) for step in found], len(operands)), 0
    for i, j in path:
        cost, operands = _multiplied(operands, i, j, kept, lengths)
        total += cost
    return total, path


def _in_place(steps: Sequence[tuple[int, ...]], count: int) -> Path:
    """From "remove both, append the product" to "the product takes the first one's place"."""
    order = list(range(count))
    listed, path = list(order), list[tuple[int, int]]()
    for step in steps:
        chosen = [listed[place] for place in step]
        listed = [x for place, x in enumerate(listed) if place not in step]
        while len(chosen) > 1:
            first, second = sorted(map(order.index, chosen[:2]))
            path.append((first, second))
            keeper, gone = order[first], order[second]
            order.remove(gone)
            chosen = [keeper, *chosen[2:]]
        listed.append(chosen[0])
    return tuple(path)

"""Products of many factors as products of two, in the order that costs least.

A contraction of more than two tensors becomes a tree of contractions of two; the tree with the fewest
multiplications at the given sizes is found by trying all for a few factors and by `opt_einsum` for many.
Of trees that cost the same, the one that multiplies from the left is taken. A trace of a product is
thereby a sum of products of entries, and no product is ever formed for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod

from gradwright.core.dims import Dim
from gradwright.core.inference import facts_of, is_symmetric
from gradwright.core.nodes import Add, Contract, Factor, Mask, Node, Selection
from gradwright.core.walks import postorder, rebuild
from gradwright.optimise.setting import NOTHING_KNOWN, Roots, Setting

USUAL_SIZE = 100
FEW = 5
Path = list[tuple[int, int]]


class Sizes(Mapping[str, int]):
    """Sizes of dimension names: those that are hinted at, and the usual size for the rest."""

    def __init__(self, hints: Mapping[str, int]) -> None:
        self._hints = dict(hints)

    def __getitem__(self, name: str) -> int:
        return self._hints.get(name, USUAL_SIZE)

    def __iter__(self) -> Iterable[str]:  # type: ignore[override]
        return iter(self._hints)

    def __len__(self) -> int:
        return len(self._hints)


def associate(roots: Roots, setting: Setting = NOTHING_KNOWN) -> Roots:
    """Every contraction as a tree of contractions of two tensors; given nodes are left as they are."""
    sizes = Sizes(setting.hints)
    done: dict[Node, Node] = {node: node for node in setting.given}
    for node in postorder(*roots):
        if node in done:
            continue
        new = with_children(node, tuple(done[child] for child in node.children))
        done[node] = _with_facts(_tree(new, sizes) if isinstance(new, Contract) else new, node)
    return tuple(done[root] for root in roots)


def _with_facts(new: Node, old: Node) -> Node:
    """A tree shows less of a product than the whole did: that `B M Bᵀ` is positive definite, for instance."""
    if new is not old:
        object.__setattr__(new, "facts_found", facts_of(old))
    return new


def with_children(node: Node, children: tuple[Node, ...]) -> Node:
    """The same node over other children, products not flattened again."""
    if children == node.children:
        return node
    match node:
        case Contract():
            pairs = zip(node.factors, children, strict=True)
            factors = tuple(Factor(child, f.groups, f.conj and not child.real) for f, child in pairs)
            return Contract(node.coefficient, factors, node.dims, node.output)
        case Add():
            return Add(children)
        case _:
            return rebuild(node, children)


def cheapest_path(operands: Sequence[frozenset[int]], kept: frozenset[int], size: Mapping[int, int]) -> Path:
    """Which two operands to multiply, step by step; the product takes the place of the first of the two."""
    if len(operands) <= FEW:
        return _exhaustive(list(operands), kept, size)[1]
    return _by_opt_einsum(operands, kept, size)


def _exhaustive(operands: list[frozenset[int]], kept: frozenset[int], size: Mapping[int, int]) -> tuple[int, Path]:
    if len(operands) < 2:
        return 0, []
    best: tuple[int, Path] | None = None
    for i in range(len(operands)):
        for j in range(i + 1, len(operands)):
            joined = operands[i] | operands[j]
            others = [o for place, o in enumerate(operands) if place not in (i, j)]
            result = joined & kept.union(*others)
            cost = prod(size[x] for x in joined) + prod(size[x] for x in result)
            rest = [*operands[:i], result, *operands[i + 1 : j], *operands[j + 1 :]]
            further, path = _exhaustive(rest, kept, size)
            if best is None or cost + further < best[0]:
                best = cost + further, [(i, j), *path]
    assert best is not None
    return best


def _by_opt_einsum(operands: Sequence[frozenset[int]], kept: frozenset[int], size: Mapping[int, int]) -> Path:
    """The same by the heuristics of opt_einsum (Smith & Gray 2018), which appends each product at the end."""
    import opt_einsum

    symbol = opt_einsum.get_symbol
    inputs = ",".join("".join(map(symbol, sorted(o))) for o in operands)
    equation = f"{inputs}->{''.join(map(symbol, sorted(kept & frozenset().union(*operands))))}"
    shapes = [tuple(size[x] for x in sorted(o)) for o in operands]
    found, _ = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize="auto")
    return _in_place([tuple(sorted(step)) for step in found], len(operands))


def _in_place(steps: Sequence[tuple[int, ...]], count: int) -> Path:
    """From "remove both, append the product" to "the product takes the first one's place"."""
    order, path = list(range(count)), Path()
    listed = list(order)
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
    return path


def _tree(node: Contract, sizes: Mapping[str, int]) -> Node:
    node = _with_parts_cut(node)
    scalars = [f for f in node.factors if not f.node.rank]
    around = [f for f in node.factors if f.node.rank and _stays_outside(f, node)]
    operands = [f for f in node.factors if f.node.rank and f not in around]
    if len(operands) < 3:
        return renumbered(node.coefficient, node.factors, node.output, node.dims)
    flat = {x for group in node.output for x in group}
    outside = flat.union(*(f.labels for f in around))
    size = {label: dim.evaluate(sizes) for label, dim in enumerate(node.dims)}
    path = cheapest_path([frozenset(f.labels) for f in operands], frozenset(outside), size)
    for i, j in path[:-1]:
        others = [f for place, f in enumerate(operands) if place not in (i, j)]
        kept = outside.union(*(f.labels for f in others))
        operands[i] = _pair(operands[i], operands[j], kept, node.dims)
        del operands[j]
    return renumbered(node.coefficient, [*scalars, *operands, *around], node.output, node.dims)


def _stays_outside(factor: Factor, node: Contract) -> bool:
    """Selections that place a result in a larger one, and masks of the output."""
    flat = {x for group in node.output for x in group}
    if isinstance(factor.node, Selection):
        return True
    return isinstance(factor.node, Mask) and set(factor.labels) <= flat


def _pair(left: Factor, right: Factor, kept: set[int], dims: Sequence[Dim]) -> Factor:
    """Two factors as one."""
    labels = list(dict.fromkeys(x for x in (*left.labels, *right.labels) if x in kept))
    output = tuple((x,) for x in labels)
    return Factor(renumbered(Fraction(1), [left, right], output, dims), output)


def renumbered(
    coefficient: Fraction, factors: Sequence[Factor], output: Sequence[tuple[int, ...]], dims: Sequence[Dim]
) -> Contract:
    """A contraction whose labels are numbered in order of appearance, its factors left as they are."""
    factors = symmetric_turned(factors, output)
    order = dict.fromkeys([x for f in factors for x in f.labels] + [x for group in output for x in group])
    numbers = {label: place for place, label in enumerate(order)}
    renamed = tuple(Factor(f.node, tuple(tuple(numbers[x] for x in g) for g in f.groups), f.conj) for f in factors)
    groups = tuple(tuple(numbers[x] for x in g) for g in output)
    return Contract(coefficient, renamed, tuple(dims[x] for x in order), groups)


def symmetric_turned(factors: Sequence[Factor], output: Sequence[tuple[int, ...]]) -> list[Factor]:
    """Symmetric matrices turned the way that a product reads, so that equal products look equal.

    An axis that is summed comes last in the first factor, and first in the others.
    """
    place = {x: p for p, group in enumerate(output) for x in group}
    return [_turned(factor, number, place) for number, factor in enumerate(factors)]


def _turned(factor: Factor, number: int, place: Mapping[int, int]) -> Factor:
    if factor.node.rank != 2 or not factor.node.real or not is_symmetric(factor.node):
        return factor
    summed = len(place) if number == 0 else -1
    first, second = (min(place.get(x, summed) for x in group) for group in factor.groups)
    return Factor(factor.node, factor.groups[::-1], factor.conj) if second < first else factor


def _with_parts_cut(node: Contract) -> Contract:
    """Selections and masks applied to the factor that they belong to, where it is one."""
    factors = list(node.factors)
    for special in node.factors:
        if isinstance(special.node, Selection | Mask) and len([f for f in factors if f.node.rank]) > 2:
            factors = _attached(special, factors, node)
    if len(factors) == len(node.factors):
        return node
    return renumbered(node.coefficient, factors, node.output, node.dims)


def _attached(special: Factor, factors: list[Factor], node: Contract) -> list[Factor]:
    flat = {x for group in node.output for x in group}
    wanted = set(special.groups[0]) if isinstance(special.node, Selection) else set(special.labels)
    owners = [f for f in factors if f is not special and wanted & set(f.labels)]
    if isinstance(special.node, Selection) and (wanted & flat or len(owners) != 1):
        return factors
    owner = next((f for f in owners if wanted <= set(f.labels) and f.node.rank), None)
    if owner is None or isinstance(owner.node, Selection | Mask) or any(len(g) != 1 for g in special.groups):
        return factors
    rest = [f for f in factors if f is not special and f is not owner]
    kept = flat.union(*(f.labels for f in rest))
    joined = _pair(owner, special, kept, node.dims)
    return [joined if f is owner else f for f in factors if f is not special]

"""Common factors taken out of sums where that saves work: `A K + diag(r) B K = (A + diag(r) B) K`.

Unlike the collection of factors for reading (`gradwright.linear.collect`), any tensor that stands in the
same way in several terms is a candidate, and the cost of both forms decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gradwright.core.canonical import as_product
from gradwright.core.contraction import ONE, contract, simple
from gradwright.core.nodes import Add, Contract, Factor, HalfVectorisation, Mask, Node, Selection
from gradwright.core.sums import add, scaled, terms_of
from gradwright.core.walks import transform_all
from gradwright.optimise.association import MANY, WRITING, Sizes, product_cost
from gradwright.optimise.setting import NOTHING_KNOWN, Roots, Setting

Key = tuple[Node, bool, tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class _Split:
    """A term as a factor times the rest; the rest's axes are axes of the output, then those summed with the factor."""

    place: int
    rest: Node


def factor_out(roots: Roots, setting: Setting = NOTHING_KNOWN) -> Roots:
    """Common factors taken out of every sum that becomes cheaper by it."""
    sizes = Sizes(setting.hints)

    def step(node: Node) -> Node:
        return _factored(node, sizes) if isinstance(node, Add) else node

    return transform_all(roots, step, setting.given)


def _factored(node: Add, sizes: Mapping[str, int]) -> Node:
    groups: dict[Key, list[_Split]] = {}
    for place, term in enumerate(node.terms):
        for key, rest in _splits(term):
            groups.setdefault(key, []).append(_Split(place, rest))
    best: tuple[float, Key] | None = None
    for key, splits in groups.items():
        saved = _saving(node, key, splits, sizes) if len(splits) > 1 else 0
        if saved > 0 and (best is None or saved > best[0]):
            best = saved, key
    if best is None:
        return node
    joined = _joined(node, best[1], groups[best[1]], sizes)
    used = {split.place for split in groups[best[1]]}
    rest = [term for place, term in enumerate(node.terms) if place not in used]
    if not rest:
        return joined
    first = min(used)
    before = sum(1 for place in range(first) if place not in used)
    whole = add([*rest[:before], joined, *rest[before:]])
    return _factored(whole, sizes) if isinstance(whole, Add) else whole


def _splits(term: Node) -> list[tuple[Key, Node]]:
    """Every way to see a term as a tensor times the rest, each tensor once; none for a product of very many."""
    if not isinstance(term, Contract) or len(term.factors) > MANY or any(len(g) != 1 for g in term.output):
        return []
    flat = [g[0] for g in term.output]
    if len(set(flat)) != len(flat) or any(len(g) != 1 for f in term.factors for g in f.groups):
        return []
    found: dict[Key, Node] = {}
    for place, factor in enumerate(term.factors):
        split = _split(term, place, flat)
        if split is not None and not isinstance(factor.node, Mask | Selection | HalfVectorisation):
            found.setdefault(*split)
    return list(found.items())


def _split(term: Contract, place: int, flat: Sequence[int]) -> tuple[Key, Node] | None:
    factor = term.factors[place]
    others = [f for p, f in enumerate(term.factors) if p != place]
    elsewhere = {x for f in others for x in f.labels}
    labels = factor.labels
    summed = [x for x in labels if x not in flat]
    if not factor.node.rank or len(set(labels)) != len(labels) or not set(summed) <= elsewhere:
        return None
    if not summed and not any(f.node.rank for f in others):
        return None
    # What is multiplied entry by entry leaves a rest with all axes, constant along some of them.
    kept = [axis for axis, x in enumerate(flat) if x in elsewhere or x not in labels or not summed]
    output = [*(flat[axis] for axis in kept), *summed]
    dims = {x: term.dims[x] for x in (*output, *elsewhere)}
    rest = contract(term.coefficient, others, simple(output), dims)
    pattern = tuple(flat.index(x) if x in flat else -1 for x in labels)
    return (factor.node, factor.conj, pattern, tuple(kept)), rest


def _joined(node: Add, key: Key, splits: Sequence[_Split], sizes: Mapping[str, int]) -> Node:
    """The factor times the sum of the rests."""
    factor, conj, pattern, kept = key
    total = add([split.rest for split in splits])
    if isinstance(total, Add):
        total = _factored(total, sizes)
    count = node.rank
    labels = [axis if axis >= 0 else count + pattern[:place].count(-1) for place, axis in enumerate(pattern)]
    summed = [x for x in labels if x >= count]
    dims = {**dict(enumerate(node.shape)), **dict(zip(labels, factor.shape, strict=True))}
    groups = tuple((x,) for x in (*kept, *summed))
    content, total = _content(total)
    factors = [Factor(total, groups), Factor(factor, simple(labels), conj)]
    return contract(content, factors, simple(range(count)), dims)


def _content(total: Node) -> tuple[Fraction, Node]:
    """A number that all terms of a sum have in common, and the rest."""
    common = {abs(as_product(term).coefficient) for term in terms_of(total)}
    if len(common) != 1 or not isinstance(total, Add):
        return ONE, total
    (content,) = common
    return content, scaled(1 / content, total) if content else total


def _saving(node: Add, key: Key, splits: Sequence[_Split], sizes: Mapping[str, int]) -> float:
    """What is saved: products for each term, against sums of the rests and one product."""
    before = sum(_cost(node.terms[split.place], sizes) for split in splits)
    rest = splits[0].rest
    written = WRITING
    for dim in rest.shape:
        written *= dim.evaluate(sizes)
    after = sum(_cost(split.rest, sizes) for split in splits) + written * (len(splits) - 1)
    return before - after - _final_cost(node, key, rest, sizes)


def _final_cost(node: Add, key: Key, rest: Node, sizes: Mapping[str, int]) -> float:
    flops, written = 1, WRITING
    for dim in node.shape:
        flops *= dim.evaluate(sizes)
        written *= dim.evaluate(sizes)
    for dim in rest.shape[len(key[3]) :]:
        flops *= dim.evaluate(sizes)
    return flops + written


def _cost(node: Node, sizes: Mapping[str, int]) -> float:
    return product_cost(node, sizes) if isinstance(node, Contract) else 0

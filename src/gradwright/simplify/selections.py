"""Parts of wholes: `Sᵀ S = I` for one, `Sᵀ T = 0` for two that do not overlap; `S 1 = e` for one entry, `Sᵀ 1 = 1`.

Of a part within a part, `Sᵀ T` places the smaller one in the larger; a part of a part is `S T`, one of the whole.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from gradwright.core.contraction import contract, is_simple, subproduct, zero
from gradwright.core.dims import Dim
from gradwright.core.joining import Joined
from gradwright.core.nodes import Add, Contract, Factor, Mask, Node, Selection
from gradwright.core.sums import add


def merge_selections(node: Node) -> Node:
    """Contract two selections of one axis, or of a part: to the identity, to zero, or to one selection."""
    if not isinstance(node, Contract):
        return node
    node = _with_basis_vectors(node)
    if not isinstance(node, Contract):
        return node
    node = _without_sums(node)
    if not isinstance(node, Contract):
        return node
    node = _with_entries_apart(node)
    if not isinstance(node, Contract):
        return node
    picks = [f for f in node.factors if isinstance(f.node, Selection) and len(f.groups[0]) == 1]
    for place, first in enumerate(picks):
        for second in picks[place + 1 :]:
            merged = _merged(node, first, second) or _composed(node, first, second) or _composed(node, second, first)
            if merged is not None:
                return merge_selections(merged)
    return node


def open_placed_sums(node: Node) -> Node:
    """`Sᵀ (S x + y) = x + Sᵀ y`: a part of a sum that has a term placed in that part."""
    if not isinstance(node, Contract):
        return node
    for pick in node.factors:
        if not isinstance(pick.node, Selection) or len(pick.groups[0]) != 1:
            continue
        owners = [f for f in node.factors if f is not pick and pick.labels[0] in f.labels]
        if len(owners) == 1 and isinstance(owners[0].node, Add):
            opened = _cut_term_by_term(node, pick, owners[0], owners[0].node.terms)
            if opened is not None:
                return opened
    return node


def _cut_term_by_term(node: Contract, pick: Factor, owner: Factor, terms: Sequence[Node]) -> Node | None:
    label = pick.labels[0]
    if any(label in group for group in node.output) or owner.groups.count((label,)) != 1:
        return None
    others = (*(group for group in owner.groups if group != (label,)), *pick.groups[1:])
    axes = tuple((x,) for group in others for x in group)
    labels = [x for (x,) in axes]
    if len(set(labels)) < len(labels) or label in labels:
        return None
    parts = [merge_selections(subproduct(node, [pick, owner.with_node(term)], axes)) for term in terms]
    if all(_selections(part) > _selections(term) - 1 for term, part in zip(terms, parts, strict=True)):
        return None
    rest = [f for f in node.factors if f is not pick and f is not owner]
    return subproduct(node, [*rest, Factor(add(parts), axes)], node.output, node.coefficient)


def _selections(node: Node) -> int:
    return sum(isinstance(f.node, Selection) for f in node.factors) if isinstance(node, Contract) else 0


def _with_basis_vectors(node: Contract) -> Node:
    """A part of length 1 whose axis is summed alone is a basis vector."""
    labels = [label for factor in node.factors for label in factor.labels]
    labels += node.free_labels
    factors = list[Factor]()
    for factor in node.factors:
        pick = factor.node
        part = factor.groups[1] if isinstance(pick, Selection) and pick.part == Dim.of(1) else ()
        if isinstance(pick, Selection) and len(part) == 1 and labels.count(part[0]) == 1:
            factors.append(Factor(Selection(pick.whole, None, pick.offset), factor.groups[:1], factor.conj))
        else:
            factors.append(factor)
    if factors == list(node.factors):
        return node
    return subproduct(node, factors, node.output, node.coefficient)


def _without_sums(node: Contract) -> Node:
    """Every entry of a part stands in one place: summed over the places, a selection is one along its part."""
    labels = [label for factor in node.factors for label in factor.labels]
    labels += node.free_labels
    summed = [
        f for f in node.factors
        if isinstance(f.node, Selection) and is_simple(f.groups) and labels.count(f.labels[0]) == 1
    ]  # fmt: skip
    if not summed:
        return node
    gone = {f.labels[0] for f in summed}
    factors = [f for f in node.factors if all(f is not s for s in summed)]
    return contract(node.coefficient, factors, node.output, {x: d for x, d in enumerate(node.dims) if x not in gone})


def _with_entries_apart(node: Contract) -> Node:
    """`Σᵢ eᵢ xᵢ Aᵢⱼ = x₀ A₀ⱼ`: what an index with one value joins are entries, each by itself."""
    outside = set(node.free_labels)
    for pick in node.factors:
        if not isinstance(pick.node, Selection) or pick.node.part is not None or not outside.isdisjoint(pick.labels):
            continue
        label, *grouped = pick.labels
        places = [p for p, f in enumerate(node.factors) if f is not pick and label in f.labels]
        if grouped or not all(_has_one_axis(node.factors[place], label) for place in places):
            continue
        apart = list(_with_their_masks(node, places))[1:]
        if apart:
            return merge_selections(_with_own_picks(node, pick, apart))
    return node


def _with_their_masks(node: Contract, places: Sequence[int]) -> Iterable[list[int]]:
    """The places of tensors one by one, but of those on the axes of a mask with that of the mask: `off(F)[:, 0]`."""
    labels = {place: frozenset(node.factors[place].labels) for place in places}
    masked = {labels[place] for place in places if isinstance(node.factors[place].node, Mask)}
    together: dict[Hashable, list[int]] = {}
    for place in places:
        together.setdefault(labels[place] if labels[place] in masked else place, []).append(place)
    return together.values()


def _with_own_picks(node: Contract, pick: Factor, apart: Sequence[Sequence[int]]) -> Node:
    """The product with a basis vector of its own for each of several groups of factors."""
    factors, dims = list(node.factors), dict(enumerate(node.dims))
    for places in apart:
        new = len(dims)
        dims[new] = pick.node.shape[0]
        for place in places:
            owner = factors[place]
            groups = tuple((new,) if group == pick.groups[0] else group for group in owner.groups)
            factors[place] = Factor(owner.node, groups, owner.conj)
        factors.append(Factor(pick.node, ((new,),)))
    return contract(node.coefficient, factors, node.output, dims)


def _has_one_axis(factor: Factor, label: int) -> bool:
    """Whether a tensor, which is no selection, has the label on one axis that has no other."""
    return not isinstance(factor.node, Selection) and (label,) in factor.groups and factor.labels.count(label) == 1


def _merged(node: Contract, first: Factor, second: Factor) -> Node | None:
    label = first.labels[0]
    if second.labels[0] != label or any(label in group for group in node.output):
        return None
    if sum(label in f.labels for f in node.factors) != 2:
        return None
    a, b = first.node, second.node
    assert isinstance(a, Selection) and isinstance(b, Selection)
    if disjoint(a, b):
        return zero(node.shape)
    rest = [f for f in node.factors if f is not first and f is not second]
    if a == b:
        return _joined(node, rest, first, second, label)
    for outer, inner in ((first, second), (second, first)):
        placed = _within(outer.node, inner.node)
        if placed is not None:
            factor = Factor(placed, (outer.groups[1], *inner.groups[1:]))
            return subproduct(node, [*rest, factor], node.output, node.coefficient)
    return None


def _composed(node: Contract, whole: Factor, part: Factor) -> Node | None:
    """`S T` of a selection from a part: `x[1:][1]` is `x[2]`."""
    label = part.labels[0]
    if whole.groups[1:] != ((label,),) or any(label in group for group in node.output):
        return None
    if [x for f in node.factors for x in f.labels].count(label) != 2:
        return None
    a, b = whole.node, part.node
    assert isinstance(a, Selection) and isinstance(b, Selection)
    factor = Factor(Selection(a.whole, b.part, a.offset + b.offset), (whole.groups[0], *part.groups[1:]))
    rest = [f for f in node.factors if f is not whole and f is not part]
    dims = {x: dim for x, dim in enumerate(node.dims) if x != label}
    return contract(node.coefficient, [*rest, factor], node.output, dims)


def _within(outer: Node, inner: Node) -> Selection | None:
    """A part as a part of a larger part; None if it is not known to lie in that."""
    assert isinstance(outer, Selection) and isinstance(inner, Selection)
    if outer.part is None or not _at_most(outer.offset, inner.offset):
        return None
    if not _at_most(_end(inner), _end(outer)):
        return None
    return Selection(outer.part, inner.part, inner.offset - outer.offset)


def _joined(node: Contract, rest: Sequence[Factor], first: Factor, second: Factor, label: int) -> Node | None:
    """One part with itself: the labels of the two parts become one; a basis vector has length 1."""
    renamed = _matched(node, *(factor.groups[1] if len(factor.groups) > 1 else () for factor in (first, second)))
    if renamed is None:
        return None
    dims = {x: dim for x, dim in enumerate(node.dims) if x != label and x not in renamed}

    def rename(groups: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(y for x in group for y in renamed.get(x, (x,))) for group in groups)

    factors = [Factor(f.node, rename(f.groups), f.conj) for f in rest]
    return contract(node.coefficient, factors, rename(node.output), dims)


def _matched(node: Contract, first: tuple[int, ...], second: tuple[int, ...]) -> dict[int, tuple[int, ...]] | None:
    """The labels of one axis as those of an equal one, which may be a group of several, as Kronecker products have."""
    new, old = (first, second) if len(first) >= len(second) else (second, first)
    if len(old) == 1:
        return {} if new == old else {old[0]: new}
    if [node.dims[x] for x in old] != [node.dims[x] for x in new]:
        return None
    same = Joined()  # a label may stand at several places: a trace over the group
    for pair in zip(new, old, strict=True):
        same.join(pair)
    return {x: (same.root(x),) for x in (*old, *new) if same.root(x) != x}


def disjoint(a: Selection, b: Selection) -> bool:
    """Whether two parts are known not to overlap."""
    return _at_most(_end(a), b.offset) or _at_most(_end(b), a.offset)


def _end(part: Selection) -> Dim:
    return part.offset + (Dim.of(1) if part.part is None else part.part)


def _at_most(first: Dim, second: Dim) -> bool:
    """Whether a place is known not to be behind another one, whatever the sizes, of which none is less than 1."""
    return first.is_smaller_than(second + Dim.of(1))

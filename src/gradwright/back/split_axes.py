"""Axes that are split into several labels, written as one: `A vec(X)`, `K (A ⊗ B)`, `reshape(Aᵀ y, m, n)`.

A contraction may meet an axis of a factor with a group of labels, as the long axis of `A` in `A vec(X)`. What carries
those labels is then flattened; or, where they go on into the result, what the factor makes of the others is reshaped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction

from gradwright.core.contraction import contract
from gradwright.core.dims import Dim
from gradwright.core.nodes import field_of
from gradwright.core.nodes import Contract, Factor, Node, Symbol
from gradwright.frozen import frozen

Group = tuple[int, ...]
# Matrix notation has no more axes.
MOST_AXES = 2


@frozen
class Opened:
    """A contraction in which a symbol stands for some of its factors.

    Attributes:
        whole: the contraction, which has the symbol as a factor.
        symbol: what stands for the part, with one axis for each label.
        part: what the symbol stands for, up to its shape.
    """

    whole: Node
    symbol: Symbol
    part: Node


def flattened(node: Contract) -> Opened | None:
    """What carries all labels of split axes as one tensor with such axes: `vec(X)` in `A vec(X)`."""
    for factor, group in _split_axes(node):
        own = [f for f in node.factors if f is not factor and group not in f.groups and set(group) & set(f.labels)]
        groups = _whole_groups(node, group, own)
        found = _opened(node, own, groups, reshape=False) if own and _meets(own, groups, node) else None
        if found is not None:
            return found
    return None


def reshaped_result(node: Contract) -> Opened | None:
    """What a factor with a split axis makes of the factors at its other axes: `Aᵀ y` in `reshape(Aᵀ y, m, n)`."""
    output = {label for group in node.output for label in group}
    for factor, group in _split_axes(node):
        own = _behind(node, factor, output | set(group))
        groups = _whole_groups(node, group, own, output)
        found = _opened(node, own, groups, reshape=True) if len(own) > 1 else None
        if found is not None:
            return found
    return None


def _split_axes(node: Contract) -> Iterator[tuple[Factor, Group]]:
    for factor in node.factors:
        for group in factor.groups:
            if len(set(group)) == len(group) > 1:
                yield factor, group


def _behind(node: Contract, factor: Factor, stops: Collection[int]) -> list[Factor]:
    """A factor, and what is joined to it without the labels at which to stop, if it carries none of its group's."""
    own = [factor]
    reached = set(factor.labels) - set(stops)
    blocked = [f for f in node.factors if f is not factor and set(f.labels) & (set(factor.labels) - reached)]
    while True:
        more = [f for f in node.factors if f not in own and f not in blocked and reached & set(f.labels)]
        if not more:
            return own
        own += more
        reached |= {x for f in more for x in f.labels} - set(stops)


def _whole_groups(
    node: Contract, first: Group, own: Sequence[Factor], output: Collection[int] = frozenset()
) -> list[Group]:
    """The split axis, and others of which every label leaves the part."""
    leaving = _leaving(node, own) | set(output)
    more = [g for _, g in _split_axes(node) if g != first and set(g) <= leaving & {x for f in own for x in f.labels}]
    return list(dict.fromkeys([first, *more]))


def _leaving(node: Contract, own: Sequence[Factor]) -> set[int]:
    """The labels that occur outside of a part of the contraction."""
    others = {x for f in node.factors if all(f is not o for o in own) for x in f.labels}
    return others | {x for group in node.output for x in group}


def _meets(own: Sequence[Factor], groups: Sequence[Group], node: Contract) -> bool:
    """Whether the labels of the groups are summed, and everything that carries them apart is in the part."""
    labels = {label for group in groups for label in group}
    if labels & {x for group in node.output for x in group}:
        return False
    others = [f for f in node.factors if all(f is not o for o in own)]
    return not any(labels & set(g) for f in others for g in f.groups if g not in groups)


def _opened(node: Contract, own: Sequence[Factor], groups: Sequence[Group], *, reshape: bool) -> Opened | None:
    split = {label for group in groups for label in group}
    if len(split) < sum(map(len, groups)):
        return None
    leaving = _leaving(node, own)
    rest = [x for x in dict.fromkeys(x for f in own for x in f.labels) if x in leaving and x not in split]
    if len(groups) + len(rest) > MOST_AXES:
        return None
    flat = {group: len(node.dims) + place for place, group in enumerate(groups)}
    lengths = {flat[g]: _product(node.dims[x] for x in g) for g in groups}
    dims: Mapping[int, Dim] = {**dict(enumerate(node.dims)), **lengths}
    inside = _with_plain_axes(own, flat) if reshape else own
    axes = [(flat[g],) if reshape else g for g in groups] + [(x,) for x in rest]
    part = contract(1, inside, axes, _used(dims, inside, axes))
    outside = [(x,) for g in groups for x in g] if reshape else [(flat[g],) for g in groups]
    outside += [(x,) for x in rest]
    symbol = Symbol(f"__part_{part.digest.hex()}", tuple(dims[x] for (x,) in outside), field_of(part))
    others = [f for f in node.factors if all(f is not o for o in own)]
    factors = [*(others if reshape else _with_plain_axes(others, flat)), Factor(symbol, tuple(outside))]
    whole = contract(Fraction(node.coefficient), factors, node.output, _used(dims, factors, node.output))
    return Opened(whole, symbol, part)


def _with_plain_axes(factors: Sequence[Factor], flat: Mapping[Group, int]) -> list[Factor]:
    return [Factor(f.node, tuple((flat[g],) if g in flat else g for g in f.groups), f.conj) for f in factors]


def _used(dims: Mapping[int, Dim], factors: Sequence[Factor], output: Sequence[Group]) -> dict[int, Dim]:
    labels = {x for f in factors for x in f.labels} | {x for group in output for x in group}
    return {x: dim for x, dim in dims.items() if x in labels}


def _product(lengths: Iterator[Dim]) -> Dim:
    found = Dim.of(1)
    for length in lengths:
        found = found * length
    return found

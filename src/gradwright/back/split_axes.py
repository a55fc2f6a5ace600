"""Axes that are split into several labels, written as one: `A vec(X)`, `K (A ⊗ B)`, `reshape(Aᵀ y, m, n)`.

A contraction may meet an axis of a factor with a group of labels, as the long axis of `A` in `A vec(X)`. What carries
those labels is then flattened; or, where they go on into the result, what the factor makes of the others is reshaped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod

from gradwright.core.contraction import contract
from gradwright.core.dims import Dim
from gradwright.core.nodes import Contract, Factor, Node, Symbol, field_of, labels_of
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


def with_one_axis(node: Contract) -> Opened | None:
    """The contraction with one label for the split axis of some factor; None if that does not make matrices."""
    return _flattened(node) or _reshaped_result(node) or _flattened(node, ones=True)


def _flattened(node: Contract, *, ones: bool = False) -> Opened | None:
    """What carries all labels of split axes as one tensor with such axes: `vec(X)` in `A vec(X)`.

    Args:
        node: the contraction.
        ones: whether some of the labels may be carried by nothing: `A (1 ⊗ y)`.
    """
    for factor, group in _split_axes(node):
        own = [f for f in node.factors if f is not factor and group not in f.groups and set(group) & set(f.labels)]
        groups = _whole_groups(node, group, own)
        found = _opened(node, own, groups, reshape=False) if own and _meets(own, groups, node, ones) else None
        if found is not None:
            return found
    return None


def _reshaped_result(node: Contract) -> Opened | None:
    """What a factor with a split axis makes of the factors at its other axes: `Aᵀ y` in `reshape(Aᵀ y, m, n)`."""
    output = set(node.free_labels)
    for factor, group in _split_axes(node):
        own = _behind(node, factor, output | set(group))
        groups = _whole_groups(node, group, own, output)
        found = _opened(node, own, groups, reshape=True) if len(own) > 1 and not _apart(own, groups) else None
        if found is not None:
            return found
    return None


def _split_axes(node: Contract) -> Iterator[tuple[Factor, Group]]:
    for factor in node.factors:
        for group in factor.groups:
            if len(set(group)) == len(group) > 1:
                yield factor, group


def _behind(node: Contract, factor: Factor, stops: Collection[int]) -> list[Factor]:
    """A factor, and what is joined to it by axes that are not split, without the labels at which to stop."""
    own = [factor]
    while True:
        reached = {label for f in own for label in _single_labels(f)} - set(stops)
        more = [f for f in node.factors if all(f is not o for o in own) and reached & _single_labels(f)]
        if not more:
            return own
        own += more


def _single_labels(factor: Factor) -> set[int]:
    return {group[0] for group in factor.groups if len(group) == 1}


def _whole_groups(
    node: Contract, first: Group, own: Sequence[Factor], output: Collection[int] = frozenset()
) -> list[Group]:
    """The split axis, and others of which every label leaves the part."""
    leaving = _leaving(node, own) | set(output)
    more = [g for _, g in _split_axes(node) if g != first and set(g) <= leaving & labels_of(own)]
    return list(dict.fromkeys([first, *more]))


def _leaving(node: Contract, own: Sequence[Factor]) -> set[int]:
    """The labels that occur outside of a part of the contraction."""
    others = {x for f in node.factors if all(f is not o for o in own) for x in f.labels}
    return others | set(node.free_labels)


def _meets(own: Sequence[Factor], groups: Sequence[Group], node: Contract, ones: bool) -> bool:
    """Whether the labels of the groups are summed, and everything that carries them apart is in the part."""
    labels = {label for group in groups for label in group}
    if labels & set(node.free_labels):
        return False
    if not ones and not labels <= labels_of(own):
        return False
    return not _apart([f for f in node.factors if all(f is not o for o in own)], groups)


def _apart(factors: Sequence[Factor], groups: Sequence[Group]) -> bool:
    """Whether some factor carries labels of the groups without having the whole group on one axis."""
    labels = {label for group in groups for label in group}
    return any(labels & set(g) for f in factors for g in f.groups if g not in groups)


def _opened(node: Contract, own: Sequence[Factor], groups: Sequence[Group], *, reshape: bool) -> Opened | None:
    """A part of a contraction apart; its groups of labels are one axis of the part, or, reshaped, of what stays."""
    leaving = _leaving(node, own)
    split = [label for group in groups for label in group]
    rest = [(x,) for x in dict.fromkeys(x for f in own for x in f.labels) if x in leaving and x not in split]
    if len(set(split)) < len(split) or len(groups) + len(rest) > MOST_AXES:
        return None
    flat = {group: len(node.dims) + place for place, group in enumerate(groups)}
    dims = dict(enumerate(node.dims))
    dims |= {label: prod((node.dims[x] for x in group), start=Dim.of(1)) for group, label in flat.items()}
    others = [f for f in node.factors if all(f is not o for o in own)]
    in_labels, as_one = [(x,) for x in split], [(flat[group],) for group in groups]
    inside, inner, outer = (own, [*groups], as_one) if not reshape else (_plain(own, flat), as_one, in_labels)
    part = _contracted(Fraction(1), inside, (*inner, *rest), dims)
    axes = (*outer, *rest)
    symbol = Symbol(f"__part_{part.digest.hex()}", tuple(dims[x] for (x,) in axes), field_of(part))
    kept = others if reshape else _plain(others, flat)
    whole = _contracted(node.coefficient, [*kept, Factor(symbol, axes)], node.output, dims)
    return Opened(whole, symbol, part)


def _plain(factors: Sequence[Factor], flat: Mapping[Group, int]) -> list[Factor]:
    """The factors with one label in the place of each group."""
    return [Factor(f.node, tuple((flat[g],) if g in flat else g for g in f.groups), f.conj) for f in factors]


def _contracted(
    coefficient: Fraction, factors: Sequence[Factor], output: tuple[Group, ...], dims: Mapping[int, Dim]
) -> Node:
    """A contraction of the labels that occur; the others were summed in the part."""
    labels = labels_of(factors).union(*output)
    return contract(coefficient, factors, output, {x: dim for x, dim in dims.items() if x in labels})

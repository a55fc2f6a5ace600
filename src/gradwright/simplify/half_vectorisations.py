"""The lower triangle packed and unpacked again: `unvech(vech(X)) = tril(X)`, and `vech(unvech(x)) = x`."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

from gradwright.core.contraction import is_simple, subproduct
from gradwright.core.joining import Joined
from gradwright.core.nodes import Contract, Factor, Group, HalfVectorisation, Mask, Node, labels_of


def merge_half_vectorisations(node: Node) -> Node:
    """Contract two half-vectorisations of one matrix or one packed vector: to a mask, or to the identity."""
    if not isinstance(node, Contract):
        return node
    packings = [f for f in node.factors if isinstance(f.node, HalfVectorisation) and is_simple(f.groups)]
    for first, second in combinations(packings, 2):
        beside = [f for f in node.factors if f is not first and f is not second]
        held = labels_of(beside) | set(node.free_labels)
        merged: list[Factor] | None = None
        if first.groups[0] == second.groups[0] and held.isdisjoint(first.groups[0]):
            merged = [Factor(_lower(first.node), first.groups[1:])]
        elif first.groups[1:] == second.groups[1:] and held.isdisjoint(first.labels[1:]):
            merged = []
        if merged is not None:
            found = _with_equal_labels(node, [*merged, *beside], first.groups, second.groups)
            return merge_half_vectorisations(found)
    return node


def _lower(packing: Node) -> Mask:
    return Mask(Fraction(1), Fraction(1), Fraction(0), packing.shape[1:])


def _with_equal_labels(node: Contract, factors: list[Factor], kept: tuple[Group, ...], gone: tuple[Group, ...]) -> Node:
    """A product of other factors, in which some labels are the same as others."""
    same = Joined()
    for (a,), (b,) in zip(kept, gone, strict=True):
        same.join((a, b))
    renamed = [Factor(f.node, tuple(tuple(map(same.root, group)) for group in f.groups), f.conj) for f in factors]
    output = tuple(tuple(map(same.root, group)) for group in node.output)
    return subproduct(node, renamed, output, node.coefficient)

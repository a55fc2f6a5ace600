"""Products of two tensors, as parts of larger products: what they are made of, and what tells them apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

from gradwright.core.contraction import is_simple, numbered
from gradwright.core.dims import Dim
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Contract, Factor, Groups, Node


def is_outer(left: Factor, right: Factor, kept: Collection[int]) -> bool:
    """Whether a product has more entries than its factors: writing it twice costs less than keeping it."""
    both = set(left.labels) | set(right.labels)
    return both <= set(kept) and both not in (set(left.labels), set(right.labels))


def key_of(left: Factor, right: Factor, kept: Collection[int], dims: Sequence[Dim]) -> tuple[Node, list[int]]:
    """What tells a product of two from others, whichever is written first; and its labels in that order."""
    factors = sorted((_oriented(left, right), _oriented(right, left)), key=lambda f: (f.node.digest, f.conj))
    labels = list(dict.fromkeys(x for f in factors for x in f.labels if x in kept))
    return renumbered(Fraction(1), factors, tuple((x,) for x in labels), dims), labels


def _oriented(factor: Factor, other: Factor) -> Factor:
    """A symmetric matrix with the label that it shares last."""
    if len(factor.groups) != 2 or not is_simple(factor.groups):
        return factor
    first, second = factor.groups
    turn = first[0] in other.labels and second[0] not in other.labels
    return Factor(factor.node, (second, first), factor.conj) if turn and is_symmetric(factor.node) else factor


def pair_of(left: Factor, right: Factor, kept: Collection[int], dims: Sequence[Dim]) -> Factor:
    """Two factors as one; a matrix stands before a vector."""
    if len(left.labels) < len(right.labels):
        left, right = right, left
    labels = list(dict.fromkeys(x for x in (*left.labels, *right.labels) if x in kept))
    output = tuple((x,) for x in labels)
    return Factor(renumbered(Fraction(1), [left, right], output, dims), output)


def renumbered(coefficient: Fraction, factors: Sequence[Factor], output: Groups, dims: Sequence[Dim]) -> Contract:
    """A contraction whose labels are numbered in order of appearance, symmetric matrices turned to it."""
    return numbered(coefficient, symmetric_turned(factors, output), output, dims)


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

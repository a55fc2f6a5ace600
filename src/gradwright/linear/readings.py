"""The terms of a sum as they are read: as chains of matrices, or as outer products of two vectors."""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from math import prod

from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import is_simple, split_coefficient, subproduct
from gradwright.core.nodes import Node
from gradwright.core.scalars import shared_number
from gradwright.core.sums import value_key
from gradwright.frozen import frozen
from gradwright.linear.chains import Chain, chain_of


@frozen
class ChainTerm:
    """A term that is a number times a chain of matrices."""

    coefficient: Fraction
    chain: Chain
    node: Node


@frozen
class OuterTerm:
    """A term that is a number times an outer product of two vectors; `keys` say what they are."""

    number: Fraction
    vectors: tuple[Node, Node]
    keys: tuple[Hashable, Hashable]
    node: Node


Term = ChainTerm | OuterTerm | Node


def node_of(term: Term) -> Node:
    """A term as it was before it was read."""
    return term if isinstance(term, Node) else term.node


def has_same_number(left: ChainTerm, right: ChainTerm) -> bool:
    """Whether the same stands in front of two terms, signs aside."""
    # Asked of all pairs of terms: the sizes of fractions take ten times as long to compare as their parts.
    a, b = left.coefficient, right.coefficient
    same = abs(a.numerator) == abs(b.numerator) and a.denominator == b.denominator
    return same and left.chain.scalar == right.chain.scalar


def read(term: Node, shortest: int = 2) -> Term:
    """A term as a chain of at least so many matrices, else as an outer product, else as it is."""
    coefficient, rest = split_coefficient(term)
    chain = chain_of(rest, with_ones=True)
    if chain is None or len(chain.elements) < shortest:
        return as_outer(term)
    numbers, elements = zip(*map(shared_number, chain.elements), strict=True)
    return ChainTerm(coefficient * prod(numbers), Chain(chain.scalar, elements), term)


def as_outer(term: Node) -> OuterTerm | Node:
    """A term as an outer product x yᵀ; any other as it is."""
    if term.rank != 2:
        return term
    product = as_product(term)
    if not is_simple(product.output) or product.output[0] == product.output[1]:
        return term
    (row,), (column,) = product.output
    parts = connected(product.factors)
    behind = [part for part in parts if any(column in f.labels for f in part)]
    if len(behind) != 1 or any(row in f.labels for f in behind[0]):
        return term
    before = [f for part in parts if part is not behind[0] for f in part]
    if not any(row in f.labels for f in before):
        return term
    first, second = (subproduct(product, factors, ((end,),)) for factors, end in ((before, row), (behind[0], column)))
    return OuterTerm(product.coefficient, (first, second), (value_key(first), value_key(second)), term)

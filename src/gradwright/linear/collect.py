"""Common factors taken out of sums: `B x + Bᵀ x = (B + Bᵀ) x`.

This is for reading, and is applied once to a result. Two terms are put together if they are chains of
matrices that differ in one element.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gradwright.core.contraction import split_coefficient
from gradwright.core.nodes import Add, Node
from gradwright.core.sums import add, scaled
from gradwright.core.walks import transform
from gradwright.linear.chains import Chain, chain_of, join


@dataclass(frozen=True)
class _Item:
    coefficient: Fraction
    chain: Chain
    node: Node


def collect(root: Node) -> Node:
    """Take common factors out of every sum."""
    return transform(root, _collect_sum)


def _collect_sum(node: Node) -> Node:
    if not isinstance(node, Add) or not 1 <= node.rank <= 2:
        return node
    items = [_read(term) for term in node.terms]
    done: list[Node] = []
    while items:
        first, *items = items
        for place, other in enumerate(items):
            joined = _joined(first, other)
            if joined is not None:
                items[place] = joined
                break
        else:
            done.append(first if isinstance(first, Node) else first.node)
    return add(done)


def _read(term: Node) -> _Item | Node:
    coefficient, rest = split_coefficient(term)
    chain = chain_of(rest)
    if chain is None or len(chain.elements) < 2:
        return term
    return _Item(coefficient, chain, term)


def _joined(left: _Item | Node, right: _Item | Node) -> _Item | None:
    """Two chains of one length that differ in one element: their sum as one chain."""
    if not isinstance(left, _Item) or not isinstance(right, _Item):
        return None
    a, b = left.chain.elements, right.chain.elements
    if len(a) != len(b) or left.chain.scalar != right.chain.scalar:
        return None
    if abs(left.coefficient) != abs(right.coefficient):
        return None
    different = [place for place, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if len(different) != 1:
        return None
    place = different[0]
    sign = right.coefficient / left.coefficient
    middle = add([a[place], scaled(sign, b[place])])
    elements = (*a[:place], middle, *a[place + 1 :])
    chain = Chain(left.chain.scalar, elements)
    node = scaled(left.coefficient, join(chain, left.node))
    return _Item(left.coefficient, chain, node)

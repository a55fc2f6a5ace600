"""Common factors taken out of sums: `B x + Bᵀ x = (B + Bᵀ) x`.

This is for reading, and is applied once to a result. Two terms are put together if they are chains of
matrices with a common beginning or end.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.contraction import split_coefficient
from gradwright.core.nodes import Add, Node
from gradwright.core.sums import add, scaled
from gradwright.core.walks import transform, transform_all
from gradwright.frozen import frozen
from gradwright.linear.chains import Chain, chain_of, join, product_of_chain


@frozen
class _Item:
    coefficient: Fraction
    chain: Chain
    node: Node


def collect(root: Node) -> Node:
    """Take common factors out of every sum."""
    return transform(root, _collect_sum)


def collect_all(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Take common factors out of every sum of several expressions."""
    return transform_all(roots, _collect_sum)


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
    """Two chains with a common beginning or end: one chain around the sum of their middles."""
    if not isinstance(left, _Item) or not isinstance(right, _Item):
        return None
    a, b = left.chain.elements, right.chain.elements
    if left.chain.scalar != right.chain.scalar or abs(left.coefficient) != abs(right.coefficient):
        return None
    start = _common(a, b)
    end = _common(a[start:][::-1], b[start:][::-1])
    before, behind = a[:start], a[len(a) - end :]
    middles = a[start : len(a) - end], b[start : len(b) - end]
    if (not before and not behind) or not all(middles):
        return None
    sign = right.coefficient / left.coefficient
    first, second = (product_of_chain(m, m[0]) for m in middles)
    middle = collect(add([first, scaled(sign, second)]))
    chain = Chain(left.chain.scalar, (*before, middle, *behind))
    return _Item(left.coefficient, chain, scaled(left.coefficient, join(chain, left.node)))


def _common(a: tuple[Node, ...], b: tuple[Node, ...]) -> int:
    """How many elements two chains share at the beginning."""
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return count

"""Sums that are their own mirror image, computed once: `T + Tᵀ` for a T with half of the terms.

A gradient in a symmetric variable is ½(T + Tᵀ), and simplification has spread the two halves over one sum, or
kept one of them in parentheses. The terms whose transposes are in the sum too are collected into T; those
that are symmetric by themselves, or have no partner, stay.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from fractions import Fraction

from gradwright.core.canonical import as_product, canonical_key
from gradwright.core.contraction import ONE, plain, scale, simple
from gradwright.core.inference import is_hermitian, is_symmetric
from gradwright.core.nodes import Add, Contract, Node
from gradwright.core.sums import add, coefficient_of, distributed
from gradwright.core.walks import transform_all
from gradwright.optimise.roots import NO_HINTS, Hints, Roots


def share_mirror_images(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Every sum of matrices with the transposes of its terms computed from the terms."""
    return transform_all(roots, _shared)


def _shared(node: Node) -> Node:
    if not isinstance(node, Add) or not node.is_square or not node.real:
        return node
    flat = add(part for term in node.terms for part in _in_parentheses(term))
    if not isinstance(flat, Add):
        return flat
    once, alone = _paired(flat.terms)
    if not any(map(_is_product, once)):
        return flat if len(flat.terms) < _count(node) else node
    common = {abs(as_product(term).coefficient) for term in once}
    content = common.pop() if len(common) == 1 else ONE
    half = add([scale(1 / content, term) for term in once])
    both = _multiple(content, Add((half, _mirrored(half))))
    return Add((both, *alone)) if alone else both


def _mirrored(node: Node) -> Node:
    """The transpose of a node that is computed by itself, not inlined."""
    return Contract(ONE, (plain(node, (0, 1)),), node.shape, simple((1, 0)))


def _multiple(content: Fraction, node: Node) -> Node:
    return node if content == 1 else Contract(content, (plain(node, (0, 1)),), node.shape, simple((0, 1)))


def _in_parentheses(term: Node) -> Iterator[Node]:
    """The terms of a multiple, or a transpose, of a sum."""
    if isinstance(term, Contract) and len(term.factors) == 1:
        factor = term.factors[0]
        if isinstance(factor.node, Add) and set(factor.groups) == set(term.output):
            for part in distributed(term, 0):
                yield from _in_parentheses(part)
            return
    yield term


def _count(node: Add) -> int:
    return sum(1 for term in node.terms for _ in _in_parentheses(term))


def _paired(terms: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """One of every pair of terms that are transposes of each other, and the terms that have no partner."""
    waiting: dict[Hashable, Node] = {}
    once: list[Node] = []
    for term in terms:
        key, mirror = _key(term, (0, 1)), _key(term, (1, 0))
        partner = waiting.pop(mirror, None) if mirror != key else None
        if partner is None:
            waiting[key] = term
        else:
            once.append(partner)
    return once, list(waiting.values())


def _key(term: Node, axes: Sequence[int]) -> Hashable:
    return coefficient_of(term), canonical_key(term, is_symmetric, is_hermitian, axes)


def _is_product(term: Node) -> bool:
    """Whether a term is a product, which is worth computing once."""
    return isinstance(term, Contract) and len([f for f in term.factors if f.node.rank]) > 1

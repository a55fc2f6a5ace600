"""Masks and zeros: `tril(L)` of a lower triangular L is L, and the diagonal of `tril(A, -1)` is 0."""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction

from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_zero, with_factor, with_factors, zero
from gradwright.core.facts import Facts
from gradwright.core.inference import facts_of, is_skew, is_skew_at_all_sizes, transposed_fact
from gradwright.core.nodes import Add, Contract, Factor, Mask, Node, Selection, Symbol
from gradwright.core.sums import add, like_key, scaled
from gradwright.simplify.selections import merge_selections

Weights = tuple[Fraction, Fraction, Fraction]


def drop_masks(node: Node) -> Node:
    """Remove a mask that changes nothing, and make the product zero where it leaves nothing."""
    if not isinstance(node, Contract) or len(node.factors) < 2:
        return node
    for place, factor in enumerate(node.factors):
        if not isinstance(factor.node, Mask):
            continue
        weights = _kept_weights(factor, node.factors)
        if weights != factor.node.weights and weights[0] == weights[2] == 0:
            diagonal = Factor(Mask(*weights, factor.node.shape), factor.groups)
            factors = [*node.factors[:place], diagonal, *node.factors[place + 1 :]]
            return drop_masks(with_factors(node, factors))
        weight = _constant_weight(factor, node.factors)
        if weight is not None:
            rest = node.beside(place)
            scaled = with_factors(node, rest, node.coefficient * weight)
            return drop_masks(scaled)
    return node


def drop_vanishing_terms(node: Node) -> Node:
    """Remove the terms of a sum that contribute nothing, under a mask or on a diagonal."""
    if not isinstance(node, Contract):
        return node
    if any(map(_is_empty_diagonal, node.factors)):
        return zero(node.shape)
    for place, factor in enumerate(node.factors):
        if not isinstance(factor.node, Add) or not _is_restricted(factor, node.factors):
            continue
        kept = [term for term in factor.node.terms if not is_zero(_with_factor(node, place, term))]
        if len(kept) < len(factor.node.terms):
            total = add(kept) if kept else zero(factor.node.shape)
            return drop_vanishing_terms(_with_factor(node, place, total))
    return node


def _is_empty_diagonal(factor: Factor) -> bool:
    """Whether a factor is the diagonal of a matrix without one, such as a skew matrix."""
    if factor.node.rank != 2 or factor.groups[0] != factor.groups[1]:
        return False
    _, on_diagonal, _ = _support(facts_of(factor.node), transposed=False)
    return not on_diagonal and (not is_skew(factor.node) or is_skew_at_all_sizes(factor.node))


def _is_restricted(factor: Factor, factors: tuple[Factor, ...]) -> bool:
    if len(set(factor.labels)) < len(factor.labels):
        return True
    masks = [set(f.labels) for f in factors if isinstance(f.node, Mask)]
    wholes = {f.labels[0] for f in factors if isinstance(f.node, Selection)}
    return any(labels <= set(factor.labels) for labels in masks) or bool(wholes & set(factor.labels))


def _with_factor(node: Contract, place: int, replacement: Node) -> Node:
    return merge_selections(drop_masks(with_factor(node, place, replacement)))


def _kept_weights(factor: Factor, factors: tuple[Factor, ...]) -> Weights:
    """The weights of a mask where the matrices beside it may differ from zero, and zero elsewhere."""
    assert isinstance(factor.node, Mask)
    below, on, above = (
        w if kept else Fraction(0) for w, kept in zip(factor.node.weights, _joint_support(factor, factors), strict=True)
    )
    return below, on, above


def _constant_weight(factor: Factor, factors: tuple[Factor, ...]) -> Fraction | None:
    assert isinstance(factor.node, Mask)
    support = _joint_support(factor, factors)
    weights = {w for w, kept in zip(factor.node.weights, support, strict=True) if kept}
    if all(support) or len(weights) > 1:
        return None
    return weights.pop() if weights else Fraction(0)


def _joint_support(factor: Factor, factors: tuple[Factor, ...]) -> list[bool]:
    """Where all the matrices beside a mask may differ from zero: below, on and above the diagonal."""
    support = [True, True, True]
    for other in factors:
        if isinstance(other.node, Mask) or other.node.rank != 2:
            continue
        for orientation, transposed in ((factor.groups, False), (factor.groups[::-1], True)):
            if other.groups == orientation:
                kept = _support(facts_of(other.node), transposed)
                support = [a and b for a, b in zip(support, kept, strict=True)]
    return support


def _support(facts: Facts, transposed: bool) -> tuple[bool, bool, bool]:
    """Where a matrix may differ from zero: below, on and above the diagonal."""
    seen = {transposed_fact(fact) for fact in facts} if transposed else facts
    strict = "strictly_lower" in seen or "strictly_upper" in seen or "skew" in seen
    return "upper" not in seen, not strict, "lower" not in seen


def join_masks(node: Node) -> Node:
    """Add terms that are one product under masks that add up to a number: `Φ(S) + Φ(S)ᵀ = S` for symmetric S."""
    if not isinstance(node, Add) or sum(map(_has_mask, node.terms)) < 2:
        return node
    found: dict[Hashable, list[tuple[int, Weights]]] = {}
    for place, term in enumerate(node.terms):
        ways = _masked(as_product(term))
        if ways:
            key, weights = next((way for way in ways if way[0] in found), ways[0])
            found.setdefault(key, []).append((place, weights))
    terms: dict[int, Node] = dict(enumerate(node.terms))
    for members in found.values():
        total = {sum(parts) for parts in zip(*(weights for _, weights in members), strict=True)}
        if len(members) > 1 and len(total) == 1:
            first = members[0][0]
            whole = _without_mask(as_product(node.terms[first]))
            terms |= {place: zero(node.shape) for place, _ in members}
            terms[first] = scaled(Fraction(total.pop()), whole)
    return add(terms.values())


def _has_mask(term: Node) -> bool:
    return isinstance(term, Mask) or Mask in map(type, term.children)


def _masked(product: Contract) -> list[tuple[Hashable, Weights]]:
    """What is under the one mask of a product, up to what orders it, and the weights: the mask as it is, and turned."""
    places = [place for place, f in enumerate(product.factors) if isinstance(f.node, Mask)]
    if len(places) != 1:
        return []
    factor = product.factors[places[0]]
    assert isinstance(factor.node, Mask)
    ways: list[tuple[Hashable, Weights]] = []
    for groups, mask in ((factor.groups, factor.node), (factor.groups[::-1], factor.node.transposed)):
        marked = Factor(Symbol("__mask", mask.shape), groups)
        factors = [marked if place == places[0] else f for place, f in enumerate(product.factors)]
        below, on, above = (product.coefficient * weight for weight in mask.weights)
        ways.append((like_key(with_factors(product, factors)), (below, on, above)))
    return ways


def _without_mask(product: Contract) -> Node:
    rest = [f for f in product.factors if not isinstance(f.node, Mask)]
    return with_factors(product, rest, 1)

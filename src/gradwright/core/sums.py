"""The normal form of sums.

`add` flattens sums of sums, drops zeros and collects terms that are the same product up to a
rational number, the order of the factors, the names of the labels and the orientation of symmetric
and skew matrices. Terms keep the order in which they were written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from fractions import Fraction

from gradwright.core.canonical import as_product, canonical_key, rough_key, signed_key
from gradwright.core.contraction import ONE, is_zero, scale, with_factor, with_factors, zero
from gradwright.core.inference import is_hermitian, is_skew_at_all_sizes, is_symmetric
from gradwright.core.nodes import Add, Contract, Node


def add(terms: Iterable[Node]) -> Node:
    """The normal form of a sum of tensors of one shape; at least one term."""
    flat = list(_flatten(terms))
    kept = _collect([term for term in flat if not is_zero(term)])
    if not kept:
        return zero(flat[0].shape)
    return kept[0] if len(kept) == 1 else Add(tuple(kept))


def scaled(coefficient: Fraction | int, node: Node) -> Node:
    """A rational multiple; a sum is multiplied term by term."""
    if isinstance(node, Add):
        return add(scaled(coefficient, term) for term in node.terms)
    return scale(coefficient, node)


def negate(node: Node) -> Node:
    """Minus a tensor."""
    return scaled(-1, node)


def subtract(left: Node, right: Node) -> Node:
    """The difference of two tensors of one shape."""
    return add([left, negate(right)])


def terms_of(node: Node) -> tuple[Node, ...]:
    """The terms of a sum; the node alone if it is none."""
    return node.terms if isinstance(node, Add) else (node,)


def distributed(product: Contract, place: int) -> tuple[Node, ...]:
    """The terms of a product over those of the sum that is one of its factors."""
    return tuple(with_factor(product, place, term) for term in terms_of(product.factors[place].node))


def factor_count(node: Node) -> int:
    """How many factors are written for a sum of products, those of sums inside included."""
    if isinstance(node, Add):
        return sum(map(factor_count, node.terms))
    return sum(factor_count(f.node) for f in node.factors) or 1 if isinstance(node, Contract) else 1


def like_key(node: Node) -> Hashable:
    """The key that like terms share."""
    return canonical_key(node, is_symmetric, is_hermitian)


def value_key(node: Node) -> Hashable:
    """The key that equal terms share, the number in front included."""
    return coefficient_of(node), like_key(node)


def _flatten(terms: Iterable[Node]) -> Iterator[Node]:
    for term in terms:
        yield from terms_of(term)


def _collect(terms: list[Node]) -> list[Node]:
    """Add like terms; terms whose factors differ are told apart without a canonical key."""
    rough = list(map(rough_key, terms))
    counts = Counter(rough)
    if len(counts) == len(terms):
        return terms
    totals: dict[Hashable, Fraction] = {}
    first: dict[Hashable, tuple[Node, int]] = {}
    for place, term in enumerate(terms):
        key, sign = (place, 1) if counts[rough[place]] == 1 else _signed_key(term)
        totals[key] = totals.get(key, Fraction(0)) + sign * coefficient_of(term)
        known, its_sign = first.setdefault(key, (term, sign))
        if sign != its_sign and _turned(term) < _turned(known):
            first[key] = term, sign
    found = [(*first[key], total) for key, total in totals.items() if total]
    return [_with_coefficient(term, sign * total) for term, sign, total in found]


def _signed_key(term: Node) -> tuple[Hashable, int]:
    return signed_key(term, is_symmetric, is_skew_at_all_sizes, is_hermitian)


def _turned(term: Node) -> int:
    """How many matrices of a product stand against the order from the first label of its output to the last."""
    product = as_product(term)
    ends = product.free_labels
    backwards = bool(ends) and ends[0] > ends[-1]
    pairs = [f.labels for f in product.factors if len(set(f.labels)) == 2 == len(f.labels)]
    return sum((row > column) != backwards for row, column in pairs)


def coefficient_of(node: Node) -> Fraction:
    """The rational number in front of a term."""
    return node.coefficient if isinstance(node, Contract) else ONE


def _with_coefficient(term: Node, coefficient: Fraction) -> Node:
    if coefficient_of(term) == coefficient:
        return term
    product = as_product(term)
    return with_factors(product, product.factors, coefficient)

"""Terms of a sum that differ in a number in front, joined to one: `2 x + a x = (2 + a) x`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import combinations

from gradwright.core.build import multiply
from gradwright.core.canonical import as_product, rough_key
from gradwright.core.contraction import split_coefficient
from gradwright.core.nodes import Add, Node
from gradwright.core.scalars import scalars_of
from gradwright.core.sums import add, distributed, like_key, scaled, terms_of, value_key
from gradwright.linear.shared_numbers import with_shared_number
from gradwright.simplify.pipeline import simplify


def with_scalars_joined(node: Add, collect: Callable[[Node], Node]) -> Node:
    """`2 x + a x = (2 + a) x`: terms that differ in the scalars in front, of which the sum is collected, too."""
    split = list(map(scalars_of, node.terms))
    rough = [rough_key(rest) for _, rest in split]
    if len(set(rough)) == len(rough):
        return node
    groups: dict[Hashable, list[tuple[Node, Node]]] = {}
    for key, (scalar, rest) in zip(rough, split, strict=True):
        exact = key if rough.count(key) == 1 else value_key(rest)
        groups.setdefault(exact, []).append((scalar, rest))
    if len(groups) == len(node.terms):
        return node
    joined: list[Node] = []
    for group in groups.values():
        number, total = with_shared_number([split_coefficient(scalar) for scalar, _ in group])
        joined.append(scaled(number, multiply(collect(total), group[0][1])))
    return add(joined)


def with_like_terms_joined(node: Add) -> Node:
    """`U (A + ½ B) + ½ U B = U A + U B`: a product is opened where that makes no more terms."""
    opened = [_opened(term) for term in node.terms]
    products = [place for place, parts in enumerate(opened) if len(parts) > 1]
    kinds = {place: frozenset(map(rough_key, opened[place])) for place in products}
    whole = set(map(rough_key, node.terms)) if products else set[Hashable]()
    for place in products:
        parts = opened[place]
        if whole.isdisjoint(kinds[place]) or set(map(like_key, node.terms)).isdisjoint(map(like_key, parts)):
            continue
        total = add([*node.terms[:place], *parts, *node.terms[place + 1 :]])
        if len(terms_of(total)) <= len(node.terms):
            return with_like_terms_joined(total) if isinstance(total, Add) else total
    for first, second in combinations(products, 2):
        if len(kinds[first] ^ kinds[second]) > 2:  # what one of them has alone, no term of the other is like
            continue
        total = add([*opened[first], *opened[second]])
        if len(terms_of(total)) <= 2:
            others = [term for place, term in enumerate(node.terms) if place not in (first, second)]
            joined = add([*node.terms[:first], total, *others[first:]])
            return with_like_terms_joined(joined) if isinstance(joined, Add) else joined
    return node


def _opened(term: Node) -> Sequence[Node]:
    """The terms of a product with one sum in it, numbers beside tensors aside; else the term."""
    product = as_product(term)
    sums = [place for place, factor in enumerate(product.factors) if isinstance(factor.node, Add)]
    places = [place for place in sums if product.factors[place].node.rank or not term.rank]
    if len(places) != 1:
        return (term,)
    return [simplify(part) for part in distributed(product, places[0])]

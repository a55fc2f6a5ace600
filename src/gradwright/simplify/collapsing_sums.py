"""Sums in a product of which a term is the sum of what adds up to a number: that term is taken out.

`pᵀ (M − 1 xᵀ) = pᵀ M − xᵀ` where the entries of p have the sum 1, as those of a softmax.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.contraction import with_factor
from gradwright.core.nodes import Add, Contract, Node
from gradwright.core.sums import add
from gradwright.simplify.relations import Relation, collapse, matches, relations_in


def open_collapsing_sums(node: Node) -> Node:
    """The product with the terms taken out that are shorter outside."""
    if not isinstance(node, Contract) or not node.coefficient:
        return node
    sums = [(place, f.node.terms) for place, f in enumerate(node.factors) if isinstance(f.node, Add)]
    relations = [relation for relation in relations_in(node) if _is_number(relation.replacement)] if sums else []
    for place, terms in sums if relations else ():
        opened = _opened(node, place, terms, relations)
        if opened is not None:
            return opened
    return node


def _is_number(node: Node) -> bool:
    """Whether a tensor has one number in all entries."""
    return isinstance(node, Contract) and not node.factors and len(set(node.free_labels)) == node.rank


def _opened(node: Contract, place: int, terms: Sequence[Node], relations: Sequence[Relation]) -> Node | None:
    inside, outside = list[Node](), list[Node]()
    for term in terms:
        product = with_factor(node, place, term)
        fits = isinstance(product, Contract) and any(True for r in relations for _ in matches(product, r))
        if fits:
            outside.append(collapse(product))
        else:
            inside.append(term)
    if not outside:
        return None
    return add([*outside, with_factor(node, place, add(inside))] if inside else outside)

"""Projections beside sums that they leave as they are, or take away: `(I − Q Qᵀ) (b − Q Qᵀ b) = b − Q Qᵀ b`.

The same for `I − A A⁺`, and `(I − U Uᵀ) (U − A) = 0` for the polar factor U of A.
"""

from __future__ import annotations

from itertools import product

from gradwright.core.build import is_identity
from gradwright.core.contraction import is_simple, is_zero, subproduct
from gradwright.core.nodes import Add, Contract, Factor, Node, labels_of
from gradwright.core.sums import add, terms_of
from gradwright.simplify.powers import merge_powers
from gradwright.simplify.relations import collapse


def apply_projections(node: Node) -> Node:
    """Multiply the identity less a product into a sum beside it, if that has no more terms than the sum."""
    if not isinstance(node, Contract):
        return node
    sums = [factor for factor in node.factors if isinstance(factor.node, Add)]
    for factor in sums if len(sums) > 1 else ():
        if _is_from_identity(factor.node):
            for beside in sums:
                closed = _multiplied(node, factor, beside) if beside is not factor else None
                if closed is not None:
                    return closed
    return node


def _is_from_identity(node: Node) -> bool:
    """Whether a matrix is a sum with the identity: `I − P`."""
    return isinstance(node, Add) and node.rank == 2 and any(map(is_identity, node.terms))


def _multiplied(node: Contract, factor: Factor, beside: Factor) -> Node | None:
    """The product with one of its sums multiplied into another one."""
    pair = (factor, beside)
    if not all(is_simple(f.groups) for f in pair):
        return None
    others = [f for f in node.factors if f is not factor and f is not beside]
    needed = labels_of(others) | set(node.free_labels)
    if not (set(factor.labels) & set(beside.labels)) - needed:
        return None
    held = list(dict.fromkeys((*factor.labels, *beside.labels)))
    kept = tuple((label,) for label in held if label in needed)
    sides = [[f.with_node(term) for term in terms_of(f.node)] for f in pair]
    total = add([merge_powers(collapse(subproduct(node, terms, kept))) for terms in product(*sides)])
    if not is_zero(total) and len(terms_of(total)) > len(terms_of(beside.node)):
        return None
    return subproduct(node, [*others, Factor(total, kept)], node.output, node.coefficient)

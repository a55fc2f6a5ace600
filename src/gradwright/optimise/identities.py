"""Products over sums that contain an identity, multiplied out: no identity is ever filled in.

`(I − Q Qᵀ) G` is `G − Q (Qᵀ G)`, and `diag(s) (I − 1 sᵀ)` is `diag(s) − s sᵀ`: what an identity, a diagonal or a
repeated vector contributes to a product is cheap by itself, and dear once it has been added to a full matrix.
"""

from __future__ import annotations

from gradwright.core.nodes import Contract, Node
from gradwright.core.sums import terms_of
from gradwright.core.walks import transform_all
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.simplify.expansion import expand

MOST_TERMS = 8
FEW_TERMS = 3


def multiply_out_identities(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Every product with a patterned sum as a sum of products, where few terms come of it."""
    return transform_all(roots, _opened)


def _opened(node: Node) -> Node:
    if not isinstance(node, Contract) or len([f for f in node.factors if f.node.rank]) < 2:
        return node
    return expand(node, _has_identity, MOST_TERMS)


def _has_identity(node: Node) -> bool:
    """Whether a short sum has a term with one index on two axes."""
    terms = terms_of(node)
    return 1 < len(terms) <= FEW_TERMS and any(_is_diagonal(term) for term in terms)


def _is_diagonal(term: Node) -> bool:
    if not isinstance(term, Contract):
        return False
    labels = [label for group in term.output for label in group]
    return len(set(labels)) < len(labels)

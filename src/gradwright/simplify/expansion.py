"""Products multiplied out over sums: only where a reader, or a notation, needs it, and in a budget."""

from __future__ import annotations

from collections.abc import Callable

from gradwright.core.nodes import Add, Contract, Node, labels_of
from gradwright.core.sums import add, distributed, terms_of

LIMIT = 64


def expand(root: Node, wanted: Callable[[Node], bool], limit: int = LIMIT) -> Node:
    """Multiply out the sums that satisfy a predicate; the node itself if that gives too many terms."""
    pending, done = list(reversed(terms_of(root))), list[Node]()
    while pending:
        term = pending.pop()
        opened = _opened(term, wanted)
        if opened is None:
            done.append(term)
        else:
            pending.extend(reversed(opened))
        if len(done) + len(pending) > limit:
            return root
    return add(done) if done else root


def expand_tensors(root: Node) -> Node:
    """Multiply out the sums of tensors with more than two axes, which have no matrix notation.

    A vector of which the terms hold such sums is one, too: `e (vᵀ T w)` for a scalar's gradient in a vector.
    """
    return expand(root, lambda node: node.rank > 2 or (node.rank == 1 and _holds_tensor_sums(node)))


def _holds_tensor_sums(node: Node) -> bool:
    factors = (factor.node for term in terms_of(node) if isinstance(term, Contract) for factor in term.factors)
    return any(isinstance(factor, Add) and factor.rank > 2 for factor in factors)


def is_patterned(node: Node) -> bool:
    """Whether a sum has a term with an axis that no factor carries, or with one index on two axes."""
    return node.rank >= 2 and isinstance(node, Add) and any(_leaves_out(term) for term in node.terms)


def _leaves_out(term: Node) -> bool:
    if not isinstance(term, Contract):
        return False
    labels = term.free_labels
    carried = labels_of(term.factors)
    return len(set(labels)) < len(labels) or not carried.issuperset(labels)


def _opened(term: Node, wanted: Callable[[Node], bool]) -> tuple[Node, ...] | None:
    if isinstance(term, Add):
        return term.terms
    if not isinstance(term, Contract):
        return None
    for place, factor in enumerate(term.factors):
        if isinstance(factor.node, Add) and wanted(factor.node):
            return distributed(term, place)
    return None

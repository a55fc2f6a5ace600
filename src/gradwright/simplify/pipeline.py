"""The passes of simplification, in order. Each is a function from a node to a node."""

from __future__ import annotations

from gradwright.core.nodes import Node
from gradwright.core.walks import transform_all
from gradwright.simplify.broadcasts import apply_on_diagonals, lift_broadcasts
from gradwright.simplify.equations import settle_equation
from gradwright.simplify.inverses import simplify_inverse
from gradwright.simplify.masks import drop_masks, drop_vanishing_terms
from gradwright.simplify.powers import merge_powers
from gradwright.simplify.reals import drop_real_part
from gradwright.simplify.relations import collapse
from gradwright.simplify.selections import merge_selections
from gradwright.simplify.stable import stabilise

PASSES = (
    drop_real_part,
    lift_broadcasts,
    apply_on_diagonals,
    simplify_inverse,
    merge_powers,
    collapse,
    drop_masks,
    merge_selections,
    drop_vanishing_terms,
    settle_equation,
    stabilise,
)
ROUNDS = 8


def simplify(root: Node) -> Node:
    """The expression in simpler form: the same value, shape and facts.

    The passes see every node after its parts; a node is revisited until no pass changes it.
    """
    return simplify_all((root,))[0]


def simplify_all(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Several expressions in simpler form, their common parts simplified once."""
    for _ in range(ROUNDS):
        changed = transform_all(roots, _settle)
        if changed == roots:
            return roots
        roots = changed
    return roots


def _settle(node: Node) -> Node:
    for _ in range(ROUNDS):
        before = node
        for apply_pass in PASSES:
            node = apply_pass(node)
        if node == before:
            return node
    return node

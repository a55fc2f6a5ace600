"""The passes of simplification, in order. Each is a function from a node to a node."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import lru_cache

from gradwright.core.nodes import Add, Apply, Node
from gradwright.core.walks import transform_all
from gradwright.simplify.broadcasts import apply_on_diagonals, lift_broadcasts
from gradwright.simplify.collapsing_sums import open_collapsing_sums
from gradwright.simplify.commuting import order_commuting
from gradwright.simplify.equations import settle_equation
from gradwright.simplify.half_vectorisations import merge_half_vectorisations
from gradwright.simplify.inverse_products import cancel_in_inverses, open_inverse
from gradwright.simplify.inverse_sums import join_inverses
from gradwright.simplify.inverses import simplify_inverse
from gradwright.simplify.linear import join_linear, settle_linear
from gradwright.simplify.masks import drop_masks, drop_vanishing_terms, join_masks
from gradwright.simplify.orientation import orient, orient_functions, orient_products
from gradwright.simplify.powers import merge_powers
from gradwright.simplify.projections import apply_projections
from gradwright.simplify.pythagoras import join_squares
from gradwright.simplify.quotients import cancel_in_sums, clear_quotients
from gradwright.simplify.reals import settle_real_part
from gradwright.simplify.relations import Relation, collapse, solved_systems
from gradwright.simplify.selections import merge_selections, open_placed_sums
from gradwright.simplify.similarity import apply_inside
from gradwright.simplify.split_sums import split_sums
from gradwright.simplify.stable import stabilise
from gradwright.simplify.sums import bring_out_signs, cancel_terms, open_turned_sums, turn_sums
from gradwright.simplify.systems import open_symmetric_systems, solve_where_known
from gradwright.simplify.triangles import join_triangles


def simplify_application(node: Node) -> Node:
    """What the record of a function makes of arguments for which there is a simpler form."""
    if isinstance(node, Apply) and node.primitive.simpler is not None:
        return node.primitive.simpler(node)
    return node


PASSES: tuple[Callable[[Node], Node], ...] = (
    settle_real_part,
    orient,
    lift_broadcasts,
    apply_on_diagonals,
    simplify_inverse,
    open_inverse,
    merge_powers,
    clear_quotients,
    cancel_in_sums,
    open_symmetric_systems,
    collapse,
    cancel_in_inverses,
    open_collapsing_sums,
    orient_products,
    orient_functions,
    order_commuting,
    drop_masks,
    merge_selections,
    merge_half_vectorisations,
    split_sums,
    drop_vanishing_terms,
    join_triangles,
    join_masks,
    open_placed_sums,
    turn_sums,
    bring_out_signs,
    cancel_terms,
    join_squares,
    join_inverses,
    apply_projections,
    settle_equation,
    settle_linear,
    join_linear,
    apply_inside,
    simplify_application,
    open_turned_sums,
    stabilise,
)
ROUNDS = 8


def simplify(root: Node, given: Container[Node] = frozenset()) -> Node:
    """The expression in simpler form: the same value, shape and facts.

    The passes see every node after its parts; a node is revisited until no pass changes it. What is known to be in
    simpler form may be given, so that it is not looked through again.
    """
    return simplify_all((root,), given)[0]


def simplify_all(roots: tuple[Node, ...], given: Container[Node] = frozenset()) -> tuple[Node, ...]:
    """Several expressions in simpler form, their common parts simplified once."""
    for _ in range(ROUNDS):
        changed = transform_all(roots, _pass_over(solved_systems(roots)), given)
        if changed == roots:
            return roots
        roots = changed
    return roots


def _pass_over(solved: tuple[Relation, ...]) -> Callable[[Node], Node]:
    """What settles a node; sums get the order of terms of one that was seen before: `(A + B)⁻¹ (B + A) = I`."""
    sums: dict[frozenset[Node], Node] = {}

    def settle(node: Node) -> Node:
        settled = _settle(node, solved)
        return sums.setdefault(frozenset(settled.terms), settled) if isinstance(settled, Add) else settled

    return settle


# Kept, since most parts of a derivation are simplified more than once, and those of a gradient again for its Hessian.
@lru_cache(maxsize=4096)
def _settle(node: Node, solved: tuple[Relation, ...]) -> Node:
    for _ in range(ROUNDS):
        before = node
        for apply_pass in PASSES:
            node = solve_where_known(node, solved) if apply_pass is collapse else apply_pass(node)
        if node == before:
            return node
    return node

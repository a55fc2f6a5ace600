"""Solutions of linear systems in products: `Q K⁻¹ Qᵀ` for `Q solve(K, Qᵀ)`, which is seen to be symmetric.

A product that is no such form has what is solved anyway in the place of `A⁻¹ B`.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.core.canonical import as_product
from gradwright.core.contraction import with_factors
from gradwright.core.inference import is_hermitian, is_symmetric
from gradwright.core.nodes import Contract, Node
from gradwright.prims.solve import without_system
from gradwright.simplify.relations import Relation, collapse


def open_symmetric_systems(node: Node) -> Node:
    """The inverse in a product for what it solves, where the product is symmetric and this is not seen otherwise."""
    if not isinstance(node, Contract) or node.rank != 2 or _is_mirrored(node):
        return node
    opened = with_inverses(node)
    return opened if _is_mirrored(opened) else node


def solve_where_known(node: Node, solved: Iterable[Relation]) -> Node:
    """Solutions of systems in a product, and the relations of its factors; no symmetry is lost sight of."""
    found = collapse(node, solved)
    return collapse(node) if _is_mirrored(node) and not _is_mirrored(found) else found


def with_inverses(node: Node) -> Node:
    """`A⁻¹ B` for every system that a node is, or a factor of it."""
    product = as_product(node)
    factors = [f.with_node(without_system(f.node)) for f in product.factors]
    return node if factors == list(product.factors) else with_inverses(with_factors(product, factors))


def _is_mirrored(node: Node) -> bool:
    return is_symmetric(node) or is_hermitian(node)

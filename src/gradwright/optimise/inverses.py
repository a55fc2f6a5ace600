"""Solutions of linear systems as products with an inverse, so that what they share with one is seen.

`solve(A, B)` and `inv(A)` in one expression are two names for one thing: written as `A⁻¹ B`, like terms
meet, and a result that is symmetric is known to be. The pass that shares factorisations turns the
products back into systems.
"""

from __future__ import annotations

from gradwright.core.nodes import Apply, Node
from gradwright.core.walks import postorder, transform_all
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.prims.inv import inv
from gradwright.prims.solve import SYSTEMS, with_inverse


def products_of_inverses(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`A⁻¹ B` for `solve(A, B)`, where the inverse of the same matrix occurs as well, or a system with another side.

    A system that stands alone stays one: there is nothing to be shared.
    """
    asked: dict[Node, set[Node]] = {}
    for node in postorder(*roots):
        if isinstance(node, Apply) and node.primitive in (inv, *SYSTEMS):
            asked.setdefault(node.arguments[0], set()).add(node)
    shared = {node for nodes in asked.values() if len(nodes) > 1 for node in nodes}
    if not any(isinstance(node, Apply) and node.primitive is not inv for node in shared):
        return roots
    matrices = {node.children[0] for node in shared}

    def step(node: Node) -> Node:
        if isinstance(node, Apply) and node.primitive in SYSTEMS and node.arguments[0] in matrices:
            return with_inverse(node)
        return node

    return transform_all(roots, step)

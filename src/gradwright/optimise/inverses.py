"""Solutions of linear systems as products with an inverse, so that what they share with one is seen.

`solve(A, B)` and `inv(A)` in one expression are two names for one thing: written as `A⁻¹ B`, like terms
meet, and a result that is symmetric is known to be. The pass that shares factorisations turns the
products back into systems. It sees no product in `A⁻¹ 1`, of which only a sum of the inverse is left: that is
made a system here.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.core.build import ones, transpose
from gradwright.core.contraction import subproduct
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Apply, Contract, Factor, Node, is_apply
from gradwright.core.walks import applications, postorder, transform_all
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.prims.inv import inv
from gradwright.prims.solve import SYSTEMS, solve_vector, with_inverse


def products_of_inverses(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`A⁻¹ B` for `solve(A, B)`, where the inverse of the same matrix occurs as well, or a system with another side.

    A system that stands alone stays one: there is nothing to be shared.
    """
    asked: dict[Node, set[Apply]] = {}
    for node in applications(*roots):
        if node.primitive in (inv, *SYSTEMS):
            asked.setdefault(node.arguments[0], set()).add(node)
    shared = {node for nodes in asked.values() if len(nodes) > 1 for node in nodes}
    if all(node.primitive is inv for node in shared):
        return roots
    matrices = {node.arguments[0] for node in shared}

    def step(node: Node) -> Node:
        if is_apply(node, *SYSTEMS) and node.arguments[0] in matrices:
            return with_inverse(node)
        return node

    return transform_all(roots, step)


def solve_for_sums(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`solve(A, 1)` for the sums over the rows of `A⁻¹`, unless the inverse itself is needed as well."""
    inverses = {node for node in applications(*roots) if node.primitive is inv}
    for inverse in set(_needed(roots)) if inverses else ():
        inverses.discard(inverse)
    if not inverses:
        return roots

    def step(node: Node) -> Node:
        if not isinstance(node, Contract):
            return node
        factors = [_summed(node, f) if f.node in inverses and _lonely(node, f) else f for f in node.factors]
        if factors == list(node.factors):
            return node
        return subproduct(node, factors, node.output, node.coefficient)

    return transform_all(roots, step)


def _needed(roots: Roots) -> Iterator[Node]:
    """What does not only multiply something, or is summed."""
    yield from roots
    for node in postorder(*roots):
        if not isinstance(node, Contract):
            yield from node.children
            continue
        kept = set(node.free_labels)
        for factor in node.factors:
            ends = set(factor.labels) - kept
            beside = [f for f in node.factors if f is not factor and ends & set(f.labels)]
            if not ends or any(set(factor.labels) <= set(f.labels) for f in beside):
                yield factor.node


def _lonely(node: Contract, factor: Factor) -> list[int]:
    """The labels over which a factor is summed alone."""
    others = set(node.free_labels)
    others |= {label for f in node.factors if f is not factor for label in f.labels}
    is_matrix = len(set(factor.labels)) == len(factor.labels) == 2  # no diagonal of axes that are split
    return [label for label in factor.labels if label not in others] if is_matrix else []


def _summed(node: Contract, factor: Factor) -> Factor:
    """An inverse that is summed over one of its labels as the solution of a system, along the other one."""
    assert isinstance(factor.node, Apply)
    row, column = factor.labels
    by_rows = column in _lonely(node, factor)
    matrix = factor.node.arguments[0]
    matrix = matrix if by_rows or is_symmetric(matrix) else transpose(matrix)
    solution = Apply(solve_vector, (), (matrix, ones(matrix.shape[:1])))
    return Factor(solution, ((row if by_rows else column,),), factor.conj)

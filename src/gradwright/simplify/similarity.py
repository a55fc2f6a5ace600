"""Functions of similar matrices: `f(P A P⁻¹) = P f(A) P⁻¹`, and of a diagonal one the function of its entries.

These are the definition of a function of a matrix (Higham 2008, Functions of Matrices, 1.2). What is left to
differentiate is a smaller function: none of a matrix, where A is diagonal.
"""

from __future__ import annotations

from itertools import permutations

from gradwright.core.build import diag, matmul
from gradwright.core.contraction import is_simple, subproduct
from gradwright.core.inference import is_hermitian
from gradwright.core.nodes import Apply, Contract, Factor, Node
from gradwright.prims.inv import inv
from gradwright.simplify.inverses import simplify_inverse


def apply_inside(node: Node) -> Node:
    """A function of a diagonal or of a similar matrix, by the function of what is on the diagonal or inside."""
    if not isinstance(node, Apply) or not node.primitive.commutes:
        return node
    argument = node.arguments[0]
    if not isinstance(argument, Contract) or argument.rank != 2 or not is_simple(argument.output):
        return node
    row, column = argument.free_labels
    if row != column:
        return _of_similar(node, argument, row, column)
    of_entries = node.primitive.of_entries
    if of_entries is None:
        return node
    return diag(of_entries(subproduct(argument, argument.factors, ((row,),), argument.coefficient)))


def _of_similar(node: Apply, argument: Contract, row: int, column: int) -> Node:
    """`P f(A) P⁻¹` of `f(P A P⁻¹)`, unless A is not seen to be Hermitian where the whole is, or has to be."""
    for first, last in permutations(argument.factors, 2):
        start, end = _inner_label(first, row), _inner_label(last, column)
        inner = [f for f in argument.factors if f is not first and f is not last]
        if start is None or end is None or any({row, column}.intersection(f.labels) for f in inner):
            continue
        left, right = ((row,), (start,)), ((end,), (column,))
        P, Q = subproduct(argument, [first], left), subproduct(argument, [last], right)
        if P.shape[0] == P.shape[1] and simplify_inverse(Apply(inv, (), (P,))) == Q:
            A = subproduct(argument, inner, (left[1], right[0]), argument.coefficient)
            if is_hermitian(A) or not (is_hermitian(argument) or node.primitive.inputs[0].facts):
                return matmul(matmul(P, Apply(node.primitive, (), (A,))), Q)
    return node


def _inner_label(factor: Factor, label: int) -> int | None:
    """The other label of a matrix that has a label on one axis; None if it is none."""
    others = [other for other in factor.labels if other != label]
    return others[0] if len(factor.groups) == len(factor.labels) == 2 and len(others) == 1 else None

"""Which way round a matrix stands in a product, where both ways are the same but for a sign.

The conjugate of a Hermitian matrix is its transpose, `Hᴴ = H`, that of a skew-Hermitian one minus it, and the transpose
of a skew one is minus the matrix, `Wᵀ = −W`.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.contraction import contract
from gradwright.core.inference import facts_of, is_hermitian
from gradwright.core.nodes import Contract, Factor, Groups, Node


def orient(node: Node) -> Node:
    """Hermitian matrices without a conjugate, and skew ones without a transpose."""
    if not isinstance(node, Contract) or not node.coefficient:
        return node
    sign, factors = Fraction(1), list[Factor]()
    for factor in node.factors:
        if factor.conj and factor.node.rank == 2 and is_hermitian(factor.node):
            factor = Factor(factor.node, factor.groups[::-1])
        elif factor.conj and factor.node.rank == 2 and "skew_hermitian" in facts_of(factor.node):
            sign, factor = -sign, Factor(factor.node, factor.groups[::-1])
        elif factor.node.rank == 2 and "skew" in facts_of(factor.node) and _is_turned(factor, node.output):
            sign, factor = -sign, Factor(factor.node, factor.groups[::-1], factor.conj)
        factors.append(factor)
    if tuple(factors) == node.factors:
        return node
    return contract(sign * node.coefficient, factors, node.output, dict(enumerate(node.dims)))


def _is_turned(factor: Factor, output: Groups) -> bool:
    """Whether a matrix is read from its columns to its rows, from the first axis of the result to the last."""
    row, column = factor.groups
    first, last = (output[0] if output else ()), (output[-1] if len(output) > 1 else ())
    forwards, backwards = row == first or column == last, column == first or row == last
    return backwards and not forwards if forwards or backwards else row > column

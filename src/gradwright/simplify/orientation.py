"""Which way round a matrix stands in a product, where both ways are the same but for a sign.

The conjugate of a Hermitian matrix is its transpose, `Hᴴ = H`, that of a skew-Hermitian one minus it, and the transpose
of a skew one is minus the matrix, `Wᵀ = −W`. What has no imaginary part, such as `det(H)`, has no conjugate either,
and that of i is −i.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.contraction import contract
from gradwright.core.inference import facts_of, is_hermitian, is_real_valued
from gradwright.core.nodes import Contract, Factor, Groups, Node
from gradwright.prims.complex import IMAGINARY_UNIT


def orient(node: Node) -> Node:
    """Hermitian matrices and real values without a conjugate, and skew matrices without a transpose."""
    if not isinstance(node, Contract) or not node.coefficient:
        return node
    sign, factors = Fraction(1), list[Factor]()
    for factor in node.factors:
        if factor.conj and is_real_valued(factor.node):
            factor = Factor(factor.node, factor.groups)
        elif factor.conj and factor.node == IMAGINARY_UNIT.node:
            sign, factor = -sign, Factor(factor.node, factor.groups)
        elif factor.conj and factor.node.rank == 2 and is_hermitian(factor.node):
            factor = Factor(factor.node, factor.groups[::-1])
        elif factor.conj and factor.node.rank == 2 and "skew_hermitian" in facts_of(factor.node):
            sign, factor = -sign, Factor(factor.node, factor.groups[::-1])
        elif factor.node.rank == 2 and "skew" in facts_of(factor.node) and _is_turned(factor, node.output):
            sign, factor = -sign, Factor(factor.node, factor.groups[::-1], factor.conj)
        factors.append(factor)
    units = [f for f in factors if f.node == IMAGINARY_UNIT.node]
    if len(units) > 1:
        factors = [*units[: len(units) % 2], *(f for f in factors if f.node != IMAGINARY_UNIT.node)]
        sign *= (-1) ** (len(units) // 2)
    if tuple(factors) == node.factors:
        return node
    return contract(sign * node.coefficient, factors, node.output, dict(enumerate(node.dims)))


def _is_turned(factor: Factor, output: Groups) -> bool:
    """Whether a matrix is read from its columns to its rows, from the first axis of the result to the last."""
    row, column = factor.groups
    first, last = (output[0] if output else ()), (output[-1] if len(output) > 1 else ())
    forwards, backwards = row == first or column == last, column == first or row == last
    return backwards and not forwards if forwards or backwards else row > column

"""Which way round a matrix stands in a product, where both ways are the same but for a sign.

The conjugate of a Hermitian matrix is its transpose, `Hᴴ = H`, that of a skew-Hermitian one minus it, and the transpose
of a skew one is minus the matrix, `Wᵀ = −W`. What has no imaginary part, such as `det(H)`, has no conjugate either,
and that of i is −i.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.contraction import contract
from gradwright.core.inference import facts_of, is_hermitian, is_real_valued
from gradwright.core.nodes import Contract, Factor, Node
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
        elif factor.node.rank == 2 and "skew" in facts_of(factor.node) and _is_turned(factor, node):
            sign, factor = -sign, Factor(factor.node, factor.groups[::-1], factor.conj)
        factors.append(factor)
    units = [f for f in factors if f.node == IMAGINARY_UNIT.node]
    if len(units) > 1:
        factors = [*units[: len(units) % 2], *(f for f in factors if f.node != IMAGINARY_UNIT.node)]
        sign *= (-1) ** (len(units) // 2)
    if tuple(factors) == node.factors:
        return node
    return contract(sign * node.coefficient, factors, node.output, dict(enumerate(node.dims)))


def _is_turned(factor: Factor, node: Contract) -> bool:
    """Whether a matrix is read from its columns to its rows, from the first axis of the result to the last."""
    row, column = factor.groups
    first, last = (node.output[0] if node.output else ()), (node.output[-1] if len(node.output) > 1 else ())
    forwards, backwards = row == first or column == last, column == first or row == last
    if forwards or backwards:
        return backwards and not forwards
    for axis, sign in ((first, 1), (last, -1)):
        steps = _steps_from(axis, node.factors)
        if row in steps and column in steps and steps[row] != steps[column]:
            return sign * steps[row] > sign * steps[column]
    return row > column


def _steps_from(start: tuple[int, ...], factors: Sequence[Factor]) -> dict[tuple[int, ...], int]:
    """How many matrices lie between an axis and the others that a chain of matrices leads to."""
    steps, reached = {start: 0}, [start]
    for axis in reached:
        for factor in factors:
            if len(factor.groups) == 2 and axis in factor.groups:
                for other in factor.groups:
                    if other not in steps:
                        steps[other] = steps[axis] + 1
                        reached.append(other)
    return steps

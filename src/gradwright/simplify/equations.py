"""Solutions of linear equations: zero where the right sides are, symmetric where the equation is its own mirror image.

`A H + H A = C` has the solution `½ A⁻¹ C` if A and C commute.

If `E[Hᵀ]ᵀ = E[H]` for every H and C is symmetric, then the transpose of the solution of `E[H] = C` solves it
too; the solution is the only one, so it is symmetric. For a skew C it is skew. With complex entries the same holds
of adjoints.
"""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction

from gradwright.core.build import adjoint, matmul, multiply, transpose
from gradwright.core.canonical import as_product
from gradwright.core.commuting import commute
from gradwright.core.contraction import is_simple, is_zero, scale, simple, split_coefficient, subproduct, zero
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Hole, Node, Solve, Unknown
from gradwright.core.scalars import scalars_of
from gradwright.core.spaces import Space, mirror_space
from gradwright.core.sums import coefficient_of, like_key, terms_of, value_key
from gradwright.core.walks import substitute
from gradwright.prims.inv import inv
from gradwright.simplify.relations import collapse


def settle_equation(node: Node) -> Node:
    """Solve what needs no solving, and look for a symmetric unknown among the symmetric matrices."""
    if not isinstance(node, Solve):
        return node
    if all(map(is_zero, node.right_sides)):
        return zero(node.shape)
    if len(node.right_sides) == 1:
        scalars, rest = scalars_of(node.right_sides[0])
        if rest != node.right_sides[0]:
            return multiply(scalars, settle_equation(Solve(node.unknowns, node.equations, (rest,), node.index)))
    if len(node.unknowns) != 1 or len(node.equations) != 1 or node.trailing:
        return node
    if node.unknowns[0].real and not all(child.real for child in node.children):
        return node
    (unknown,), (equation,), (right,) = node.unknowns, node.equations, node.right_sides
    number, alone = split_coefficient(equation.operator)
    if alone == Hole.of(unknown) and unknown.space is equation.space:
        return scale(1 / number, right)
    commuting = _of_commuting(unknown, equation.operator, right)
    if commuting is not None:
        return commuting
    space = mirror_space(facts_of(right), unknown.real)
    if unknown.space is not Space.FREE or equation.space is not Space.FREE or space is Space.FREE:
        return node
    if unknown.shape != right.shape or not is_its_own_mirror_image(equation.operator, unknown):
        return node
    return Solve((unknown._replace(space=space),), (equation._replace(space=space),), (right,), 0)


def _of_commuting(unknown: Unknown, operator: Node, right: Node) -> Node | None:
    """`½ A⁻¹ C`, which solves `A H + H A = C` if A and C commute."""
    if unknown.space not in (Space.FREE, Space.SYMMETRIC, Space.HERMITIAN) or len(terms_of(operator)) != 2:
        return None
    if len(unknown.shape) != 2 or operator.rank != 2:
        return None
    hole = Hole.of(unknown)
    beside = [_beside(term, hole) for term in terms_of(operator)]
    (left, _), (_, behind) = beside if beside[0][0] is not None else beside[::-1]
    if left is None or behind is None or like_key(left) != like_key(behind):
        return None
    powers = value_key(collapse(matmul(left, right))) == value_key(collapse(matmul(right, left)))
    if not powers and not commute(left, right, facts_of):
        return None
    return scale(Fraction(1, 2), matmul(Apply(inv, (), (left,)), right))


def _beside(term: Node, hole: Hole) -> tuple[Node | None, Node | None]:
    """The matrix before, and the one behind, an unknown of which a term is the product with one matrix."""
    product = as_product(term)
    holes = [f for f in product.factors if f.node == hole]
    others = [f for f in product.factors if f.node != hole]
    simple_ends = is_simple(product.output)
    if product.coefficient != 1 or len(holes) != 1 or holes[0].conj or len(others) != 1 or not simple_ends:
        return None, None
    (row,), (column,) = product.output
    (unknown,), (matrix,) = holes, others
    if matrix.node.rank != 2 or len(set(matrix.labels)) != 2 or len(set(unknown.labels)) != 2:
        return None, None
    first, last = unknown.labels
    if last == column and set(matrix.labels) == {row, first}:
        return subproduct(product, [matrix], simple((row, first))), None
    if first == row and set(matrix.labels) == {last, column}:
        return None, subproduct(product, [matrix], simple((last, column)))
    return None, None


def is_its_own_mirror_image(operator: Node, unknown: Unknown) -> bool:
    """Whether the operator takes the adjoint of a matrix to the adjoint of its image."""
    hole = Hole.of(unknown)
    mirrored = (adjoint(substitute(term, {hole: adjoint(hole)})) for term in terms_of(operator))
    return _summed(tuple(mirrored)) == _summed(terms_of(operator))


def is_mirrored(node: Node, space: Space) -> bool:
    """Whether a sum, multiplied out, is seen to be symmetric, or Hermitian, where the space demands that."""
    if space is Space.SYMMETRIC:
        return _summed(tuple(map(transpose, terms_of(node)))) == _summed(terms_of(node))
    return space is Space.HERMITIAN and _summed(tuple(map(adjoint, terms_of(node)))) == _summed(terms_of(node))


def _summed(terms: tuple[Node, ...]) -> dict[Hashable, Fraction]:
    return {like_key(term): coefficient_of(term) for term in terms}

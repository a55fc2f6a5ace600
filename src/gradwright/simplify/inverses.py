"""Inverses, found by what they satisfy: any primitive with `Y X = I` is one.

(X⁻¹)⁻¹ = X     (Xᵀ)⁻¹ = (X⁻¹)ᵀ     (c X)⁻¹ = c⁻¹ X⁻¹     diag(v)⁻¹ = diag(1/v)     Q⁻¹ = Qᴴ = Q⁺
(A ⊗ B)⁻¹ = A⁻¹ ⊗ B⁻¹     (c Xᵀ)⁺ = c⁻¹ (X⁺)ᵀ
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TypeGuard

from gradwright.core.build import adjoint, diag, identity, is_identity, matmul, multiply
from gradwright.core.canonical import as_product, only_matrix
from gradwright.core.contraction import contract, is_simple, plain, simple, subproduct, with_factors, with_output
from gradwright.core.inference import facts_of
from gradwright.core.kronecker import kronecker_parts
from gradwright.core.nodes import Add, Apply, Contract, Factor, Groups, Node, is_apply
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add
from gradwright.core.templates import formals, identities
from gradwright.prims.inv import inv
from gradwright.prims.lstsq import lstsq
from gradwright.prims.pinv import pinv
from gradwright.prims.power import raise_to
from gradwright.prims.solve import solve, solve_vector

MINUS_ONE = Fraction(-1)
LEAST_SQUARES = dict(zip(lstsq, (solve, solve_vector), strict=True))
"""What a least-squares solution is where the matrix has an inverse."""


def is_inverse(node: Node) -> TypeGuard[Apply]:
    """Whether something is the inverse of a matrix, by the definition of the function that it is an output of."""
    return isinstance(node, Apply) and _inverts(node.primitive)


@lru_cache(maxsize=4096)
def _inverts(primitive: Primitive) -> bool:
    if len(primitive.identity) != 1 or len(primitive.inputs) != 1 or len(primitive.inputs[0].shape) != 2:
        return False
    left, right = identities(primitive)[0]
    formal = formals(primitive)
    if not is_identity(right):
        left, right = right, left
    product = as_product(left)
    nodes = [f.node for f in product.factors]
    return (
        [f.labels for f in product.factors] == [(0, 1), (1, 2)]
        and product.output == ((0,), (2,))
        and is_identity(right)
        and set(nodes) == {formal.inputs[0], formal.outputs[0]}
        and product.coefficient == 1
        and not any(f.conj for f in product.factors)
    )


def simplify_inverse(node: Node) -> Node:
    """The inverse of a transpose, a multiple, a diagonal, an orthogonal matrix, a Kronecker product or an inverse."""
    if is_apply(node, pinv):
        return _of_pseudo_inverse(node)
    if is_apply(node, *LEAST_SQUARES) and "invertible" in facts_of(node.arguments[0]):
        node = Apply(LEAST_SQUARES[node.primitive], (), node.arguments)
    if is_apply(node, solve, solve_vector):
        return _of_system(node)
    if not is_inverse(node):
        return node
    matrix = node.arguments[0]
    if is_inverse(matrix):
        return matrix.arguments[0]
    if "unitary" in facts_of(matrix):
        return adjoint(matrix)
    if matrix.rank == 2 and isinstance(matrix, Contract):
        return _of_product(node, matrix)
    if matrix.rank == 2 and isinstance(matrix, Add):
        return _of_diagonal_sum(node, matrix)
    return node


def _of_diagonal_sum(node: Apply, matrix: Add) -> Node:
    """`(a I + b I)⁻¹ = (a + b)⁻¹ I` and `(diag(u) + a I)⁻¹ = diag(1 / (u + a))`."""
    terms = [as_product(term) for term in matrix.terms]
    if any(term.output[0] != term.output[1] for term in terms):
        return node
    (n, _), labels = matrix.shape, [term.output[0] for term in terms]
    if all(set(label).isdisjoint(f.labels) for term, label in zip(terms, labels, strict=True) for f in term.factors):
        numbers = [_within(term, ()) for term in terms]
        return multiply(raise_to(add(numbers), MINUS_ONE), identity(n))
    return diag(raise_to(add(_within(term, (label,)) for term, label in zip(terms, labels, strict=True)), MINUS_ONE))


def _within(term: Contract, output: Groups) -> Node:
    """What stands on the diagonal of a diagonal matrix: a vector, or a number times the identity."""
    return subproduct(term, term.factors, output, term.coefficient)


def _of_pseudo_inverse(node: Apply) -> Node:
    """That of orthonormal columns, of what has an inverse, of another, of a multiple of a matrix or its transpose."""
    (matrix,) = node.arguments
    if is_apply(matrix, pinv):
        return matrix.arguments[0]
    if "stiefel" in facts_of(matrix):
        return adjoint(matrix)
    if "invertible" in facts_of(matrix):
        return simplify_inverse(Apply(inv, (), (matrix,)))
    factor = only_matrix(matrix) if isinstance(matrix, Contract) else None
    if factor is None or not isinstance(matrix, Contract) or not matrix.coefficient:
        return node
    upright, groups, conj = factor
    inverse = _of_pseudo_inverse(Apply(node.primitive, (), (upright,)))
    dims = dict(enumerate(matrix.dims))
    return contract(1 / matrix.coefficient, [Factor(inverse, groups[::-1], conj)], matrix.output[::-1], dims)


def _of_product(node: Apply, matrix: Contract) -> Node:
    if not matrix.coefficient:
        return node
    if matrix.output[0] == matrix.output[1]:
        return _of_diagonal(matrix)
    if len(matrix.factors) == 1 and matrix.factors[0].node.rank == 2:
        return _of_rearranged(node, matrix)
    scalars = [f for f in matrix.factors if not f.node.rank]
    if matrix.coefficient != 1 or scalars:
        return _scaled_inverse(node, matrix, scalars)
    parts = kronecker_parts(matrix)
    return _of_kronecker(node.primitive, parts) if parts else node


def _of_kronecker(primitive: Primitive, parts: Sequence[Node]) -> Node:
    """`(A ⊗ B)⁻¹ = A⁻¹ ⊗ B⁻¹`."""
    rows = tuple(range(len(parts)))
    columns = tuple(len(parts) + row for row in rows)
    inverses = [simplify_inverse(Apply(primitive, (), (part,))) for part in parts]
    factors = [plain(inverse, ends) for inverse, *ends in zip(inverses, rows, columns, strict=True)]
    sizes = [part.shape[0] for part in parts]
    return contract(1, factors, (rows, columns), dict(enumerate((*sizes, *sizes))))


def _of_system(node: Apply) -> Node:
    """`solve(A ⊗ B, C) = (A⁻¹ ⊗ B⁻¹) C`."""
    matrix, right = node.arguments
    parts = kronecker_parts(matrix) if isinstance(matrix, Contract) else ()
    if not parts:
        return node
    return matmul(simplify_inverse(Apply(inv, (), (matrix,))), right)


def _scaled_inverse(node: Apply, matrix: Contract, scalars: list[Factor]) -> Node:
    """The number and the scalar factors taken out."""
    rest = [f for f in matrix.factors if f.node.rank]
    bare = with_factors(matrix, rest, 1)
    if bare == matrix:
        return node
    inverse = simplify_inverse(Apply(node.primitive, (), (bare,)))
    factors = [Factor(raise_to(f.node, MINUS_ONE), (), f.conj) for f in scalars]
    dims = dict(enumerate(inverse.shape))
    return contract(1 / matrix.coefficient, [*factors, plain(inverse, (0, 1))], simple((0, 1)), dims)


def _of_rearranged(node: Apply, matrix: Contract) -> Node:
    """A multiple of a matrix, its transpose or its conjugate."""
    factor = matrix.factors[0]
    if not is_simple(factor.groups) or factor.node.shape[0] != factor.node.shape[1]:
        return node
    inverse = simplify_inverse(Apply(node.primitive, (), (factor.node,)))
    swapped = factor.with_node(inverse)
    return with_factors(matrix, [swapped], 1 / matrix.coefficient)


def _of_diagonal(matrix: Contract) -> Node:
    """The reciprocals of the diagonal."""
    labels = set(matrix.free_labels)
    # Not entry by entry where labels are summed, and where a factor is a matrix of which the diagonal is meant.
    if len(labels) != 1 or any(set(f.labels) - labels or f.node.rank > 1 for f in matrix.factors):
        entries = with_output(matrix, matrix.output[:1], 1)
        factors = [Factor(raise_to(entries, MINUS_ONE), ((0,),))]
    else:
        factors = [f.with_node(raise_to(f.node, MINUS_ONE)) for f in matrix.factors]
    dims = {0: matrix.shape[0]}
    placed = [Factor(f.node, ((0,),) if f.node.rank else (), f.conj) for f in factors]
    return contract(1 / matrix.coefficient, placed, ((0,), (0,)), dims)

"""The factors of a product of square matrices, by which it is divided and its determinant is found.

    (A B)⁻¹ C = B⁻¹ (A⁻¹ C)        log |det(A B)| = log |det A| + log |det B|

Each factor is divided by as what is known of it allows. The product, whose condition may be the product of theirs, is
not multiplied out.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.core.build import transpose
from gradwright.core.inference import facts_of, matrix_chain
from gradwright.core.matrix_chains import matrix_of
from gradwright.core.nodes import Contract, HalfVectorisation, Mask, Node, Selection
from gradwright.frozen import frozen


@frozen
class Gram:
    """`L Lᵀ` for a real lower triangular L, a Cholesky factor but for signs; LAPACK wants the diagonal real."""

    factor: Node


def square_factors(matrix: Node) -> tuple[Node, ...]:
    """The square matrices whose product a matrix is, in order; the matrix alone if it is none."""
    if not isinstance(matrix, Contract) or matrix.rank != 2 or matrix.coefficient != 1:
        return (matrix,)
    chain = matrix_chain(matrix) if all(_is_square(f.node) for f in matrix.factors) else None
    if chain is None or len(chain) < 2:
        return (matrix,)
    return tuple(inner for link in chain for inner in square_factors(matrix_of(link)))


def divisors(matrix: Node) -> Iterator[Node | Gram]:
    """By what a right side is divided, one after the other, so that the matrix has divided it."""
    factors = list(square_factors(matrix))
    while factors:
        first, *factors = factors
        if factors and first.real and "lower" in facts_of(first) and factors[0] == transpose(first):
            del factors[0]
            yield Gram(first)
        else:
            yield first


def _is_square(node: Node) -> bool:
    return node.is_square and not isinstance(node, Mask | Selection | HalfVectorisation)

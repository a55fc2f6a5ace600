"""Whole powers of a square matrix, as products: a derivative of the k-th has k terms, so k is bounded."""

from __future__ import annotations

from gradwright.core import build
from gradwright.core.nodes import Apply, Node
from gradwright.core.registry import Call, formula
from gradwright.errors import UnsupportedError
from gradwright.prims.inv import inv

LARGEST = 100


@formula("matrix_power", "matrix_power(X, k)", "the power of a square matrix, k a constant whole number")
def matrix_power(call: Call) -> Node:
    """`X @ X @ …`; a negative power is one of the inverse."""
    call.expect(2, 2, usage="matrix_power(X, k)")
    matrix = call.node(0)
    build.require_square(matrix, "matrix_power")
    exponent = call.integer("k", 1, None)
    if exponent is None or abs(exponent) > LARGEST:
        raise UnsupportedError(f"matrix_power takes a constant whole exponent up to {LARGEST}")
    if exponent < 0:
        matrix = Apply(inv, (), (matrix,))
    return _power(matrix, abs(exponent))


def _power(matrix: Node, exponent: int) -> Node:
    """Repeated squaring: the product is put together in few steps."""
    if exponent == 0:
        return build.identity(matrix.shape[0])
    if exponent == 1:
        return matrix
    half = _power(matrix, exponent // 2)
    squared = build.matmul(half, half)
    return build.matmul(squared, matrix) if exponent % 2 else squared

"""Stein's equation `X − A X Aᴴ = Q`, the discrete Lyapunov equation, which is a `Solve` node as it stands."""

from __future__ import annotations

from gradwright.core.build import matmul, transpose
from gradwright.core.contraction import conjugate
from gradwright.core.nodes import Hole, Node
from gradwright.core.registry import Call, formula
from gradwright.core.sums import add, negate
from gradwright.prims.lyapunov import square_pair
from gradwright.prims.sylvester import equation_solution, mirror_space


def stein_solution(A: Node, Q: Node) -> Node:
    """The X with `X − A X Aᴴ = Q`; Hermitian where Q is."""
    hole = Hole(0, Q.shape, Q.real and A.real)
    image = matmul(matmul(A, hole), conjugate(transpose(A)))
    return equation_solution(add([hole, negate(image)]), hole, Q, mirror_space(Q))


@formula("stein", "stein(A, Q)", "the X with X − A X Aᴴ = Q")
def stein(call: Call) -> Node:
    """The solution of Stein's equation; unique if no two eigenvalues of A multiply to one."""
    A, Q = square_pair(call, "stein")
    return stein_solution(A, Q)

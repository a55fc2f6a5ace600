"""Stein's equation `X − A X Aᴴ = Q`, the discrete Lyapunov equation, which is a `Solve` node as it stands."""

from __future__ import annotations

import numpy as np

from gradwright.core.build import adjoint, matmul
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Hole, Node
from gradwright.core.primitive import KnownRule, Primitive, Sample
from gradwright.core.registry import Call, formula
from gradwright.core.spaces import mirror_space
from gradwright.core.sums import add, negate
from gradwright.prims.lyapunov import square_pair
from gradwright.prims.precision import in_precision_of
from gradwright.prims.sylvester import equation_solution


def stein_solution(A: Node, Q: Node) -> Node:
    """The X with `X − A X Aᴴ = Q`; its own mirror image where Q is."""
    hole = Hole(0, Q.shape[:2], Q.real and A.real)
    image = matmul(matmul(A, hole), adjoint(A))
    return equation_solution(add([hole, negate(image)]), hole, Q, mirror_space(facts_of(Q), hole.real))


def discrete_lyapunov(A: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """The X with `X − A X Aᴴ = Q`."""
    from scipy.linalg import solve_discrete_lyapunov

    return in_precision_of(solve_discrete_lyapunov(A, Q), A, Q)


# The algorithm behind the equation, for code that is emitted.
stein_solver = Primitive(
    name="stein",
    signature="A: n n, Q: n n -> X: n n",
    summary="the solution X of X − A X Aᴴ = Q",
    value_name="solved",
    identity=("X - A @ X @ A.H = Q",),
    numpy=discrete_lyapunov,
    known_rules=(
        KnownRule(
            "dX",
            "stein(A, dQ + dA @ X @ A.H + A @ X @ dA.H)",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
        KnownRule(
            "vjp_Q",
            "stein(A.H, G)",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
        KnownRule(
            "vjp_A",
            "stein(A.H, G) @ A @ X.H + stein(A.H, G).H @ A @ X",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
    ),
    samples=(Sample("A: n n, Q: n n"),),
    origin=" solver",
)


@formula("stein", "stein(A, Q)", "the X with X − A X Aᴴ = Q", stein_solver)
def stein(call: Call) -> Node:
    """The solution of Stein's equation; unique if no two eigenvalues of A multiply to one."""
    A, Q = square_pair(call, "stein")
    return stein_solution(A, Q)

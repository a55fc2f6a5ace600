"""Lyapunov's equation `A X + X Aᴴ = Q`: Sylvester's with `B = Aᴴ`."""

from __future__ import annotations

import numpy as np

from gradwright.core.build import adjoint, require_equal, require_square
from gradwright.core.nodes import Node
from gradwright.core.primitive import KnownRule, Primitive, Sample
from gradwright.core.registry import Call, formula
from gradwright.prims.sylvester import require_right_side, solve_by_schur_forms, sylvester_solution


def solve_with_adjoint(A: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """The X with `A X + X Aᴴ = Q`."""
    return solve_by_schur_forms(A, A.conj().T, Q)


# The algorithm behind the equation, for code that is emitted.
lyapunov_solver = Primitive(
    name="lyapunov",
    signature="A: n n, Q: n n -> X: n n",
    summary="the solution X of A X + X Aᴴ = Q",
    value_name="solved",
    identity=("A @ X + X @ A.H = Q",),
    numpy=solve_with_adjoint,
    known_rules=(
        KnownRule(
            "dX",
            "lyapunov(A, dQ - dA @ X - X @ dA.H)",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
        KnownRule(
            "vjp_Q",
            "lyapunov(A.H, G)",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
        KnownRule(
            "vjp_A",
            "-lyapunov(A.H, G) @ X.H - lyapunov(A.H, G).H @ X",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
    ),
    samples=(Sample("A: n n, Q: n n"),),
    origin=" solver",
)


@formula("lyapunov", "lyapunov(A, Q)", "the X with A X + X Aᴴ = Q", lyapunov_solver)
def lyapunov(call: Call) -> Node:
    """The solution of Lyapunov's equation; unique if no two eigenvalues of A add up to zero."""
    A, Q = square_pair(call, "lyapunov")
    return sylvester_solution(A, adjoint(A), Q)


def square_pair(call: Call, name: str) -> tuple[Node, Node]:
    """Two square matrices of one size."""
    call.expect(2, 2, usage=f"{name}(A, Q)")
    A, Q = call.nodes()
    require_square(A, f"{name}, as its first argument,")
    require_right_side(Q, name)
    require_equal(Q.shape[0], Q.shape[1], f"in {name}(A, Q): the rows and the columns of Q")
    require_equal(A.shape[0], Q.shape[0], f"in {name}(A, Q): the rows of A and of Q")
    return A, Q

"""Sylvester's equation `A X + X B = C`, which is a `Solve` node as it stands."""

from __future__ import annotations

import numpy as np

from gradwright.core.build import adjoint, matmul, require_equal, require_square
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Equation, Hole, Node, Solve, Unknown
from gradwright.core.primitive import KnownRule, Primitive, Sample, shape_text
from gradwright.core.registry import Call, formula
from gradwright.core.spaces import Space, mirror_space
from gradwright.core.sums import add
from gradwright.errors import ShapeError
from gradwright.prims.schur import schur_form, solve_between_triangles


def sylvester_solution(A: Node, B: Node, C: Node) -> Node:
    """The X with `A X + X B = C`; its own mirror image where B is Aᴴ and C is.

    Further axes of C are further equations.
    """
    hole = Hole(0, C.shape[:2], C.real and A.real and B.real)
    operator = add([matmul(A, hole), matmul(hole, B)])
    space = mirror_space(facts_of(C), hole.real) if B == adjoint(A) else Space.FREE
    return equation_solution(operator, hole, C, space)


def equation_solution(operator: Node, hole: Hole, right: Node, space: Space) -> Node:
    """The solution of one linear matrix equation."""
    unknown = Unknown(hole.shape, space, hole.real)
    return Solve((unknown,), (Equation(operator, space),), (right,), 0)


def solve_by_schur_forms(A: np.ndarray, B: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The X with `A X + X B = C`.

    `A = Z S Zᴴ` and `B = W T Wᴴ` leave `S Y + Y T = Zᴴ C W` (Bartels & Stewart 1972, Comm. ACM 15, 820-826). Where A
    and B are one matrix, as in derivatives of its square root, or adjoint, as in Lyapunov's equation, one form does
    for both.
    """
    # The real Schur form has blocks that a complex right side does not allow.
    field = np.result_type(A, B, C, np.float32)
    S, Z = schur_form(A.astype(field))
    if np.array_equal(A, B):
        return Z @ solve_between_triangles(S, S, Z.conj().T @ C @ Z, 0, 0) @ Z.conj().T
    if np.array_equal(A, B.conj().T):
        return Z @ solve_between_triangles(S, S, Z.conj().T @ C @ Z, 0, 1) @ Z.conj().T
    T, W = schur_form(B.astype(field))
    return Z @ solve_between_triangles(S, T, Z.conj().T @ C @ W, 0, 0) @ W.conj().T


# The algorithm behind the equation, for code that is emitted.
sylvester_solver = Primitive(
    name="sylvester",
    signature="A: n n, B: m m, C: n m -> X: n m",
    summary="the solution X of A X + X B = C",
    value_name="solved",
    identity=("A @ X + X @ B = C",),
    numpy=solve_by_schur_forms,
    known_rules=(
        KnownRule(
            "dX",
            "sylvester(A, B, dC - dA @ X - X @ dB)",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
        KnownRule(
            "vjp_C",
            "sylvester(A.H, B.H, G)",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
        KnownRule(
            "vjp_A",
            "-sylvester(A.H, B.H, G) @ X.H",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
        KnownRule(
            "vjp_B",
            "-X.H @ sylvester(A.H, B.H, G)",
            "Kao & Hennequin 2020, arXiv:2011.11430",
        ),
    ),
    samples=(Sample("A: n n, B: m m, C: n m"),),
    origin=" solver",
)


@formula("sylvester", "sylvester(A, B, C)", "the X with A X + X B = C", sylvester_solver)
def sylvester(call: Call) -> Node:
    """The solution of Sylvester's equation; unique if A and −B share no eigenvalue."""
    call.expect(3, 3, usage="sylvester(A, B, C)")
    A, B, C = call.nodes()
    require_square(A, "sylvester, as its first argument,")
    require_square(B, "sylvester, as its second argument,")
    require_right_side(C, "sylvester")
    require_equal(A.shape[0], C.shape[0], "in sylvester(A, B, C): the rows of A and of C")
    require_equal(B.shape[0], C.shape[1], "in sylvester(A, B, C): the columns of B and of C")
    return sylvester_solution(A, B, C)


def require_right_side(node: Node, name: str) -> None:
    """Refuse a right side that has fewer axes than a matrix; one with more stands for many equations."""
    if node.rank < 2:
        raise ShapeError(f"{name} takes matrices; this is {shape_text(node.shape)}")

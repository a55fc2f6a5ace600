"""Linear matrix equations, which are `Solve` nodes as they stand, and Riccati's equations.

sylvester   A X + X B = C             lyapunov   A X + X Aᴴ = Q        stein   X − A X Aᴴ = Q
care        Aᴴ X + X A − X B R⁻¹ Bᴴ X + Q = 0
dare        X = Aᴴ X A − Aᴴ X B (R + Bᴴ X B)⁻¹ Bᴴ X A + Q
"""

from __future__ import annotations

import numpy as np

from gradwright.core.build import matmul, require_equal, require_square, transpose
from gradwright.core.contraction import conjugate
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Equation, Hole, Node, Solve, Unknown
from gradwright.core.primitive import Notation, Primitive, Sample, shape_text
from gradwright.core.registry import Call, formula, register_primitive
from gradwright.core.spaces import Space
from gradwright.core.sums import add, negate
from gradwright.errors import ShapeError


def continuous_riccati(A: np.ndarray, B: np.ndarray, Q: np.ndarray, R: np.ndarray) -> np.ndarray:
    """The stabilising solution of the continuous algebraic Riccati equation."""
    from scipy.linalg import solve_continuous_are

    return solve_continuous_are(A, B, Q, R)


def discrete_riccati(A: np.ndarray, B: np.ndarray, Q: np.ndarray, R: np.ndarray) -> np.ndarray:
    """The stabilising solution of the discrete algebraic Riccati equation."""
    from scipy.linalg import solve_discrete_are

    return solve_discrete_are(A, B, Q, R)


def sylvester_solution(A: Node, B: Node, C: Node) -> Node:
    """The X with `A X + X B = C`; symmetric where B is Aᴴ and C is."""
    hole = Hole(0, C.shape, C.real and A.real and B.real)
    operator = add([matmul(A, hole), matmul(hole, B)])
    space = _space(C) if B == conjugate(transpose(A)) else Space.FREE
    return _solve(operator, hole, C, space)


def stein_solution(A: Node, Q: Node) -> Node:
    """The X with `X − A X Aᴴ = Q`; Hermitian where Q is."""
    hole = Hole(0, Q.shape, Q.real and A.real)
    image = matmul(matmul(A, hole), conjugate(transpose(A)))
    return _solve(add([hole, negate(image)]), hole, Q, _space(Q))


def _space(right: Node) -> Space:
    facts = facts_of(right)
    if "symmetric" in facts and right.real:
        return Space.SYMMETRIC
    return Space.HERMITIAN if "hermitian" in facts else Space.FREE


def _solve(operator: Node, hole: Hole, right: Node, space: Space) -> Node:
    unknown = Unknown(hole.shape, space, hole.real)
    return Solve((unknown,), (Equation(operator, space),), (right,), 0)


@formula("sylvester", "sylvester(A, B, C)", "the X with A X + X B = C")
def sylvester(call: Call) -> Node:
    """The solution of Sylvester's equation; unique if A and −B share no eigenvalue."""
    call.expect(3, 3, usage="sylvester(A, B, C)")
    A, B, C = call.nodes()
    require_square(A, "sylvester, as its first argument,")
    require_square(B, "sylvester, as its second argument,")
    _require_matrix(C, "sylvester")
    require_equal(A.shape[0], C.shape[0], "in sylvester(A, B, C): the rows of A and of C")
    require_equal(B.shape[0], C.shape[1], "in sylvester(A, B, C): the columns of B and of C")
    return sylvester_solution(A, B, C)


@formula("lyapunov", "lyapunov(A, Q)", "the X with A X + X Aᴴ = Q")
def lyapunov(call: Call) -> Node:
    """The solution of Lyapunov's equation; unique if no two eigenvalues of A add up to zero."""
    A, Q = _square_pair(call, "lyapunov")
    return sylvester_solution(A, conjugate(transpose(A)), Q)


@formula("stein", "stein(A, Q)", "the X with X − A X Aᴴ = Q")
def stein(call: Call) -> Node:
    """The solution of Stein's equation; unique if no two eigenvalues of A multiply to one."""
    A, Q = _square_pair(call, "stein")
    return stein_solution(A, Q)


def _square_pair(call: Call, name: str) -> tuple[Node, Node]:
    call.expect(2, 2, usage=f"{name}(A, Q)")
    A, Q = call.nodes()
    require_square(A, f"{name}, as its first argument,")
    require_square(Q, f"{name}, as its second argument,")
    require_equal(A.shape[0], Q.shape[0], f"in {name}(A, Q): the rows of A and of Q")
    return A, Q


def _require_matrix(node: Node, name: str) -> None:
    if node.rank != 2:
        raise ShapeError(f"{name} takes matrices; this is {shape_text(node.shape)}")


_SIGNATURE = "A: n n, B: n m, Q: n n hermitian, R: m m hermitian -> X: n n hermitian"
care = Primitive(
    name="care",
    signature=_SIGNATURE,
    summary="the stabilising solution of the continuous Riccati equation",
    identity=("A.H @ X + X @ A - X @ B @ inv(R) @ B.H @ X + Q = zeros(n, n)",),
    conditions=("({A}, {B}) is stabilisable", "{R} is positive definite"),
    argument_facts=("", "", "spd", "spd"),
    numpy=continuous_riccati,
    notation=Notation(name="care"),
    samples=(Sample("A: n n, B: n m, Q: n n spd, R: m m spd"),),
    source="Lancaster & Rodman, Algebraic Riccati Equations (1995)",
)
dare = Primitive(
    name="dare",
    signature=_SIGNATURE,
    summary="the stabilising solution of the discrete Riccati equation",
    identity=("X = A.H @ X @ A - A.H @ X @ B @ inv(R + B.H @ X @ B) @ B.H @ X @ A + Q",),
    conditions=("({A}, {B}) is stabilisable", "{R} is positive definite"),
    argument_facts=("", "", "spd", "spd"),
    numpy=discrete_riccati,
    notation=Notation(name="dare"),
    samples=(Sample("A: n n, B: n m, Q: n n spd, R: m m spd"),),
    source="Lancaster & Rodman, Algebraic Riccati Equations (1995)",
)

register_primitive(care)
register_primitive(dare)

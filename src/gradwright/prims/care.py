"""The continuous algebraic Riccati equation `Aᴴ X + X A − X B R⁻¹ Bᴴ X + Q = 0`.

Differentiated, it is Lyapunov's equation of the closed loop `A − B R⁻¹ Bᴴ X` (Kao & Hennequin 2020,
arXiv:2011.11430).
"""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import KnownRule, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.precision import in_precision_of


def continuous_riccati(A: np.ndarray, B: np.ndarray, Q: np.ndarray, R: np.ndarray) -> np.ndarray:
    """The stabilising solution of the continuous algebraic Riccati equation."""
    from scipy.linalg import solve_continuous_are

    return in_precision_of(solve_continuous_are(A, B, Q, R), A, B, Q, R)


# The adjoint equation, Lyapunov's too, and the cotangents of the inputs in terms of its solution S.
_ADJOINT = ("S = lyapunov(A - B @ inv(R) @ B.H @ X, -1/2 * (G + G.H))",)
_COTANGENTS = {
    "Q": "S",
    "A": "2 * X @ S",
    "B": "-2 * X @ S @ X @ B @ inv(R)",
    "R": "inv(R) @ B.H @ X @ S @ X @ B @ inv(R)",
}

care = Primitive(
    name="care",
    signature="A: n n, B: n m, Q: n n hermitian, R: m m hermitian -> X: n n hermitian",
    summary="the stabilising solution of the continuous Riccati equation",
    identity=("A.H @ X + X @ A - X @ B @ inv(R) @ B.H @ X + Q = zeros(n, n)",),
    conditions=("({A}, {B}) is stabilisable", "{R} is positive definite"),
    argument_facts=("", "", "spd", "spd"),
    numpy=continuous_riccati,
    notation=Notation(name="care"),
    samples=(Sample("A: n n, B: n m, Q: n n spd, R: m m spd"),),
    known_rules=tuple(
        KnownRule(f"vjp_{name}", rule, "Kao & Hennequin 2020, arXiv:2011.11430", _ADJOINT)
        for name, rule in _COTANGENTS.items()
    ),
    source="Lancaster & Rodman, Algebraic Riccati Equations (1995)",
)

register_primitive(care)

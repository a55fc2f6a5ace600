"""The discrete algebraic Riccati equation `X = Aᴴ X A − Aᴴ X B (R + Bᴴ X B)⁻¹ Bᴴ X A + Q`.

Differentiated, it is Stein's equation of the closed loop `A − B (R + Bᴴ X B)⁻¹ Bᴴ X A` (Kao & Hennequin 2020,
arXiv:2011.11430).
"""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import KnownRule, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.precision import in_precision_of


def discrete_riccati(A: np.ndarray, B: np.ndarray, Q: np.ndarray, R: np.ndarray) -> np.ndarray:
    """The stabilising solution of the discrete algebraic Riccati equation."""
    from scipy.linalg import solve_discrete_are

    return in_precision_of(solve_discrete_are(A, B, Q, R), A, B, Q, R)


# The adjoint equation, Stein's too, and the cotangents of the inputs in terms of its solution S.
_ADJOINT = ("K = inv(R + B.H @ X @ B) @ B.H @ X @ A", "S = stein(A - B @ K, 1/2 * (G + G.H))")
_COTANGENTS = {
    "Q": "S",
    "A": "2 * X @ (A - B @ K) @ S",
    "B": "-2 * X @ (A - B @ K) @ S @ K.H",
    "R": "K @ S @ K.H",
}

dare = Primitive(
    name="dare",
    signature="A: n n, B: n m, Q: n n hermitian, R: m m hermitian -> X: n n hermitian",
    summary="the stabilising solution of the discrete Riccati equation",
    identity=("X = A.H @ X @ A - A.H @ X @ B @ inv(R + B.H @ X @ B) @ B.H @ X @ A + Q",),
    conditions=("({A}, {B}) is stabilisable", "{R} is positive definite"),
    argument_facts=("", "", "spd", "spd"),
    numpy=discrete_riccati,
    notation=Notation(name="dare"),
    samples=(Sample("A: n n, B: n m, Q: n n spd, R: m m spd"),),
    known_rules=tuple(
        KnownRule(f"vjp_{name}", rule, "Kao & Hennequin 2020, arXiv:2011.11430", _ADJOINT)
        for name, rule in _COTANGENTS.items()
    ),
    source="Lancaster & Rodman, Algebraic Riccati Equations (1995)",
)

register_primitive(dare)

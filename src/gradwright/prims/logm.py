"""The principal logarithm of a square matrix, defined by `exp(Y) = X`.

The identity says that its derivative is the inverse of that of the exponential, which is the divided difference of
the logarithm (Higham 2008, Functions of Matrices, ch. 11).
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np

from gradwright.core.build import matmul
from gradwright.core.contraction import scale
from gradwright.core.nodes import Apply, Node
from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.divided_differences import KEPT, principal, register_differences
from gradwright.prims.exponential import log
from gradwright.prims.inv import inv


def logarithm(X: np.ndarray) -> np.ndarray:
    """The principal logarithm of a matrix."""
    from scipy.linalg import logm

    return principal(logm, X)


def is_regular(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether no eigenvalue is a rounding error."""
    sizes = np.abs(np.linalg.eigvals(inputs[0]))
    return bool(np.min(sizes, initial=np.inf) > np.finfo(inputs[0].dtype).eps * np.max(sizes, initial=0.0))


logm = Primitive(
    name="logm",
    signature="X: ... n n -> Y: ... n n",
    summary="the principal logarithm of a square matrix",
    identity=("matrix_exp(Y) = X",),
    conditions=("{X} has no eigenvalue on the closed negative real axis",),
    regular=is_regular,
    preserves=KEPT,
    commutes=True,
    of_entries=lambda x: Apply(log, (), (x,)),
    inverse="matrix_exp",
    numpy=logarithm,
    notation=Notation(name="logm"),
    samples=(Sample("X: n n"), Sample("X: n n spd")),
    source="the definition; Higham 2008, Functions of Matrices, ch. 11",
)


def _taylor(X: Node, order: int) -> Node:
    """`(−1)ᵏ⁻¹ X⁻ᵏ / k`, the coefficient of Eᵏ in `log(X + E)` for E that commutes with X."""
    powers = [Apply(inv, (), (X,))] * order
    return scale(Fraction((-1) ** (order - 1), order), reduce(matmul, powers))


register_differences(
    "logm",
    logarithm,
    "log",
    r"\log",
    _taylor,
    is_regular,
    ("{X0} has no eigenvalue on the closed negative real axis",),
)
register_primitive(logm)

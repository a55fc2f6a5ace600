"""The principal logarithm of a square matrix, defined by `exp(Y) = X`.

The identity says that its derivative is the inverse of that of the exponential, which is the divided difference of
the logarithm (Higham 2008, Functions of Matrices, ch. 11).
"""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.divided_differences import KEPT, principal, register_differences


def logarithm(X: np.ndarray) -> np.ndarray:
    """The principal logarithm of a matrix."""
    from scipy.linalg import logm

    return principal(logm, X)


logm = Primitive(
    name="logm",
    signature="X: ... n n -> Y: ... n n",
    summary="the principal logarithm of a square matrix",
    identity=("matrix_exp(Y) = X",),
    conditions=("{X} has no eigenvalue on the closed negative real axis",),
    preserves=KEPT,
    inverse="matrix_exp",
    numpy=logarithm,
    notation=Notation(name="log"),
    samples=(Sample("X: n n"), Sample("X: n n spd")),
)

register_differences("logm", logarithm, "log", r"\log")
register_primitive(logm)

"""The sign of a square matrix, defined by `S S = I` and `S X = X S`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.modular_spectra import function_of_matrix
from gradwright.core.primitive import Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.divided_differences import KEPT, principal

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def matrix_sign(X: np.ndarray) -> np.ndarray:
    """The sign of a matrix: eigenvalues in the right half plane become 1, in the left -1."""
    from scipy.linalg import signm

    return principal(signm, X)


def is_involution(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether `S S = I`, which fails with an eigenvalue on the imaginary axis."""
    S = outputs[0]
    return bool(np.allclose(S @ S, np.eye(S.shape[-1]), atol=1e-6))


def modulo_prime(field: ModularArithmetic, X: np.ndarray) -> np.ndarray | None:
    """The signs of the eigenvalues, if there are any modulo the prime."""
    return function_of_matrix(field, X, field.sign)


signm = Primitive(
    name="signm",
    signature="X: n n -> S: n n invertible",
    summary="the sign of a square matrix",
    identity=("S @ S = eye(n)", "S @ X = X @ S"),
    # With N = S X, whose eigenvalues lie in the right half plane: N dS + dS N = dX − S dX S.
    differential=("sylvester(S @ X, S @ X, dX - S @ dX @ S)",),
    conditions=("{X} has no eigenvalue on the imaginary axis",),
    regular=is_involution,
    preserves=(*KEPT, "lower", "upper"),
    commutes=True,
    numpy=matrix_sign,
    modular=Modular(modulo_prime, exact=False, spectral=True),
    notation=Notation(name="signm"),
    samples=(Sample("X: n n"),),
    source="Kenney & Laub 1991, SIAM J. Matrix Anal. Appl. 12, 488-504; Higham 2008, thm 5.3",
)

register_primitive(signm)

"""The principal square root of a square matrix, defined by `Y Y = X`: `Y dY + dY Y = dX`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from gradwright.core.modular_spectra import square_root as square_root_modulo_prime
from gradwright.core.primitive import KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.divided_differences import KEPT, principal
from gradwright.prims.eigenvalue_forms import are_nonnegative, root_of_eigenvalues
from gradwright.prims.power import raise_to
from gradwright.prims.precision import require_finite


def square_root(X: np.ndarray) -> np.ndarray:
    """The principal square root of a matrix.

    That of a semidefinite one by its eigenvalues, of which a zero that is a negative rounding error has a real root.
    """
    from scipy.linalg import sqrtm

    require_finite(X)
    if np.array_equal(X, X.conj().T):
        eigenvalues, V = np.linalg.eigh(X)
        if are_nonnegative(eigenvalues):
            return (V * root_of_eigenvalues(eigenvalues)) @ V.conj().T
    Y = principal(sqrtm, X)
    with np.errstate(invalid="ignore"):
        rest = np.abs(Y @ Y - X).max(initial=0)
    if not rest <= 0.01 * np.abs(X).max(initial=0):
        raise np.linalg.LinAlgError("a matrix has no square root: it has fewer eigenvectors to 0 than such eigenvalues")
    return Y


sqrtm = Primitive(
    name="sqrtm",
    signature="X: n n -> Y: n n",
    summary="the principal square root of a square matrix",
    identity=("Y @ Y = X",),
    conditions=("{X} has no eigenvalue on the closed negative real axis",),
    preserves=(*KEPT, "lower", "upper", "spd", "psd"),
    commutes=True,
    of_entries=lambda x: raise_to(x, Fraction(1, 2)),
    numpy=square_root,
    modular=Modular(square_root_modulo_prime, exact=False, spectral=True),
    notation=Notation(name="sqrtm", text="{X}^½", latex="{X}^{1/2}"),
    known_rules=(
        KnownRule(
            "dY",
            "sylvester(Y, Y, dX)",
            "Higham 2008, Functions of Matrices, 6.1",
        ),
        KnownRule(
            "vjp_X",
            "sylvester(Y.H, Y.H, G)",
            "Lin & Maji 2017, arXiv:1707.06772",
        ),
    ),
    samples=(Sample("X: n n"), Sample("X: n n spd"), Sample("X: n n complex")),
    source="the definition; the result is Higham 2008, Functions of Matrices, 6.1",
)

register_primitive(sqrtm)

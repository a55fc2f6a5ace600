"""The polar factors, defined by `U P = A` with orthonormal columns in U and P positive semidefinite.

With `dU = U Ω + K` the Hermitian part of `Uᴴ dA` leaves a Sylvester equation in P for Ω (Higham 2008, Functions of
Matrices, ch. 8).
"""

from __future__ import annotations

import numpy as np

from gradwright.core import modular_spectra
from gradwright.core.primitive import KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.svd import thin_svd


def polar_factors(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A = U P` with orthonormal columns in U and P positive semidefinite."""
    U, S, V = thin_svd(A)
    adjoint = np.conj(np.swapaxes(V, -1, -2))
    return U @ adjoint, (V * S[..., None, :]) @ adjoint


IN_JAX = '''
def polar(A):
    """A = U P with orthonormal columns in U and P positive semidefinite."""
    U, S, Vh = jnp.linalg.svd(A, full_matrices=False)
    return U @ Vh, (Vh.conj().mT * S[..., None, :]) @ Vh
'''

IN_TORCH = '''
def polar_factors(A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A = U P with orthonormal columns in U and P positive semidefinite."""
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    return U @ Vh, (Vh.mH * S[..., None, :]) @ Vh
'''

polar = Primitive(
    name="polar",
    signature="A: n m -> U: n m stiefel, P: m m hermitian invertible",
    summary="A = U P with orthonormal columns in U and P positive semidefinite",
    identity=("U @ P = A",),
    laws=("U.H @ A = P", "A.H @ U = P"),
    conditions=("{A} has full column rank",),
    fact_rule=lambda index, parameters, facts: {"psd"} if index == 1 else set(),
    numpy=polar_factors,
    torch=IN_TORCH,
    jax=IN_JAX,
    modular=Modular(modular_spectra.polar_factors, exact=False, spectral=True),
    notation=Notation(name="polar"),
    known_rules=(
        KnownRule(
            "dP",
            "lyapunov(P, dA.H @ A + A.H @ dA)",
            "Higham 2008, Functions of Matrices, ch. 8: P² = Aᴴ A",
        ),
        KnownRule(
            "dU",
            "U @ lyapunov(P, U.H @ dA - dA.H @ U) + (dA - U @ U.H @ dA) @ inv(P)",
            "Higham 2008, Functions of Matrices, ch. 8",
        ),
    ),
    samples=(Sample("A: n m"), Sample("A: n n")),
    source="the definition; the result is Higham 2008, Functions of Matrices, ch. 8",
)

register_primitive(polar)

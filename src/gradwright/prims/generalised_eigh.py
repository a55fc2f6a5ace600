"""The generalised eigenvalue problem `A V = B V Λ` with `Vᴴ B V = I`, which `eigh(A, B)` solves."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample


def generalised_eigen(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A V = B V Λ` with `Vᴴ B V = I`, eigenvalues ascending."""
    from scipy.linalg import eigh as generalised

    return generalised(A, B)


generalised_eigh = Primitive(
    name="eigh",
    signature=("A: n n hermitian, B: n n spd -> eigenvalues: n real, eigenvectors: n n invertible"),
    summary="the generalised eigenvalue problem A V = B V Λ, Vᴴ B V = I",
    identity=(
        "A @ eigenvectors = B @ eigenvectors @ diag(eigenvalues)",
        "eigenvectors.H @ B @ eigenvectors = eye(n)",
    ),
    conditions=("the eigenvalues are distinct", "{B} is positive definite"),
    gauge="the sign, or phase, of each eigenvector",
    argument_facts=("symmetric", "spd"),
    field=("real", "same"),
    numpy=generalised_eigen,
    notation=Notation(name="eigh"),
    samples=(Sample("A: n n symmetric, B: n n spd"),),
)

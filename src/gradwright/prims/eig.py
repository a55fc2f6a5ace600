"""Eigenvalues and eigenvectors of a square matrix, defined by `A V = V Λ` with columns of unit length.

With `dV = V (M + diag(m))`, M zero on the diagonal, the equation gives dΛ and M by differences of eigenvalues, and
the lengths give m, which is real; the phases are free (Boeddeker et al. 2017, arXiv:1701.00392).
"""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Freedom, KnownRule, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive


def general_eigen(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Complex eigenvalues and eigenvectors of unit length."""
    values, vectors = np.linalg.eig(A)
    kind = np.result_type(values, np.complex64)
    return values.astype(kind), vectors.astype(kind)


eig = Primitive(
    name="eig",
    signature="A: n n -> eigenvalues: n complex, eigenvectors: n n invertible complex",
    summary="eigenvalues and eigenvectors of unit length of a square matrix",
    identity=(
        "A @ eigenvectors = eigenvectors @ diag(eigenvalues)",
        "diagonal(eigenvectors.H @ eigenvectors) = ones(n)",
    ),
    conditions=("the eigenvalues of {A} are distinct",),
    gauge="the phase of each eigenvector",
    freedom=Freedom("K: n n", ("", "eigenvectors @ K")),
    field="complex",
    numpy=general_eigen,
    torch="torch.linalg.eig",
    jax="jax.numpy.linalg.eig",
    jax_differentiates=False,
    notation=Notation(name="eig"),
    samples=(Sample("A: n n"),),
    known_rules=(
        KnownRule(
            "deigenvalues",
            "diagonal(inv(eigenvectors) @ dA @ eigenvectors)",
            "Boeddeker et al. 2017, arXiv:1701.00392",
        ),
        KnownRule(
            "vjp_A",
            "inv(eigenvectors).H @ (diag(G_eigenvalues) + mask(M / E, 1, 0, 1)) @ eigenvectors.H",
            "Boeddeker et al. 2017, arXiv:1701.00392",
            (
                "E = outer(ones(n), conj(eigenvalues)) - outer(conj(eigenvalues), ones(n)) + eye(n)",
                "W = eigenvectors.H @ G_eigenvectors",
                "M = W - eigenvectors.H @ eigenvectors @ diag(real(diagonal(W)))",
            ),
        ),
    ),
    source="the definition; Boeddeker et al. 2017, arXiv:1701.00392",
)

register_primitive(eig)

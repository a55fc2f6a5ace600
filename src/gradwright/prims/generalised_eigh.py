"""The generalised eigenvalue problem `A V = B V Λ` with `Vᴴ B V = I`, which `eigh(A, B)` solves."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Freedom, Notation, Primitive, Sample


def generalised_eigen(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A V = B V Λ` with `Vᴴ B V = I`, eigenvalues ascending."""
    from scipy.linalg import eigh as generalised

    return generalised(A, B)


IN_JAX = '''
def generalised_eigh(A, B):
    """A V = B V Λ with Vᴴ B V = I, by the Cholesky factor of B."""
    L = jnp.linalg.cholesky(B)
    left = jax.scipy.linalg.solve_triangular(L, A, lower=True)
    inner = jax.scipy.linalg.solve_triangular(L, left.conj().mT, lower=True)
    eigenvalues, vectors = jnp.linalg.eigh(inner)
    return eigenvalues, jax.scipy.linalg.solve_triangular(L.conj().mT, vectors, lower=False)
'''

IN_TORCH = '''
def generalised_eigen(A: torch.Tensor, B: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A V = B V Λ with Vᴴ B V = I, by the Cholesky factor of B."""
    L = torch.linalg.cholesky(B)
    left = torch.linalg.solve_triangular(L, A, upper=False)
    inner = torch.linalg.solve_triangular(L, left.mH, upper=False)
    eigenvalues, vectors = torch.linalg.eigh((inner + inner.mH) / 2)
    return eigenvalues, torch.linalg.solve_triangular(L.mH, vectors, upper=True)
'''

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
    freedom=Freedom("K: n n", ("", "eigenvectors @ K")),
    argument_facts=("symmetric", "spd"),
    field=("real", "same"),
    numpy=generalised_eigen,
    torch=IN_TORCH,
    jax=IN_JAX,
    notation=Notation(name="eigh"),
    samples=(Sample("A: n n symmetric, B: n n spd"),),
    source="the definition; Golub & Van Loan, Matrix Computations (4th ed.), 8.7",
)

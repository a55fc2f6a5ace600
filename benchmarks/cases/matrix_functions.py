"""Derivatives of factorisations and matrix functions, forward and backward together.

Where PyTorch has the derivative, it is what the hand-written code calls. Square roots and Lyapunov
equations have none, and are compared with automatic differentiation through the iteration that people
write instead.
"""

from __future__ import annotations

from typing import Any

from benchmarks.case import Arrays, Case, Goal

GROUP = "Factorisations and matrix functions, forward and VJP"
NO_SLOWER = Goal(autodiff=1.1, jax=1.1)
ITERATION = Goal(autodiff=1 / 5, jax=None)


def cholesky(K: Any, G: Any) -> Any:
    """L⁻ᵀ sym(Φ(LᵀG)) L⁻¹ by triangular solves (Murray 2016)."""
    import torch

    L = torch.linalg.cholesky(K)
    P = (L.T @ G).tril_()
    P.diagonal().mul_(0.5)
    middle = P + P.T
    left = torch.linalg.solve_triangular(L.T, middle, upper=True)
    return torch.linalg.solve_triangular(L, left, upper=False, left=False).mul_(0.5)


def qr(A: Any, G: Any) -> Any:
    """(G + Q copyltu(−GᵀQ)) R⁻ᵀ (Walter & Lehmann 2012)."""
    import torch

    Q, R = torch.linalg.qr(A)
    M = (G.T @ Q).neg_()
    copied = M.tril(-1)
    total = torch.addmm(G, Q, copied + copied.T + M.diagonal().diag_embed())
    return torch.linalg.solve_triangular(R.T, total, upper=False, left=False)


def eigh(S: Any, G: Any) -> Any:
    import torch

    values, V = torch.linalg.eigh(S)
    gaps = values[None, :] - values[:, None]
    gaps.diagonal().fill_(torch.inf)
    inner = (V.T @ G).div_(gaps)
    return V @ (inner + inner.T).mul_(0.5) @ V.T


def svd(A: Any, G: Any) -> Any:
    """The singular values' VJP is U diag(g) Vᵀ."""
    import torch

    U, _, Vh = torch.linalg.svd(A, full_matrices=False)
    return (U * G) @ Vh


def expm(A: Any, G: Any) -> Any:
    """The exponential of [[Aᵀ, G], [0, Aᵀ]] has the adjoint in its corner (Al-Mohy & Higham 2009)."""
    import torch

    n = len(A)
    block = A.new_zeros(2 * n, 2 * n)
    block[:n, :n] = block[n:, n:] = A.T
    block[:n, n:] = G
    return torch.linalg.matrix_exp(block)[:n, n:]


def sqrtm(A: Any, G: Any) -> Any:
    """Yᵀ X + X Yᵀ = G, of which the Schur form is that of A with a root of the triangle."""
    import numpy as np
    import scipy.linalg
    import torch

    T, Z = scipy.linalg.schur(A.numpy(), output="real")
    root = np.real(scipy.linalg.sqrtm(T))
    side = Z.T @ G.numpy() @ Z
    (solve,) = scipy.linalg.get_lapack_funcs(("trsyl",), (root, side))
    found, scale, _ = solve(root, root, side, trana="T", tranb="T")
    return torch.from_numpy(Z @ (found / scale) @ Z.T)


def lyapunov(A: Any, Q: Any, G: Any) -> Any:
    """The VJP of the right side is the solution of the adjoint equation."""
    import scipy.linalg
    import torch

    return torch.from_numpy(scipy.linalg.solve_continuous_lyapunov(A.numpy().T, G.numpy()))


def covariance_root(S: Any, G: Any) -> Any:
    """In eigenvectors the equation Y X + X Y = G divides by sums of roots."""
    import torch

    eigenvalues, V = torch.linalg.eigh(S)
    roots = eigenvalues.sqrt_()
    inside = (V.T @ G @ V).div_(roots[:, None] + roots)
    inside = (inside + inside.T).mul_(0.5)
    return V @ inside @ V.T


def covariance_logarithm(S: Any, G: Any) -> Any:
    """In eigenvectors the derivative multiplies by divided differences (Daleckii & Krein 1965)."""
    import torch

    eigenvalues, V = torch.linalg.eigh(S)
    logarithms = eigenvalues.log()
    gaps = eigenvalues[:, None] - eigenvalues
    gaps.diagonal().fill_(1)
    differences = (logarithms[:, None] - logarithms).div_(gaps)
    differences.diagonal().copy_(1 / eigenvalues)
    inside = (V.T @ G @ V).mul_(differences)
    inside = (inside + inside.T).mul_(0.5)
    return V @ inside @ V.T


def through_eigenvectors(function: str) -> dict[str, Any]:
    """A function of a symmetric matrix as it is written where autograd is to differentiate it."""

    def torch_value(S: Any) -> Any:
        import torch

        eigenvalues, V = torch.linalg.eigh((S + S.T) / 2)
        return (V * getattr(torch, function)(eigenvalues)) @ V.T

    def jax_value(S: Any) -> Any:
        import jax.numpy as jnp

        eigenvalues, V = jnp.linalg.eigh((S + S.T) / 2)
        return (V * getattr(jnp, function)(eigenvalues)) @ V.T

    return {"plain": torch_value, "plain_jax": jax_value}


def newton_schulz(A: Any) -> Any:
    """The coupled Newton–Schulz iteration for the square root, as it is used in deep learning."""
    import torch

    scale = A.norm()
    Y, Z, eye = A / scale, torch.eye(len(A), dtype=A.dtype), torch.eye(len(A), dtype=A.dtype)
    for _ in range(22):
        T = (3 * eye - Z @ Y) / 2
        Y, Z = Y @ T, T @ Z
    return Y * scale.sqrt()


def sign_iteration(A: Any, Q: Any) -> Any:
    """The matrix sign iteration for A X + X Aᵀ = Q with the eigenvalues of A on the right (Roberts 1980)."""
    import torch

    for _ in range(14):
        inverse = torch.linalg.inv(A)
        A, Q = (A + inverse) / 2, (Q + inverse @ Q @ inverse.T) / 2
    return Q / 2


def stable(arrays: Arrays) -> Arrays:
    """Eigenvalues near 1: the square root and the equation are well conditioned."""
    import numpy as np

    A = arrays["A"]
    return {**arrays, "A": np.eye(len(A)) + 0.3 * A / np.sqrt(len(A))}


def small(arrays: Arrays) -> Arrays:
    """A norm of about 1."""
    return {**arrays, "A": arrays["A"] / len(arrays["A"]) ** 0.5}


def _plain(torch_name: str, jax_name: str, pick: Any = lambda x: x) -> dict[str, Any]:
    def torch_value(**inputs: Any) -> Any:
        import torch

        return pick(getattr(torch.linalg, torch_name)(*inputs.values()))

    def jax_value(**inputs: Any) -> Any:
        import jax.numpy.linalg
        import jax.scipy.linalg

        home = jax.scipy.linalg if jax_name == "expm" else jax.numpy.linalg
        return pick(getattr(home, jax_name)(*inputs.values()))

    return {"plain": torch_value, "plain_jax": jax_value}


CASES = (
    Case(
        name="Cholesky, n = 300", group=GROUP, text="cholesky(K)", declarations={"K": "n n spd"}, wrt="K", kind="vjp",
        sizes={"n": 300}, hand=cholesky, goal=NO_SLOWER, **_plain("cholesky", "cholesky"),
    ),
    Case(
        name="QR (Q), 300 × 300", group=GROUP, text="qr(A).Q", declarations={"A": "n n"}, wrt="A", kind="vjp",
        sizes={"n": 300}, hand=qr, goal=NO_SLOWER, **_plain("qr", "qr", lambda found: found[0]), prepare=stable,
    ),
    Case(
        name="eigh (vectors), n = 300", group=GROUP, text="eigh(S).eigenvectors", declarations={"S": "n n symmetric"},
        wrt="S", kind="vjp", sizes={"n": 300}, hand=eigh, goal=NO_SLOWER,
        note="NumPy's and JAX's eigenvectors may have other signs; they are left out where the results differ by them",
        free_signs=True,
        plain=_plain("eigh", "eigh", lambda found: found[1])["plain"],
    ),
    Case(
        name="SVD (values), 300 × 200", group=GROUP, text="svd(A).S", declarations={"A": "m n"}, wrt="A", kind="vjp",
        sizes={"m": 300, "n": 200}, hand=svd, goal=NO_SLOWER, **_plain("svdvals", "svdvals"),
    ),
    Case(
        name="matrix exponential, n = 300", group=GROUP, text="matrix_exp(A)", declarations={"A": "n n"}, wrt="A",
        kind="vjp", sizes={"n": 300}, hand=expm, goal=NO_SLOWER, prepare=small, **_plain("matrix_exp", "expm"),
    ),
    Case(
        name="square root, n = 300", group=GROUP, text="sqrtm(A)", declarations={"A": "n n"}, wrt="A", kind="vjp",
        sizes={"n": 300}, hand=sqrtm, goal=ITERATION, prepare=stable, plain=newton_schulz,
        note="torch: autograd through 22 steps of Newton–Schulz",
    ),
    Case(
        name="square root of a covariance, n = 300", group=GROUP, text="sqrtm(S)", declarations={"S": "n n spd"},
        wrt="S", kind="vjp", sizes={"n": 300}, hand=covariance_root, goal=NO_SLOWER, **through_eigenvectors("sqrt"),
    ),
    Case(
        name="logarithm of a covariance, n = 300", group=GROUP, text="logm(S)", declarations={"S": "n n spd"},
        wrt="S", kind="vjp", sizes={"n": 300}, hand=covariance_logarithm, goal=NO_SLOWER, **through_eigenvectors("log"),
    ),
    Case(
        name="Lyapunov equation, n = 300", group=GROUP, text="lyapunov(A, Q)", declarations={"A": "n n", "Q": "n n"},
        wrt="Q", kind="vjp", sizes={"n": 300}, hand=lyapunov, goal=ITERATION, prepare=stable, plain=sign_iteration,
        note="torch: autograd through 14 steps of the sign iteration",
    ),
)  # fmt: skip

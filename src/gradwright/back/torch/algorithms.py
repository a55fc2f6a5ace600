"""Algorithms that PyTorch has no single function for, written in PyTorch: text for emitted modules.

Each takes batches, and its name is put for `{name}`. None is ever differentiated: derivatives come from rules.
"""

from __future__ import annotations

from gradwright.core.primitive import Primitive
from gradwright.prims.determinant import adjugate
from gradwright.prims.generalised_eigh import generalised_eigh
from gradwright.prims.ldl import ldl
from gradwright.prims.lu import lu
from gradwright.prims.polar import polar
from gradwright.prims.svd import thin as thin_decomposition

_SVD = '''
def {name}(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A = U diag(S) Vᴴ, thin; V itself."""
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    return U, S, Vh.mH.contiguous()
'''
_POLAR = '''
def {name}(A: Tensor) -> tuple[Tensor, Tensor]:
    """A = U P with orthonormal columns in U and P positive semidefinite."""
    U, S, Vh = torch.linalg.svd(A, full_matrices=False)
    return U @ Vh, (Vh.mH * S[..., None, :]) @ Vh
'''
_GENERALISED_EIGH = '''
def {name}(A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """A V = B V Λ with Vᴴ B V = I, by the Cholesky factor of B."""
    L = torch.linalg.cholesky(B)
    left = torch.linalg.solve_triangular(L, A, upper=False)
    inner = torch.linalg.solve_triangular(L, left.mH, upper=False)
    eigenvalues, vectors = torch.linalg.eigh((inner + inner.mH) / 2)
    return eigenvalues, torch.linalg.solve_triangular(L.mH, vectors, upper=True)
'''
_LU = '''
def {name}(A: Tensor) -> tuple[Tensor, Tensor]:
    """A = L U by Gaussian elimination without pivoting."""
    n = A.shape[-1]
    U = A.clone()
    L = torch.eye(n, dtype=A.dtype, device=A.device).expand(A.shape).clone()
    for k in range(n - 1):
        multipliers = U[..., k + 1 :, k] / U[..., k, k, None]
        L[..., k + 1 :, k] = multipliers
        U[..., k + 1 :, :] -= multipliers[..., :, None] * U[..., k, None, :]
    return L, U.triu()
'''
_LDL = '''
def {name}(A: Tensor) -> tuple[Tensor, Tensor]:
    """A = L D Lᴴ without pivoting, D a diagonal matrix."""
    n = A.shape[-1]
    U = A.clone()
    L = torch.eye(n, dtype=A.dtype, device=A.device).expand(A.shape).clone()
    for k in range(n - 1):
        multipliers = U[..., k + 1 :, k] / U[..., k, k, None]
        L[..., k + 1 :, k] = multipliers
        U[..., k + 1 :, :] -= multipliers[..., :, None] * U[..., k, None, :]
    return L, torch.diag_embed(U.diagonal(dim1=-2, dim2=-1))
'''
_ADJUGATE = '''
def {name}(X: Tensor) -> Tensor:
    """The adjugate from the singular value decomposition, which exists for singular matrices too."""
    U, S, Vh = torch.linalg.svd(X)
    n = S.shape[-1]
    others = torch.stack([S[..., [j for j in range(n) if j != k]].prod(-1) for k in range(n)], -1)
    phase = torch.linalg.det(U) * torch.linalg.det(Vh)
    return (Vh.mH * (phase[..., None] * others)[..., None, :]) @ U.mH
'''


def algorithm(primitive: Primitive) -> list[str]:
    """The text of a primitive's algorithm in PyTorch; none if there is none here."""
    found = _TEXTS.get(primitive) if primitive.torch is None else None
    return [found] if found else []


_TEXTS: dict[Primitive, str] = {
    thin_decomposition: _SVD,
    polar: _POLAR,
    lu: _LU,
    ldl: _LDL,
    adjugate: _ADJUGATE,
    generalised_eigh: _GENERALISED_EIGH,
}

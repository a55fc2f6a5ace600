"""The factors L and D of a Hermitian matrix without pivoting, defined by `L D Lᴴ = A`."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.lu import is_regular, lu_factors


def ldl_factors(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A = L D Lᴴ` without pivoting, D a diagonal matrix."""
    L, U = lu_factors(A)
    return L, np.real(np.eye(A.shape[-1]) * U).astype(U.dtype)


IN_JAX = '''
def ldl(A):
    """A = L D Lᴴ without pivoting, D a diagonal matrix."""
    n = A.shape[-1]
    L, U = jnp.eye(n, dtype=A.dtype), A
    for k in range(n - 1):
        multipliers = U[k + 1 :, k] / U[k, k]
        L = L.at[k + 1 :, k].set(multipliers)
        U = U.at[k + 1 :].add(-jnp.outer(multipliers, U[k]))
    return L, jnp.diag(U.diagonal().real).astype(U.dtype)
'''

IN_TORCH = '''
def ldl_factors(A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
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

ldl = Primitive(
    name="ldl",
    signature="A: n n hermitian -> L: n n unit_lower, D: n n diagonal invertible",
    summary="A = L D Lᴴ without pivoting, D a diagonal matrix",
    identity=("L @ D @ L.H = A",),
    conditions=("every leading minor of {A} is invertible",),
    regular=is_regular,
    argument_facts=("symmetric",),
    numpy=ldl_factors,
    torch=IN_TORCH,
    jax=IN_JAX,
    notation=Notation(name="ldl"),
    samples=(Sample("A: n n spd"),),
)

register_primitive(ldl)

"""The factors L and D of a Hermitian matrix without pivoting, defined by `L D Lᴴ = A`."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.lu import elimination_in_jax, elimination_in_torch, is_regular, lu_factors


def ldl_factors(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A = L D Lᴴ` without pivoting, D a diagonal matrix."""
    L, U = lu_factors(A)
    return L, np.real(np.eye(A.shape[-1]) * U).astype(U.dtype)


_WORDS = "A = L D Lᴴ without pivoting, D a diagonal matrix."

ldl = Primitive(
    name="ldl",
    signature="A: n n hermitian -> L: n n unit_lower, D: n n diagonal invertible",
    summary="A = L D Lᴴ without pivoting, D a diagonal matrix",
    identity=("L @ D @ L.H = A",),
    conditions=("every leading minor of {A} is invertible",),
    regular=is_regular,
    argument_facts=("symmetric",),
    numpy=ldl_factors,
    torch=elimination_in_torch("ldl_factors", _WORDS, "torch.diag_embed(U.diagonal(dim1=-2, dim2=-1))"),
    jax=elimination_in_jax("ldl", _WORDS, "jnp.diag(U.diagonal().real).astype(U.dtype)"),
    notation=Notation(name="ldl"),
    samples=(Sample("A: n n spd"),),
)

register_primitive(ldl)

"""The factors L and D of a Hermitian matrix without pivoting, defined by `L D Lᴴ = A`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.modular_numbers import objects
from gradwright.core.primitive import Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.lu import elimination_in_jax, elimination_in_torch, is_regular, lu_factors
from gradwright.prims.lu import modulo_prime as lu_modulo_prime

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def ldl_factors(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A = L D Lᴴ` without pivoting, D a diagonal matrix."""
    L, U = lu_factors(A)
    return L, np.real(np.eye(A.shape[-1]) * U).astype(U.dtype)


def modulo_prime(field: ModularArithmetic, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By elimination: the pivots are D."""
    L, U = lu_modulo_prime(field, A)
    return L, objects(np.diag(field.real(np.diagonal(U))))


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
    modular=Modular(modulo_prime),
    notation=Notation(name="ldl"),
    samples=(Sample("A: n n spd"),),
    source="the definition; Golub & Van Loan, Matrix Computations (4th ed.), 4.1",
)

register_primitive(ldl)

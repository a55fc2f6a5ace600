"""The factors of Gaussian elimination without pivoting, defined by `L U = A`.

With `dL = L Φ`, Φ strictly lower, and `dU = Ψ U`, Ψ upper, the equation becomes `Φ + Ψ = L⁻¹ dA U⁻¹`: the two
are its two triangles (Walter & Lehmann 2010, arXiv:1001.1654).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.modular_numbers import objects
from gradwright.core.primitive import KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def lu_factors(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A = L U` by Gaussian elimination without pivoting."""
    n = A.shape[-1]
    U = np.array(A, dtype=np.result_type(A, np.float32))
    L = np.broadcast_to(np.eye(n, dtype=U.dtype), U.shape).copy()
    for k in range(n - 1):
        multipliers = U[..., k + 1 :, k] / U[..., k, k, None]
        L[..., k + 1 :, k] = multipliers
        U[..., k + 1 :, :] -= multipliers[..., :, None] * U[..., None, k, :]
        U[..., k + 1 :, k] = 0
    return L, U


def elimination_in_jax(name: str, words: str, other: str) -> str:
    """A function that eliminates without pivoting, and returns L and another factor, made of U."""
    return f'''
def {name}(A):
    """{words}"""
    n = A.shape[-1]
    L, U = jnp.eye(n, dtype=A.dtype), A
    for k in range(n - 1):
        multipliers = U[k + 1 :, k] / U[k, k]
        L = L.at[k + 1 :, k].set(multipliers)
        U = U.at[k + 1 :].add(-jnp.outer(multipliers, U[k]))
    return L, {other}
'''


def elimination_in_torch(name: str, words: str, other: str) -> str:
    """The same in PyTorch."""
    return f'''
def {name}(A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """{words}"""
    n = A.shape[-1]
    U = A.clone()
    L = torch.eye(n, dtype=A.dtype, device=A.device).expand(A.shape).clone()
    for k in range(n - 1):
        multipliers = U[..., k + 1 :, k] / U[..., k, k, None]
        L[..., k + 1 :, k] = multipliers
        U[..., k + 1 :, :] -= multipliers[..., :, None] * U[..., k, None, :]
    return L, {other}
'''


def is_regular(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether no pivot is lost in rounding errors."""
    A, pivots = inputs[0], np.abs(np.diagonal(outputs[1], axis1=-2, axis2=-1))
    return bool(np.all(pivots > np.finfo(A.dtype).eps * np.max(np.abs(A), initial=0.0)))


def modulo_prime(field: ModularArithmetic, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Elimination without pivoting; a zero pivot is another point's business."""
    n = len(A)
    L, U = objects(np.eye(n, dtype=int)), A.copy()
    for k in range(n - 1):
        scale = field.inverse(U[k, k])
        for row in range(k + 1, n):
            L[row, k] = U[row, k] * scale % field.prime
            U[row] = (U[row] - U[k] * L[row, k]) % field.prime
            U[row, k] = 0
    return L, U


_WORDS = "A = L U by Gaussian elimination without pivoting."

lu = Primitive(
    name="lu",
    signature="A: n n -> L: n n unit_lower, U: n n upper invertible",
    summary="A = L U without pivoting, L with a unit diagonal",
    identity=("L @ U = A",),
    conditions=("every leading minor of {A} is invertible",),
    regular=is_regular,
    numpy=lu_factors,
    torch=elimination_in_torch("lu_factors", _WORDS, "U.triu()"),
    jax=elimination_in_jax("lu", _WORDS, "jnp.triu(U)"),
    modular=Modular(modulo_prime),
    notation=Notation(name="lu"),
    known_rules=(
        KnownRule(
            "dL",
            "L @ tril(inv(L) @ dA @ inv(U), -1)",
            "Walter & Lehmann 2010, arXiv:1001.1654",
        ),
        KnownRule(
            "dU",
            "triu(inv(L) @ dA @ inv(U)) @ U",
            "Walter & Lehmann 2010, arXiv:1001.1654",
        ),
        KnownRule(
            "vjp_A",
            "inv(L).H @ (tril(L.H @ G_L, -1) + triu(G_U @ U.H)) @ inv(U).H",
            "de Hoog, Anderssen & Lukas 2011, Math. Comp. 80, 1585-1600",
        ),
    ),
    samples=(Sample("A: n n"),),
    source="the definition; the result is Walter & Lehmann 2010, arXiv:1001.1654",
)

register_primitive(lu)

"""Triangular factorisations: Cholesky, LU and LDLᴴ without pivoting, QR."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import ErrorSample, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive


def lu_factors(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A = L U` by Gaussian elimination without pivoting."""
    n = A.shape[-1]
    U = np.array(A, dtype=np.result_type(A, float))
    L = np.broadcast_to(np.eye(n, dtype=U.dtype), U.shape).copy()
    for k in range(n - 1):
        multipliers = U[..., k + 1 :, k] / U[..., k, k, None]
        L[..., k + 1 :, k] = multipliers
        U[..., k + 1 :, :] -= multipliers[..., :, None] * U[..., None, k, :]
        U[..., k + 1 :, k] = 0
    return L, U


def ldl_factors(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`A = L D Lᴴ` without pivoting, D a diagonal matrix."""
    L, U = lu_factors(A)
    return L, np.real(np.eye(A.shape[-1]) * U).astype(U.dtype)


cholesky = Primitive(
    name="cholesky",
    signature="A: n n hermitian -> L: n n lower invertible",
    summary="the lower triangular L with A = L Lᴴ",
    identity=("L @ L.H = A",),
    conditions=("{A} is positive definite",),
    argument_facts=("spd",),
    numpy="numpy.linalg.cholesky",
    torch="torch.linalg.cholesky",
    jax="jax.numpy.linalg.cholesky",
    notation=Notation(name="chol"),
    samples=(Sample("A: n n spd"), Sample("A: n n complex spd")),
    error_samples=(ErrorSample("cholesky(A)", "A: n m", "square"),),
    source="the definition; the result is Murray 2016, arXiv:1602.07527, eq. 8",
)
lu = Primitive(
    name="lu",
    signature="A: n n -> L: n n unit_lower, U: n n upper invertible",
    summary="A = L U without pivoting, L with a unit diagonal",
    identity=("L @ U = A",),
    conditions=("every leading minor of {A} is invertible",),
    numpy=lu_factors,
    notation=Notation(name="lu"),
    samples=(Sample("A: n n"),),
)
ldl = Primitive(
    name="ldl",
    signature="A: n n hermitian -> L: n n unit_lower, D: n n diagonal invertible",
    summary="A = L D Lᴴ without pivoting, D a diagonal matrix",
    identity=("L @ D @ L.H = A",),
    conditions=("every leading minor of {A} is invertible",),
    argument_facts=("symmetric",),
    numpy=ldl_factors,
    notation=Notation(name="ldl"),
    samples=(Sample("A: n n spd"),),
)
qr = Primitive(
    name="qr",
    signature="A: n m -> Q: n m stiefel, R: m m upper invertible",
    summary="A = Q R with orthonormal columns in Q, for A with at least as many rows as columns",
    identity=("Q @ R = A",),
    conditions=("{A} has full column rank",),
    gauge="the signs of the columns of Q and of the rows of R",
    numpy="numpy.linalg.qr",
    torch="torch.linalg.qr",
    jax="jax.numpy.linalg.qr",
    notation=Notation(name="qr"),
    samples=(Sample("A: n m"), Sample("A: n n")),
    source="the definition; the result is Walter & Lehmann 2018, Algorithmic Differentiation of LA, 4.3",
)

for _primitive in (cholesky, lu, ldl, qr):
    register_primitive(_primitive)

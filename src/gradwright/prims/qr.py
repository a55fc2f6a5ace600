"""The orthogonal factorisation `Q R = A`, thin, for A with at least as many rows as columns.

With `dQ = Q Ω + K`, Ω skew and `Qᴴ K = 0`, the equation becomes `Ω + dR R⁻¹ = Qᴴ dA R⁻¹` and `K = (I − Q Qᴴ) dA R⁻¹`
(Walter & Lehmann 2010, arXiv:1001.1654).
"""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import KnownRule, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive


def has_full_rank(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether no diagonal entry of R is a rounding error of its column."""
    A, pivots = inputs[0], np.abs(np.diagonal(outputs[1], axis1=-2, axis2=-1))
    return bool(np.all(pivots > 4 * np.finfo(A.dtype).eps * np.linalg.norm(A, axis=-2)[..., : pivots.shape[-1]]))


qr = Primitive(
    name="qr",
    signature="A: n m -> Q: n m stiefel, R: m m upper invertible",
    summary="A = Q R with orthonormal columns in Q, for A with at least as many rows as columns",
    identity=("Q @ R = A",),
    conditions=("{A} has full column rank",),
    regular=has_full_rank,
    gauge="the signs of the columns of Q and of the rows of R",
    numpy="numpy.linalg.qr",
    torch="torch.linalg.qr",
    jax="jax.numpy.linalg.qr",
    notation=Notation(name="qr"),
    samples=(Sample("A: n m"), Sample("A: n n")),
    known_rules=(
        KnownRule(
            "dQ",
            "Q @ (tril(X, -1) - tril(X, -1).T) + (dA - Q @ Q.T @ dA) @ inv(R)",
            "Walter & Lehmann 2010, arXiv:1001.1654, real matrices",
            ("X = Q.T @ dA @ inv(R)",),
        ),
        KnownRule(
            "dR",
            "(X - tril(X, -1) + tril(X, -1).T) @ R",
            "Walter & Lehmann 2010, arXiv:1001.1654, real matrices",
            ("X = Q.T @ dA @ inv(R)",),
        ),
        KnownRule(
            "vjp_A",
            "(G_Q + Q @ (tril(M) + tril(M, -1).T)) @ inv(R).T",
            "Seeger et al. 2017, arXiv:1710.08717, real matrices",
            ("M = R @ G_R.T - G_Q.T @ Q",),
        ),
    ),
    source="the definition; the result is Walter & Lehmann 2010, arXiv:1001.1654",
)

register_primitive(qr)

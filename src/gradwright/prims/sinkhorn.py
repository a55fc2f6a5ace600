"""Sinkhorn's scaling of a positive matrix to given row and column sums (Cuturi 2013, arXiv:1306.0895)."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

SINKHORN_STEPS = 10_000


def scaling_factors(K: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sinkhorn's iteration: u and v with `diag(u) K diag(v)` of row sums a and column sums b."""
    target = b * (a.sum() / b.sum())
    v = np.ones_like(b)
    for _ in range(SINKHORN_STEPS):
        u = a / (K @ v)
        new = target / (K.T @ u)
        settled = np.allclose(new, v, rtol=1e-15, atol=0)
        v = new
        if settled:
            break
    u = a / (K @ v)
    balance = np.sqrt(v.sum() / u.sum())
    return u * balance, v / balance


sinkhorn = Primitive(
    name="sinkhorn",
    signature="K: n m positive, a: n positive, b: m positive -> u: n positive, v: m positive",
    summary="the u and v for which diag(u) K diag(v) has row sums a and column sums proportional to b",
    # b is scaled to the total of a, so that the sums agree; u and v are balanced, so that they are unique.
    identity=("u * (K @ v) = a", "v * (K.T @ u) = b * (sum(a) / sum(b))", "sum(u) = sum(v)"),
    conditions=("{K} has positive entries",),
    real_only=True,
    numpy=scaling_factors,
    notation=Notation(name="sinkhorn"),
    samples=(Sample("K: n m positive, a: n positive, b: m positive"),),
    source="Sinkhorn 1964; Cuturi 2013, arXiv:1306.0895",
)

register_primitive(sinkhorn)

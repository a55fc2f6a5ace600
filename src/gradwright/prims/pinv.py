"""The Moore–Penrose inverse, and the least-squares solution.

`pinv` is defined by Penrose's four equations; where the rank is constant its differential is the
formula of Golub & Pereyra, which the tests hold against the equations.
"""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive


def least_squares(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The least-squares solution of smallest norm."""
    return np.linalg.lstsq(A, B, rcond=None)[0]


pinv = Primitive(
    name="pinv",
    signature="X: n m -> Y: m n",
    summary="the Moore–Penrose inverse",
    differential=("-Y @ dX @ Y + Y @ Y.H @ dX.H @ (eye(n) - X @ Y) + (eye(m) - Y @ X) @ dX.H @ Y.H @ Y",),
    conditions=("{X} has constant rank",),
    preserves=("symmetric", "hermitian", "diagonal", "spd", "psd"),
    numpy="numpy.linalg.pinv",
    torch="torch.linalg.pinv",
    jax="jax.numpy.linalg.pinv",
    notation=Notation(text="{X}⁺", latex="{X}^{+}", name="pinv"),
    samples=(Sample("X: n m"), Sample("X: m n"), Sample("X: n m complex")),
    source="Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432, eq. 4.12",
)

_lstsq = [
    Primitive(
        name="lstsq",
        signature=f"A: n m, B: {rows} -> Y: {columns}",
        summary="the least-squares solution Y of A Y = B",
        definition=("pinv(A) @ B",),
        conditions=("{A} has full rank",),
        numpy=least_squares,
        notation=Notation(name="lstsq"),
        samples=(Sample(f"A: n m, B: {rows}"),),
    )
    for rows, columns in (("n k", "m k"), ("n", "m"))
]
lstsq = (_lstsq[0], _lstsq[1])

register_primitive(pinv)
register_primitive(*lstsq)

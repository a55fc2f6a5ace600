"""The solution of a lower triangular system, defined by `L Y = B`."""

from __future__ import annotations

import numpy as np

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.solve import with_vector


def solve_lower(L: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Solve with the lower triangle of L."""
    from scipy.linalg import solve_triangular

    return solve_triangular(L, B, lower=True)


solve_triangular = Primitive(
    name="solve_triangular",
    signature="L: n n lower, B: n m -> Y: n m",
    summary="the solution Y of L Y = B, L lower triangular",
    identity=("L @ Y = B",),
    conditions=("{L} has no zero on its diagonal",),
    numpy=solve_lower,
    torch="torch.linalg.solve_triangular({0}, {1}, upper=False)",
    jax="jax.scipy.linalg.solve_triangular({0}, {1}, lower=True)",
    notation=Notation(name="solve_triangular"),
    samples=(Sample("L: n n lower, B: n m"),),
)

register_primitive(solve_triangular, with_vector(solve_triangular))

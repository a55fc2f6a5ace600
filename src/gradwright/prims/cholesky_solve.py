"""The solution of a system by the Cholesky factor of its matrix, defined by `L Lᴴ Y = B`."""

from __future__ import annotations

from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.solve import with_vector

cholesky_solve = Primitive(
    name="cholesky_solve",
    signature="B: n m, L: n n lower -> Y: n m",
    summary="the solution Y of L Lᴴ Y = B, L lower triangular",
    identity=("L @ L.H @ Y = B",),
    conditions=("{L} has no zero on its diagonal",),
    numpy="scipy.linalg.cho_solve(({1}, True), {0})",
    torch="torch.cholesky_solve({0}, {1})",
    jax="jax.scipy.linalg.cho_solve(({1}, True), {0})",
    notation=Notation(name="cholesky_solve"),
    samples=(Sample("B: n m, L: n n lower"),),
)

register_primitive(cholesky_solve, with_vector(cholesky_solve))

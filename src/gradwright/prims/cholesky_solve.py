"""The solution of a system by the Cholesky factor of its matrix, defined by `L Lᴴ Y = B`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.build import matmul
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node, is_apply
from gradwright.core.primitive import Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.cholesky import cholesky
from gradwright.prims.inv import inv
from gradwright.prims.solve import modulo_prime as solved_modulo_prime
from gradwright.prims.solve import with_vector

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def modulo_prime(field: ModularArithmetic, B: np.ndarray, L: np.ndarray) -> np.ndarray:
    """By elimination in `L Lᴴ`."""
    lower = np.tril(L)
    return solved_modulo_prime(field, (lower @ field.conjugate(lower).T) % field.prime, B)


def with_the_matrix(node: Apply) -> Node:
    """`K⁻¹ B` for the Cholesky factor of K."""
    B, L = node.arguments
    if not is_apply(L, cholesky) or "hermitian" not in facts_of(L.arguments[0]):
        return node
    return matmul(Apply(inv, (), L.arguments), B)


cholesky_solve = Primitive(
    name="cholesky_solve",
    signature="B: n m, L: n n lower -> Y: n m",
    summary="the solution Y of L Lᴴ Y = B, L lower triangular",
    value_name="solved",
    identity=("L @ L.H @ Y = B",),
    conditions=("{L} has no zero on its diagonal",),
    numpy="scipy.linalg.cho_solve(({1}, True), {0}, check_finite=False)",
    torch="torch.cholesky_solve({0}, {1})",
    jax="jax.scipy.linalg.cho_solve(({1}, True), {0})",
    modular=Modular(modulo_prime),
    simpler=with_the_matrix,
    notation=Notation(name="cholesky_solve"),
    samples=(Sample("B: n m, L: n n lower"),),
    source="the definition",
)

cholesky_solve_vector = with_vector(cholesky_solve)

register_primitive(cholesky_solve, cholesky_solve_vector)

"""The solution of a lower triangular system, defined by `L Y = B`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.nodes import Apply, Node, is_apply
from gradwright.core.primitive import Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.cholesky import cholesky
from gradwright.prims.solve import modulo_prime as solved_modulo_prime
from gradwright.prims.solve import with_inverse, with_vector

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def modulo_prime(field: ModularArithmetic, L: np.ndarray, B: np.ndarray) -> np.ndarray:
    """By elimination in the lower triangle."""
    return solved_modulo_prime(field, np.tril(L), B)


def with_the_inverse(node: Apply) -> Node:
    """`L⁻¹ B` for a Cholesky factor, whose inverses meet in `L⁻ᴴ L⁻¹ = K⁻¹`."""
    L = node.arguments[0]
    return with_inverse(node) if is_apply(L, cholesky) else node


solve_triangular = Primitive(
    name="solve_triangular",
    signature="L: n n lower, B: n m -> Y: n m",
    summary="the solution Y of L Y = B, L lower triangular",
    value_name="solved",
    identity=("L @ Y = B",),
    conditions=("{L} has no zero on its diagonal",),
    numpy="scipy.linalg.solve_triangular({0}, {1}, lower=True, check_finite=False)",
    torch="torch.linalg.solve_triangular({0}, {1}, upper=False)",
    torch_differentiates=True,
    jax="jax.scipy.linalg.solve_triangular({0}, {1}, lower=True)",
    modular=Modular(modulo_prime),
    simpler=with_the_inverse,
    notation=Notation(name="solve_triangular"),
    samples=(Sample("L: n n lower, B: n m"),),
    source="the definition",
)

solve_triangular_vector = with_vector(solve_triangular)

register_primitive(solve_triangular, solve_triangular_vector)

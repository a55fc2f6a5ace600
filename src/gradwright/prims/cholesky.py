"""The Cholesky factor of a positive definite matrix, defined by `L Lᴴ = A` with L lower triangular.

In the frame `dL = L Φ` the equation becomes `Φ + Φᴴ = L⁻¹ dA L⁻ᴴ`: Φ is the lower triangle of the right
side with half its diagonal (Murray 2016, arXiv:1602.07527).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.modular_numbers import objects
from gradwright.core.nodes import Node
from gradwright.core.primitive import ErrorSample, KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.core.walks import applications
from gradwright.prims.ldl import modulo_prime as ldl_modulo_prime

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def modulo_prime(field: ModularArithmetic, A: np.ndarray) -> np.ndarray:
    """The pivots have to be squares; their roots are squares too, and so unique."""
    L, D = ldl_modulo_prime(field, A)
    return objects(L * field.power(np.diagonal(D), Fraction(1, 2)) % field.prime)


cholesky = Primitive(
    name="cholesky",
    signature="A: n n hermitian -> L: n n lower invertible",
    summary="the lower triangular L with A = L Lᴴ",
    value_name="chol",
    identity=("L @ L.H = A",),
    conditions=("{A} is positive definite",),
    argument_facts=("spd",),
    fact_rule=lambda index, parameters, facts: {"positive_diagonal"},
    numpy="numpy.linalg.cholesky",
    torch="torch.linalg.cholesky",
    torch_differentiates=True,
    jax="jax.numpy.linalg.cholesky",
    modular=Modular(modulo_prime),
    notation=Notation(name="chol"),
    samples=(Sample("A: n n spd"), Sample("A: n n complex spd")),
    error_samples=(ErrorSample("cholesky(A)", "A: n m", "square"),),
    known_rules=(
        KnownRule(
            "dL",
            "L @ mask(inv(L) @ dA @ inv(L).H, 1, 1/2, 0)",
            "Murray 2016, arXiv:1602.07527, eq. 8",
        ),
        KnownRule(
            "vjp_A",
            "1/2 * inv(L).H @ (P + P.H) @ inv(L)",
            "Murray 2016, arXiv:1602.07527, eq. 10",
            ("P = mask(L.H @ G, 1, 1/2, 0)",),
        ),
    ),
    source="the definition; the result is Murray 2016, arXiv:1602.07527, eq. 8",
)

register_primitive(cholesky)


def cholesky_factors(roots: Iterable[Node]) -> tuple[Node, ...]:
    """The Cholesky factors that are taken in expressions: where these have values, the matrices are definite."""
    return tuple(node for node in applications(*roots) if node.primitive is cholesky)

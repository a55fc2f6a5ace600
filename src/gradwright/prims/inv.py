"""The inverse of a square matrix, defined by `X⁻¹ X = I`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.facts import Facts
from gradwright.core.modular_numbers import objects, shaped
from gradwright.core.nodes import Parameter
from gradwright.core.primitive import ErrorSample, KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic

_KEPT = (
    "symmetric", "skew", "hermitian", "lower", "upper", "unit_lower", "unit_upper", "diagonal", "spd",
    "orthogonal", "unitary", "positive_determinant",
)  # fmt: skip


def _inverse_facts(index: int, parameters: tuple[Parameter, ...], facts: tuple[Facts, ...]) -> set[str]:
    """The diagonal of the inverse of a triangle has the reciprocals."""
    return {"positive_diagonal"} & facts[0] if {"lower", "upper"} & facts[0] else set()


def is_regular(inputs: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...]) -> bool:
    """Whether Skeel's condition number `max |X⁻¹| |X| 1` leaves a digit (Higham 2002, Accuracy, 7.2)."""
    X, Y = inputs[0], outputs[0]
    skeel = np.abs(Y) @ np.sum(np.abs(X), axis=-1)[..., None]
    return bool(np.max(skeel, initial=0.0) < 1 / np.finfo(X.dtype).eps)


def modulo_prime(field: ModularArithmetic, X: np.ndarray) -> np.ndarray:
    """By elimination, matrix by matrix."""
    n = X.shape[-1]
    unit = objects(np.eye(n, dtype=int))
    return shaped([x for part in X.reshape(-1, n, n) for x in field.solve(part, unit).ravel()], X.shape)


inv = Primitive(
    name="inv",
    signature="X: ... n n -> Y: ... n n invertible",
    summary="the inverse of a square matrix",
    identity=("Y @ X = eye(n)",),
    conditions=("{X} is invertible",),
    preserves=_KEPT,
    fact_rule=_inverse_facts,
    commutes=True,
    numpy="numpy.linalg.inv",
    regular=is_regular,
    torch="torch.linalg.inv",
    torch_differentiates=True,
    jax="jax.numpy.linalg.inv",
    modular=Modular(modulo_prime),
    notation=Notation(text="{X}⁻¹", latex="{X}^{-1}", name="inv"),
    samples=(Sample("X: n n"), Sample("X: n n complex"), Sample("X: n n spd")),
    error_samples=(ErrorSample("inv(A)", "A: n m", "square"), ErrorSample("inv(x)", "x: n", "matrix")),
    known_rules=(
        KnownRule(
            "dY",
            "-Y @ dX @ Y",
            "Giles 2008, An extended collection of matrix derivative results, 2.2.3",
        ),
        KnownRule(
            "vjp_X",
            "-Y.H @ G @ Y.H",
            "Giles 2008, 2.2.3",
        ),
    ),
    source="the definition",
)

register_primitive(inv)

"""Matrices modulo a prime with given facts: triangular, symmetric, positive definite, orthogonal, with eigenvalues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.facts import Facts
from gradwright.core.modular_numbers import Complex, Number, each, objects, shaped

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def structured(field: ModularArithmetic, value: Array, facts: Facts) -> Array:
    """A matrix that has the given facts, made of the entries of another."""
    if "diagonal" in facts:
        return objects(np.where(np.eye(len(value), dtype=bool), value**2 % field.prime if "spd" in facts else value, 0))
    if field.setting.spectra and "hermitian" in facts:
        return _with_eigenvalues(field, value, facts)
    if "spd" in facts or "psd" in facts:
        # A product of triangles, whose pivots are squares: so its Cholesky factor exists here too.
        lower = objects(np.tril(value, -1) + np.diag(field.real(np.diagonal(value))))
        return objects(lower @ field.conjugate(lower).T % field.prime)
    if "stiefel" in facts or "unitary" in facts:
        return _cayley(field, value)
    for side, keep in (("lower", np.tril), ("upper", np.triu)):
        if side in facts:
            return _triangular(keep(value), side, facts)
    for fact, mirrored in (("skew", -value.T), ("symmetric", value.T), ("hermitian", field.conjugate(value).T)):
        if fact in facts:
            return objects((value + mirrored) % field.prime)
    return _with_singular_values(field, value) if field.setting.spectra else value


def _with_eigenvalues(field: ModularArithmetic, value: Array, facts: Facts) -> Array:
    """`Q Λ Qᴴ`, Λ of squares if it is positive definite."""
    Q, eigenvalues = _cayley(field, value), field.real(np.diagonal(value))
    if "spd" in facts or "psd" in facts:
        eigenvalues = eigenvalues**2
    return objects(Q * eigenvalues % field.prime @ field.conjugate(Q).T % field.prime)


def _with_singular_values(field: ModularArithmetic, value: Array) -> Array:
    """`U Σ Vᴴ`, with V and Σ drawn anew."""
    if value.shape[0] < value.shape[1]:
        return _with_singular_values(field, value.T).T
    entries = value.tolist()
    others = each(lambda x: x * field.random("V", entries, repr(x)) % field.prime, value[: value.shape[1]])
    singular = shaped([field.random("Σ", entries, k) for k in range(value.shape[1])], (value.shape[1],))
    return objects(_cayley(field, value) * singular % field.prime @ _cayley(field, others).T % field.prime)


def _cayley(field: ModularArithmetic, value: Array) -> Array:
    """`(I − S)⁻¹ (I + S)` is orthogonal for a skew S; its first columns are orthonormal.

    These are rotations: for reflections, which are orthogonal too, the first column changes its sign at half of the
    points.
    """
    field.has_signs = True
    n, m = value.shape
    square = objects(np.zeros((n, n), dtype=int))
    square[:, :m] = value[:, : min(m, n)]
    skew = square - field.conjugate(square).T
    unit = objects(np.eye(n, dtype=int))
    found = field.solve((unit - skew) % field.prime, (unit + skew) % field.prime)[:, :m]
    mirrored = objects(-found[:, :1] % field.prime)
    return np.concatenate([mirrored, found[:, 1:]], axis=1) if _is_odd(value[0, 0]) else found


def _is_odd(value: Number) -> bool:
    return bool((value.re if isinstance(value, Complex) else value) % 2)


def _triangular(kept: Array, side: str, facts: Facts) -> Array:
    if "unit_diagonal" in facts:
        np.fill_diagonal(kept, 1)
    if f"strictly_{side}" in facts:
        np.fill_diagonal(kept, 0)
    return kept

"""Masked matrices: `tril(M)`, `triu(M, 1)`, `Φ(M)`, `off(M)`, and masks by themselves."""

from __future__ import annotations

from fractions import Fraction

from gradwright.back.algebra import conjugated, conjugated_inside, transposed
from gradwright.back.formula import (
    Call,
    Conjugated,
    Formula,
    Indexed,
    MaskMatrix,
    Name,
    Transposed,
    factors_of,
    is_call,
)
from gradwright.frozen import replace

Weights = tuple[Fraction | int, ...]
TRIANGLES: dict[Weights, tuple[str, str]] = {
    (1, 1, 0): ("tril", ""),
    (0, 1, 1): ("triu", ""),
    (1, 0, 0): ("tril", "-1"),
    (0, 0, 1): ("triu", "1"),
}
LETTERS: dict[Weights, tuple[str, str]] = {
    (1, Fraction(1, 2), 0): ("Φ({0})", r"\Phi\left({0}\right)"),
    (1, 0, 1): ("off({0})", r"\operatorname{off}\left({0}\right)"),
}


def masked(matrix: Formula, weights: Weights) -> Formula:
    """A matrix weighed below, on and above the diagonal, by the name that this has."""
    symmetric = matrix.symmetric and weights[0] == weights[2]
    if weights in TRIANGLES:
        name, k = TRIANGLES[weights]
        text = f"{name}({{0}}{', ' + k if k else ''})"
        return Call(2, symmetric, name, (matrix,), keywords=k, text=text)
    text, latex = LETTERS.get(weights, ("", ""))
    return Call(2, symmetric, "mask", (matrix,), keywords=", ".join(map(str, weights)), text=text, latex=latex)


def masked_product(weights: Weights, matrix: Formula) -> Formula:
    """A masked matrix, or the transpose of its masked transpose: the one that has a name or reads better."""
    turned, mirrored = transposed(matrix), weights[::-1]
    if mirrored == weights:
        return masked(matrix, weights)
    named = mirrored in LETTERS or mirrored in TRIANGLES
    if named and (mirrored in LETTERS or _turning_cost(turned) < _turning_cost(matrix)):
        inside = conjugated_inside(turned)
        conj = turns(inside) < turns(turned)
        return Transposed(2, False, masked(inside if conj else turned, mirrored), conj=conj)
    inside = conjugated_inside(matrix)
    return conjugated(masked(inside, weights)) if turns(inside) < turns(matrix) else masked(matrix, weights)


def _turning_cost(formula: Formula) -> tuple[int, int]:
    """What makes a product hard to read: transposed directions, then other transposes."""
    factors = factors_of(formula)
    return sum(f.has_direction for f in factors if isinstance(f, Transposed)), turns(formula)


def turns(formula: Formula) -> int:
    """How many transposes and conjugates a product contains: of two ways to write a scalar, fewer read better.

    A vector that stands first is transposed anyway.
    """
    factors = factors_of(formula)
    row = not formula.rank and factors[0].rank == 1
    return sum(map(_is_turned, factors[1:] if row else factors))


def _is_turned(factor: Formula) -> bool:
    """Whether a factor is a transpose or conjugate, a part of one, or a Kronecker product of such."""
    if isinstance(factor, Indexed):
        return _is_turned(factor.inner)
    if is_call(factor, "kron"):
        return any(map(_is_turned, factor.arguments))
    return isinstance(factor, Transposed | Conjugated)


def is_running_sum(matrix: Formula) -> bool:
    """Whether a matrix times a vector is `cumsum(x)`."""
    return isinstance(matrix, MaskMatrix) and matrix.weights == (1, 1, 0) and matrix.rows == matrix.columns


def alone(mask: MaskMatrix) -> Formula:
    """A mask that multiplies nothing: the masked matrix of ones."""
    ones = Name(
        2,
        mask.rows == mask.columns,
        "1 1ᵀ",
        f"ones({mask.rows}, {mask.columns})",
        r"\mathbf{1} \mathbf{1}^{\mathsf{T}}",
    )
    if mask.weights[::-1] in LETTERS and mask.weights not in LETTERS:
        turned = replace(ones, language=f"ones({mask.columns}, {mask.rows})")
        return Transposed(2, False, masked(turned, mask.weights[::-1]))
    return masked(ones, mask.weights)

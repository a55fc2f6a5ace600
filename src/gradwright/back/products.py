"""Products of matrices as they are written: scalars in front, diagonal matrices joined, parts as slices."""

from __future__ import annotations

from fractions import Fraction

from gradwright.back.algebra import is_negative, multiplied, negated, transposed, without_scalars
from gradwright.back.formula import (
    Call,
    Conjugated,
    Formula,
    Indexed,
    MaskMatrix,
    MatrixProduct,
    OuterProduct,
    Part,
    Sum,
    Transposed,
    factors_of,
    is_call,
)
from gradwright.back.masks import is_running_sum, masked_product
from gradwright.frozen import replace


def product(factors: tuple[Formula, ...]) -> Formula:
    """A product of matrices, nested products opened; a part of a matrix is written as a slice."""
    flat: list[Formula] = []
    coefficient, above, under = Fraction(1), list[Formula](), list[Formula]()
    for factor in factors:
        inside = factor
        if len(factors) > 1:
            number, scalars, divisors, inside = without_scalars(factor)
            if isinstance(inside, Sum) and all(map(is_negative, inside.terms)):
                number, inside = -number, negated(inside)
            coefficient *= number
            above += scalars
            under += divisors
        flat += factors_of(inside)
    flat = _with_running_sums(_with_one_diagonal(sliced(flat)))
    rank = (flat[0].rank == 2) + (flat[-1].rank == 2)
    whole = flat[0] if len(flat) == 1 else MatrixProduct(rank, _is_palindrome(flat), tuple(flat))
    return multiplied(coefficient, (*above, whole), tuple(under), whole.rank)


def _with_running_sums(factors: list[Formula]) -> list[Formula]:
    """`cumsum(X, axis=0)` for a square triangle of ones times a matrix, and `cumsum(X, axis=1)` for one behind it."""
    if len(factors) != 2 or any(f.rank != 2 or _is_diagonal(f) for f in factors):
        return factors
    if all(isinstance(f, MaskMatrix) for f in factors):
        return factors
    for axis, (mask, matrix) in enumerate((factors, factors[::-1])):
        if is_running_sum(transposed(mask) if axis else mask):
            turned = isinstance(matrix, Transposed) and not matrix.conj
            upright = transposed(matrix) if turned else matrix
            sums = Call(2, False, "cumsum", (upright,), keywords=f"axis={1 - axis if turned else axis}")
            return [transposed(sums) if turned else sums]
    return factors


def _with_one_diagonal(factors: list[Formula]) -> list[Formula]:
    """`diag(u ∘ v)` for `diag(u) diag(v)`, and `tril(u vᵀ)` for a mask between the two."""
    kept: list[Formula] = []
    for factor in factors:
        if len(kept) > 1 and isinstance(kept[-1], MaskMatrix) and _is_diagonal(kept[-2]) and _is_diagonal(factor):
            first, mask = kept[-2], kept[-1]
            assert isinstance(first, Call) and isinstance(factor, Call)
            outer = OuterProduct(2, False, first.arguments[0], factor.arguments[0])
            kept[-2:] = [masked_product(mask.weights, outer)]
            continue
        last = kept[-1] if kept else None
        if isinstance(last, Call) and isinstance(factor, Call) and last.name == factor.name == "diag":
            both = (last.arguments[0], factor.arguments[0])
            kept[-1] = replace(last, arguments=(multiplied(Fraction(1), both, (), 1),))
        else:
            kept.append(factor)
    return kept


def _is_diagonal(formula: Formula) -> bool:
    return is_call(formula, "diag")


def sliced(factors: list[Formula]) -> list[Formula]:
    """`Sᵀ M`, `M S` and `xᵀ S` for a selection S: the rows, columns or entries that it picks."""
    kept: list[Formula] = []
    for factor in factors:
        last = kept[-1] if kept else None
        if isinstance(factor, Part) and last is not None and not is_part(last):
            kept[-1] = _slice(last, (":", factor.slice)[-last.rank :])
        elif isinstance(last, Transposed) and isinstance(last.inner, Part) and not is_part(factor):
            kept[-1] = _slice(factor, (last.inner.slice, ":")[: factor.rank])
        else:
            kept.append(factor)
    return kept


def is_part(formula: Formula) -> bool:
    """Whether a matrix places a part into a whole, or cuts it out."""
    return isinstance(formula.inner if isinstance(formula, Transposed) else formula, Part)


def _slice(formula: Formula, places: tuple[str, ...]) -> Formula:
    if isinstance(formula, Transposed):
        return replace(formula, inner=_slice(formula.inner, places[::-1]))
    if isinstance(formula, Conjugated):
        inner = _slice(formula.inner, places)
        return replace(formula, inner=inner, symmetric=inner.symmetric)
    joined = _joined(formula.places, places) if isinstance(formula, Indexed) else ()
    if all(joined) and joined:
        return replace(formula, places=joined, symmetric=formula.rank < 2)
    return Indexed(formula.rank, formula.rank < 2, formula, places)


def _joined(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """The places of `A[before][after]` as those of `A`; an empty one where a range is taken of a range."""
    left = iter(after)
    pairs = [(place, next(left) if ":" in place else ":") for place in before]
    return tuple(b if a == ":" else a if b == ":" else "" for a, b in pairs)


def _is_palindrome(factors: list[Formula]) -> bool:
    if factors[0].rank != 2 or factors[-1].rank != 2:
        return False
    return all(a == transposed(b) for a, b in zip(factors, reversed(factors), strict=True))

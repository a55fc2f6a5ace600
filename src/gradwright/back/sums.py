"""Sums of formulas: parts side by side are a block matrix, and what all terms have in common stands in front."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction
from itertools import groupby

from gradwright.back.algebra import (
    conjugated,
    linear,
    multiplied,
    negated,
    opened,
    scaled,
    split_number,
    transposed,
    without_scalars,
)
from gradwright.back.blocks import blocks, is_full, placed_parts
from gradwright.back.formula import Formula, MatrixProduct, Name, Number, OuterProduct, Scaled, Sum, Transposed, is_call
from gradwright.back.notation import diagonal_matrix
from gradwright.back.text import unicode
from gradwright.core.multisets import without
from gradwright.frozen import replace


def sum_formula(terms: Sequence[Formula], symmetric: bool) -> Formula:
    """A sum; sums inside are opened, and parts placed side by side are a block matrix."""
    flat = _with_like_terms(opened(map(_minus_inside, terms)))
    if len(flat) == 1:
        return flat[0]
    if all(_diagonal_of(term) is not None for term in flat):
        return diagonal_matrix(sum_formula([d for d in map(_diagonal_of, flat) if d is not None], True))
    if any(_is_of_matrices(term) for term in flat):
        flat = tuple(map(_with_spelled_ones, flat))
    joined = blocks_of(flat, symmetric)
    if joined is not None:
        return joined
    terms = _with_scalars_shared(_with_blocks(flat))
    return _with_common_number(terms, symmetric) if len(terms) > 1 else terms[0]


def _with_like_terms(terms: Sequence[Formula]) -> tuple[Formula, ...]:
    """`2 M` for `M + M`: what is the same, as it is written, once."""
    numbers: dict[Formula, Fraction] = {}
    for number, tensor in map(_coefficient_and_rest, terms):
        numbers[tensor] = numbers.get(tensor, Fraction(0)) + number
    if len(numbers) == len(terms) or not any(numbers.values()):
        return tuple(terms)
    return tuple(scaled(number, tensor) for tensor, number in numbers.items() if number)


def _coefficient_and_rest(term: Formula) -> tuple[Fraction, Formula]:
    if isinstance(term, Number):
        return term.value, replace(term, value=Fraction(1))
    if isinstance(term, Scaled) and (len(term.factors) != 1 or term.divisors):
        return term.coefficient, replace(term, coefficient=Fraction(1))
    return split_number(term)


def blocks_of(terms: Sequence[Formula], symmetric: bool) -> Formula | None:
    """The block matrix that a sum of placed parts is, those in one place added; None if it is none."""
    return blocks(terms, symmetric, lambda parts: sum_formula(parts, all(part.symmetric for part in parts)))


def _with_pairs(terms: Sequence[Formula]) -> tuple[Formula, ...]:
    """Each term beside its transpose: `2 B + a (x yᵀ + y xᵀ)`. The terms of a differential stay as they came."""
    rest, found = list(terms), list[Formula]()
    while rest:
        term = rest.pop(0)
        mirror = _partner(term, rest)
        if mirror is None:
            found.append(term)
            continue
        rest.remove(mirror)
        pair = sorted([term, mirror], key=_place_in_pair)
        found += pair if len(terms) == 2 else opened([_with_common_number(pair, mirror == transposed(term))])
    return tuple(found)


def _partner(term: Formula, others: Sequence[Formula]) -> Formula | None:
    """The transpose, or the conjugate transpose, of a term among others."""
    if term.rank != 2 or term.symmetric or term.has_direction:
        return None
    turned = transposed(term)
    return next((other for other in others if other in (turned, linear(conjugated, turned))), None)


def _place_in_pair(term: Formula) -> tuple[bool, str]:
    """`A` before `Aᵀ`, and `A x xᵀ` before `x xᵀ A`; products stay in the order they came in."""
    *_, inside = without_scalars(term)
    return isinstance(inside, Transposed), unicode(inside) if isinstance(inside, OuterProduct) else ""


def _with_blocks(terms: Sequence[Formula]) -> tuple[Formula, ...]:
    """Neighbours that fill a whole as one block beside other terms: `[x; y] − t`."""
    found: list[Formula] = []
    for are_placed, run in groupby(terms, key=lambda term: bool(placed_parts(term))):
        own = tuple(run)
        block = blocks_of(own, False) if are_placed and len(own) > 1 else None
        found += [block] if block is not None and is_full(block) else own
    return tuple(found)


def _is_of_matrices(term: Formula) -> bool:
    """Whether a term is an identity, a diagonal matrix or a product of matrices, numbers and scalars aside."""
    tensors = [f for f in term.factors if f.rank] if isinstance(term, Scaled) else [term]
    if len(tensors) != 1 or tensors[0].rank != 2:
        return False
    (inside,) = tensors
    if isinstance(inside, Name):
        return inside.language.startswith("eye(")
    return isinstance(inside, MatrixProduct) or _diagonal_of(inside) is not None


def with_ones_of_matrices(argument: Formula) -> Formula:
    """What a function of matrices is applied to, of which no term is a number: `(A + 1 1ᵀ)⁻¹`."""
    if not isinstance(argument, Sum) or argument.rank != 2:
        return argument
    return replace(argument, terms=tuple(map(_with_spelled_ones, argument.terms)))


def _with_spelled_ones(term: Formula) -> Formula:
    """A multiple of a matrix of ones as one of `1 1ᵀ`: `1` would be read as the identity beside it."""
    if isinstance(term, Scaled):
        return replace(term, factors=tuple(map(_with_spelled_ones, term.factors)))
    if isinstance(term, Name) and term.rank == 2 and term.language.startswith("ones("):
        return replace(term, text="1 1ᵀ", latex=r"\mathbf{1} \mathbf{1}^{\mathsf{T}}")
    return term


def _minus_inside(term: Formula) -> Formula:
    """Minus a sum as the sum of what is subtracted."""
    number, inside = split_number(term)
    return negated(inside) if number == -1 and isinstance(inside, Sum) else term


def _diagonal_of(term: Formula) -> Formula | None:
    """The vector of a diagonal matrix: u for `diag(u)`, c u for `c diag(u)`."""
    number, inside = split_number(term)
    return scaled(number, inside.arguments[0]) if is_call(inside, "diag") else None


def _with_common_number(terms: Sequence[Formula], symmetric: bool) -> Formula:
    """A sum, the number and the scalars that all terms share taken out: `½ a (G + Gᵀ)`."""
    rank = terms[0].rank
    parts = [term if isinstance(term, Scaled) else Scaled(rank, term.symmetric, Fraction(1), (term,)) for term in terms]
    numbers = {abs(part.coefficient) for part in parts}
    number = next(iter(numbers)) if len(numbers) == 1 else Fraction(1)
    above = _shared([[f for f in part.factors if not f.rank] for part in parts]) if len(parts) > 1 else []
    under = _shared([[d for d in part.divisors if not d.rank] for part in parts]) if len(parts) > 1 else []
    if (number != 1 or above or under) and all(part.coefficient < 0 for part in parts):
        number = -number
    shares = above or under or (number != 1 and rank <= 2)  # tensors carry their numbers: `roll₁→₄(−½ P ⊗ P)`
    if not shares or (rank > 2 and len(numbers) > 1):
        return Sum(rank, symmetric, _with_pairs(terms))
    inside: list[Formula] = []
    for part in parts:
        factors, divisors = tuple(without(part.factors, above)), tuple(without(part.divisors, under))
        term = multiplied(part.coefficient / number, factors, divisors, rank)
        inside += opened([_minus_inside(term)])
    inside = list(_with_like_terms(inside))
    if number != 1 and all(split_number(term)[0] < 0 for term in inside):  # a transposed skew matrix brings a sign
        number, inside = -number, [scaled(Fraction(-1), term) for term in inside]
    total = Sum(rank, symmetric, _with_pairs(inside)) if len(inside) > 1 else inside[0]
    return multiplied(number, (*above, total), tuple(under), rank)


def _with_scalars_shared(terms: Sequence[Formula]) -> Sequence[Formula]:
    """`a (A + B) / s + C` for `a A / s + a B / s + C`: the terms with the same scalars in front as one."""
    if not terms[0].rank:
        return terms
    groups: dict[Hashable, list[Formula]] = {}
    for place, term in enumerate(terms):
        number, above, below, _ = without_scalars(term)
        alike = abs(number) if term.rank > 2 else None
        key = (alike, frozenset(above), frozenset(below)) if above or below else place
        groups.setdefault(key, []).append(term)
    if len(groups) == len(terms):
        return terms
    return [g[0] if len(g) == 1 else _with_common_number(g, all(term.symmetric for term in g)) for g in groups.values()]


def _shared(lists: Sequence[Sequence[Formula]]) -> list[Formula]:
    """What occurs in every list, each once."""
    return [x for x in dict.fromkeys(lists[0]) if all(x in other for other in lists)]

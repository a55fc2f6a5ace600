"""Tensor notation for what has more than two axes: `roll₄→₂(−X⁻¹ ⊗ X⁻¹)`.

A contraction whose label graph falls apart into pieces with one or two output axes each is an outer
product of vectors and matrices with its axes in some order. Among all orders and transpositions the
one is written that needs no rearrangement, or one roll, or else a permutation. Scalar factors stand
in front: `det(X) (X⁻ᵀ ⊗ X⁻ᵀ)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations, product
from math import prod

from gradwright.back.algebra import multiplied, scaled, split_number, transposed
from gradwright.back.formula import Formula, Permuted, Roll, Scaled, TensorProduct
from gradwright.back.masks import turns
from gradwright.back.notation import outer_product
from gradwright.back.sums import sum_formula
from gradwright.back.translate import Translator
from gradwright.core.connected import joined_to
from gradwright.core.contraction import is_simple, subproduct
from gradwright.core.nodes import Add, Contract, Factor, Node, labels_of
from gradwright.frozen import frozen


@frozen
class Piece:
    """A vector or matrix, and the output axes that it carries."""

    formula: Formula
    axes: tuple[int, ...]


def tensor_formula(node: Node, translator: Translator) -> Formula:
    """The formula of a tensor, with `⊗` and `roll` where that is possible."""
    if node.rank <= 2:
        return translator.formula(node)
    if isinstance(node, Add):
        return sum_formula([tensor_formula(term, translator) for term in node.terms], False)
    found = outer_formula(node, translator) if isinstance(node, Contract) else None
    return found if found is not None else translator.formula(node)


def outer_formula(node: Contract, translator: Translator) -> Formula | None:
    """The outer product that a contraction is, its axes rearranged; None if it is none."""
    found = _pieces(node, translator)
    if found is None or len(found[0]) < 2 or not node.coefficient:
        return None
    pieces, rest = _with_vectors_joined(found[0]), found[1]
    factors, order = min(_arrangements(pieces), key=lambda arrangement: _cost(*arrangement))
    if not rest:
        return _rearranged(_product(node, node.coefficient, factors), order)
    above, below = _scalars(node, rest, translator)
    tensor = _rearranged(_product(node, Fraction(1), factors), order)
    return multiplied(node.coefficient, (*above, tensor), below, node.rank)


def _scalars(
    node: Contract, factors: Sequence[Factor], translator: Translator
) -> tuple[tuple[Formula, ...], tuple[Formula, ...]]:
    """What stands before a tensor and what stands under it; factors that share labels, as in a trace, are one."""
    above, below = list[Formula](), list[Formula]()
    linked = [factor for factor in factors if factor.labels]
    if linked:
        above.append(translator.formula(subproduct(node, linked, ())))
    for factor in factors:
        if not factor.labels:
            translator.formula(factor.node)
            formula, divides = translator.factor(factor)
            (below if divides else above).append(formula)
    return tuple(above), tuple(below)


def _product(node: Contract, coefficient: Fraction, factors: Sequence[Formula]) -> Formula:
    """The factors one after the other, with the number in front; `−S ⊗ Sᵀ` keeps the sign out of a sum S."""
    numbers, (first, *others) = zip(*map(split_number, factors), strict=True)
    number = coefficient * prod(numbers)
    again = number == -1 and (first in others or transposed(first) in others)
    first = Scaled(first.rank, first.symmetric, number, (first,)) if again else scaled(number, first)
    return TensorProduct(node.rank, False, (first, *others))


def _pieces(node: Contract, translator: Translator) -> tuple[list[Piece], list[Factor]] | None:
    """The pieces that carry the output's axes, and the scalar factors; None if an axis is shared or flattened."""
    if not is_simple(node.output):
        return None
    output = [group[0] for group in node.output]
    remaining, pieces, seen = list(node.factors), list[Piece](), set[int]()
    for label in output:
        if label in seen:
            continue
        own, remaining = joined_to(remaining, {label})
        reached = labels_of(own) | {label}
        axes = tuple(axis for axis, other in enumerate(output) if other in reached)
        seen |= reached
        if len(axes) > 2 or not all(is_simple(f.groups) for f in own):
            return None
        part = subproduct(node, own, tuple((output[axis],) for axis in axes))
        pieces.append(Piece(translator.formula(part), axes))
    return pieces, remaining


def _with_vectors_joined(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Two vectors beside matrices as one matrix: `A ⊗ x yᵀ` for `A ⊗ x ⊗ y`."""
    vectors = [piece for piece in pieces if len(piece.axes) == 1]
    if len(vectors) != 2 or len(pieces) == 2:
        return pieces
    left, right = vectors
    outer = Piece(outer_product(left.formula, right.formula), left.axes + right.axes)
    return [outer if piece is left else piece for piece in pieces if piece is not right]


def _arrangements(pieces: Sequence[Piece]) -> Iterator[tuple[list[Formula], tuple[int, ...]]]:
    """Every order of the pieces and orientation of the matrices, with the axes in that order."""
    turns = [(False, True) if len(piece.axes) == 2 else (False,) for piece in pieces]
    for order in permutations(range(len(pieces))):
        for turned in product(*turns):
            factors = [transposed(pieces[k].formula) if turned[k] else pieces[k].formula for k in order]
            axes = [axis for k in order for axis in (pieces[k].axes[::-1] if turned[k] else pieces[k].axes)]
            yield factors, tuple(axes)


def _cost(factors: Sequence[Formula], order: Sequence[int]) -> tuple[int, int]:
    turned = sum(turns(f) for f in factors)
    if list(order) == sorted(order):
        return 0, turned
    return (1 if find_roll(order) is not None else 2), turned


def find_roll(axes: Sequence[int]) -> tuple[int, int] | None:
    """The roll that brings axes in this order into their natural one, counted from 1."""
    for start in range(len(axes)):
        rest = [*axes[:start], *axes[start + 1 :]]
        for end in range(len(axes)):
            if end != start and [*rest[:end], axes[start], *rest[end:]] == sorted(axes):
                return start + 1, end + 1
    return None


def _rearranged(formula: Formula, order: Sequence[int]) -> Formula:
    if list(order) == sorted(order):
        return formula
    roll = find_roll(order)
    if roll is not None:
        return Roll(formula.rank, False, formula, *roll)
    places = tuple(order.index(axis) + 1 for axis in range(len(order)))
    return Permuted(formula.rank, False, formula, places)

"""Entries below, on and above the diagonal: small systems for them, by Cramer's rule, and matrices put together.

A denominator is 1 outside the region that it serves, so that nothing is ever infinity times zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.build import diag, diagonal, masked, multiply, ones
from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_zero, with_factors
from gradwright.core.evaluate import evaluate
from gradwright.core.nodes import Add, Contract, Direction, Factor, Groups, Node, Symbol, is_apply
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, sample
from gradwright.core.sums import add, coefficient_of, scaled, subtract, terms_of
from gradwright.core.walks import free_leaves
from gradwright.prims.power import power, raise_to
from gradwright.simplify.pipeline import simplify

BELOW, ON, ABOVE = 0, 1, 2


def solve_entries(system: Sequence[tuple[list[Node], Node]], count: int, region: int) -> list[Node] | None:
    """Entries that stand alone in an equation first, then the others by Cramer's rule, or by elimination."""
    found: dict[int, Node] = {}
    for row, right in system:
        open_places = [k for k in range(count) if k not in found and not is_zero(row[k])]
        if len(open_places) != 1 or not _nonzero(row[open_places[0]], region):
            continue
        known = [multiply(row[k], value) for k, value in found.items() if not is_zero(row[k])]
        rest = subtract(right, add(known)) if known else right
        found[open_places[0]] = simplify(multiply(rest, reciprocal(row[open_places[0]])))
    if len(found) == count:
        return [found[k] for k in range(count)]
    return _by_elimination(system, count, region) if count > 3 else _cramer(system, count, region)


def _by_elimination(system: Sequence[tuple[list[Node], Node]], count: int, region: int) -> list[Node] | None:
    """One entry in terms of the others, from the equation with the fewest, put into the rest."""
    occupied = [sum(not is_zero(weight) for weight in row) for row, _ in system]
    for place in sorted((k for k, few in enumerate(occupied) if few), key=lambda k: occupied[k]):
        row, right = system[place]
        column = next((k for k in range(count) if not is_zero(row[k]) and _nonzero(row[k], region)), None)
        if column is None:
            continue
        scale = reciprocal(row[column])
        rest = [_without(other, (row, right), column, scale) for k, other in enumerate(system) if k != place]
        found = solve_entries(rest, count - 1, region)
        if found is None:
            return None
        others = [multiply(weight, value) for weight, value in zip(_apart(row, column), found, strict=True)]
        own = simplify(multiply(subtract(right, add(others)), scale))
        return [*found[:column], own, *found[column:]]
    return None


def _without(
    equation: tuple[list[Node], Node], pivot: tuple[list[Node], Node], column: int, scale: Node
) -> tuple[list[Node], Node]:
    """An equation less the multiple of another one that takes an entry out of it."""
    (row, right), (above, above_right) = equation, pivot
    if is_zero(row[column]):
        return _apart(row, column), right
    ratio = simplify(multiply(row[column], scale))
    pairs = zip(_apart(row, column), _apart(above, column), strict=True)
    reduced = [simplify(subtract(own, multiply(ratio, other))) for own, other in pairs]
    return reduced, subtract(right, multiply(ratio, above_right))


def _apart(row: list[Node], column: int) -> list[Node]:
    return [*row[:column], *row[column + 1 :]]


def _cramer(system: Sequence[tuple[list[Node], Node]], count: int, region: int) -> list[Node] | None:
    """The solution from the first equations that determine it."""
    for chosen in combinations(system, count):
        rows = [row for row, _ in chosen]
        right = [side for _, side in chosen]
        determinant = simplify(determinant_of(rows))
        if is_zero(determinant) or not _nonzero(determinant, region):
            continue
        inverse = reciprocal(determinant)
        return [
            simplify(multiply(determinant_of(with_column(rows, right, column)), inverse)) for column in range(count)
        ]
    return None


def with_column(rows: Sequence[list[Node]], right: Sequence[Node], column: int) -> list[list[Node]]:
    """The rows with the right sides in the place of a column."""
    return [[*row[:column], side, *row[column + 1 :]] for row, side in zip(rows, right, strict=True)]


def determinant_of(rows: Sequence[Sequence[Node]]) -> Node:
    """The determinant of a few rows, entry by entry where these are matrices."""
    if len(rows) == 1:
        return rows[0][0]
    terms: list[Node] = []
    for column, head in enumerate(rows[0]):
        minor = [[*row[:column], *row[column + 1 :]] for row in rows[1:]]
        terms.append(scaled((-1) ** column, multiply(head, determinant_of(minor))))
    return add(terms)


def _nonzero(matrix: Node, region: int) -> bool:
    """Whether a denominator is different from zero at a generic point, in the region."""
    leaves = [leaf for leaf in free_leaves(matrix) if isinstance(leaf, Symbol | Direction)]
    sizes = choose_sizes(sorted(dimension_names([matrix])), demanded_orders([matrix]))
    generator = np.random.default_rng(7)
    values: dict[Node, Array] = {leaf: sample(leaf, sizes, generator) for leaf in leaves}
    result = evaluate(matrix, values, sizes)
    below = np.tri(len(result), k=-1, dtype=bool)
    inside = {BELOW: below, ON: np.eye(len(result), dtype=bool), ABOVE: below.T}[region]
    return bool(np.all(np.abs(result[inside]) > 1e-9))


def reciprocal(denominator: Node) -> Node:
    """`1 / w`, entry by entry."""
    value = _constant_entries(denominator)
    if value is not None:
        return scaled(1 / value, ones(denominator.shape))
    numbers = {coefficient_of(term) for term in terms_of(denominator)}
    number = numbers.pop() if len(numbers) == 1 else Fraction(1)
    return scaled(1 / number, raise_to(add(scaled(1 / number, t) for t in terms_of(denominator)), Fraction(-1)))


def _constant_entries(node: Node) -> Fraction | None:
    """The number that every entry is."""
    if isinstance(node, Contract) and not node.factors and len({g for g in node.output}) == len(node.output):
        return node.coefficient
    return None


def guarded(node: Node, weights: Sequence[Fraction]) -> Node:
    """A matrix on some regions, its denominators made 1 on the others."""
    kept = [Fraction(1) if weight else Fraction(0) for weight in weights]
    if kept == [0, 1, 0]:
        return diag(scaled(weights[ON], entries_on_diagonal(node)))
    return masked(node if all(kept) else _safe(node, kept), *weights)


def _safe(node: Node, kept: Sequence[Fraction]) -> Node:
    """The same on the regions kept, without a division by zero on the others."""
    if isinstance(node, Add):
        return add(_safe(term, kept) for term in terms_of(node))
    whole = as_product(node)
    return with_factors(whole, [_safe_factor(factor, whole.output, kept) for factor in whole.factors])


def _safe_factor(factor: Factor, output: Groups, kept: Sequence[Fraction]) -> Factor:
    """A denominator that lies along the matrix, either way round, made 1 outside the regions kept; so in a sum."""
    base = _denominator(factor.node)
    if factor.groups not in (output, output[::-1]) or (base is None and not isinstance(factor.node, Add)):
        return factor
    inside = kept if factor.groups == output else kept[::-1]
    if base is None:
        return factor.with_node(_safe(factor.node, inside))
    safe = add([masked(base, *inside), masked(ones(base.shape), *(1 - weight for weight in inside))])
    return factor.with_node(raise_to(safe, Fraction(-1)))


def entries_on_diagonal(matrix: Node) -> Node:
    """The diagonal, in denominators that lie along the matrix, too."""
    return add(_diagonal_of(term) for term in terms_of(matrix))


def _diagonal_of(term: Node) -> Node:
    product = as_product(diagonal(term))
    return with_factors(product, [_diagonal_factor(factor) for factor in product.factors])


def _diagonal_factor(factor: Factor) -> Factor:
    base = _denominator(factor.node)
    if base is None or factor.node.rank != 2 or factor.groups[0] != factor.groups[1]:
        return factor
    entries = simplify(entries_on_diagonal(base))
    return Factor(raise_to(entries, Fraction(-1)), factor.groups[:1], factor.conj)


def _denominator(node: Node) -> Node | None:
    """What a node is one over."""
    if is_apply(node, power) and node.parameters[0] == -1:
        return node.arguments[0]
    return None

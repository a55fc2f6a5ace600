"""The linear equations for the unknowns' directions at a point that satisfies an identity, in numbers.

They are the differentiated identity, assembled entry by entry; their rank says whether the unknowns are determined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.coordinates import space_basis
from gradwright.core.dims import lengths
from gradwright.core.evaluate import evaluate_all
from gradwright.core.facts import NO_FACTS
from gradwright.core.nodes import Node, Symbol
from gradwright.core.points import draw
from gradwright.core.spaces import Space, tangent_space
from gradwright.core.sums import terms_of
from gradwright.diff.identities.frames import is_orthonormal
from gradwright.diff.identities.problem import STACK, Equation, Problem
from gradwright.frozen import frozen, replace

if TYPE_CHECKING:
    from gradwright.diff.identities.solution_points import SolutionPoint

RANK_TOLERANCE = 1e-9
CANCELLED = 1e-12


@frozen
class LinearSystem:
    """The equations for the unknowns' directions at a point.

    Attributes:
        matrix: one column for each coordinate of the unknowns' directions.
        bases: the directions that the coordinates stand for, by unknown.
        blocks: the rows that belong to each equation.
        units: how large the unknown of each coordinate is, if it is large.
    """

    matrix: Array
    bases: tuple[Array, ...]
    blocks: tuple[slice, ...]
    units: Array


def linear_system(problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> LinearSystem:
    """The differentiated equations at a point, as a matrix on the unknowns' directions."""
    bases = tuple(_direction_basis(u, values[u]) for u in problem.unknowns)
    columns: list[Array] = []
    for basis, (stack, forms) in zip(bases, problem.stacked_forms, strict=True):
        at = {**values, stack: np.moveaxis(basis, 0, -1)}
        parts = evaluate_all(forms, at, {**sizes, str(STACK): len(basis)})
        columns.append(np.concatenate(real_rows(problem, parts, len(basis))))
    counts = [prod(lengths(form.shape, sizes)) for form in problem.forms]
    stops = np.cumsum([c if real else 2 * c for c, real in zip(counts, problem.real_equations, strict=True)])
    starts = np.concatenate([[0], stops[:-1]])
    blocks = tuple(slice(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True))
    units = [np.full(len(b), max(1.0, largest(values[u]))) for u, b in zip(problem.unknowns, bases, strict=True)]
    return LinearSystem(np.concatenate(columns, axis=1), bases, blocks, np.concatenate(units))


def given_side(
    problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int], moves: Mapping[Node, Array]
) -> Array:
    """Minus the differentiated equations for given directions of the inputs, the unknowns held."""
    parts = evaluate_all(problem.forms, {**values, **_still(problem, values), **moves}, sizes)
    return -np.concatenate(real_rows(problem, parts))


def size_of_given_side(
    problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int], moves: Mapping[Node, Array]
) -> float:
    """How large the terms of `given_side` are, which may cancel."""
    terms = [term for form in problem.forms for term in terms_of(form)]
    parts = evaluate_all(terms, {**values, **_still(problem, values), **moves}, sizes)
    return float(np.sqrt(sum(np.linalg.norm(part) ** 2 for part in parts)))


def _still(problem: Problem, values: Mapping[Node, Array]) -> dict[Node, Array]:
    """The unknowns do not move."""
    return {d: np.zeros_like(values[u]) for u, d in zip(problem.unknowns, problem.unknown_directions, strict=True)}


def free_directions(system: LinearSystem, size: float = 0.0) -> Array:
    """An orthonormal basis of the coordinates along which the equations leave the unknowns free.

    A large unknown is measured by itself: `v[0] = 1` fixes the length of an eigenvector whose other entries are 10⁵.

    Args:
        system: the equations.
        size: how large their terms are; where these cancel, as in `inv(Y) @ Y`, what is left are rounding errors.
    """
    _, singular_values, vectors = np.linalg.svd(system.matrix * system.units)
    smallest = max(RANK_TOLERANCE * largest(singular_values), CANCELLED * size * np.max(system.units), 1e-300)
    rank = int(np.sum(singular_values > smallest))
    return np.linalg.qr((vectors[rank:] * system.units).T)[0].T


def needed_equations(problem: Problem, points: Sequence[SolutionPoint]) -> tuple[Equation, ...]:
    """The equations without such as follow from the others where they are differentiated, the last of them first.

    From `S² = I` follows `A S = S A` near `S = I`, and at no other S: so they have to follow at several points.
    """
    systems = [linear_system(problem, point.values, point.sizes) for point in points]
    kept = list(range(len(systems[0].blocks)))
    for place in reversed(range(len(problem.equations))):
        rest = [k for k in kept if k != place]
        if rest and all(_determines(system, rest) for system in systems):
            kept = rest
    return tuple(equation for place, equation in enumerate(problem.equations) if place in kept)


def _determines(system: LinearSystem, blocks: Sequence[int]) -> bool:
    """Whether some of the equations leave no direction free."""
    rows = np.concatenate([system.matrix[system.blocks[block]] for block in blocks])
    return not len(free_directions(replace(system, matrix=rows)))


def size_of_terms(problem: Problem, system: LinearSystem, point: SolutionPoint) -> float:
    """How large the terms of the equations are at a random direction of unit length of the unknowns."""
    generator = np.random.default_rng(17)
    coordinates = draw((system.matrix.shape[1],), NO_FACTS, generator)
    tensors = tensors_of(system, coordinates / max(1e-300, float(np.linalg.norm(coordinates))))
    moves: dict[Node, Array] = dict(zip(problem.unknown_directions, tensors, strict=True))
    moves |= {d: np.zeros_like(point.values[g]) for g, d in zip(problem.givens, problem.given_directions, strict=True)}
    terms = [term for form in problem.forms for term in terms_of(form)]
    parts = evaluate_all(terms, {**point.values, **moves}, point.sizes)
    return max((float(np.linalg.norm(part)) for part in parts), default=0.0)


def rate_along_free_directions(
    problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int], cotangents: Sequence[Array]
) -> float:
    """The largest rate at which `Re⟨G, Y⟩` changes along directions of unit length that the equations leave free."""
    system = linear_system(problem, values, sizes)
    moved = [tensors_of(system, free) for free in free_directions(system)]
    if not moved:
        return 0.0
    flat = np.stack([np.concatenate([np.ravel(part) for part in parts]) for parts in moved])
    arrived = np.concatenate([np.ravel(cotangent) for cotangent in cotangents])
    frame, _ = np.linalg.qr(np.concatenate([np.real(flat), np.imag(flat)], axis=1).T)
    return float(np.linalg.norm(frame.T @ np.concatenate([np.real(arrived), np.imag(arrived)])))


def tensors_of(system: LinearSystem, coordinates: Array) -> tuple[Array, ...]:
    """The unknowns' directions that coordinates stand for."""
    found: list[Array] = []
    start = 0
    for basis in system.bases:
        part = coordinates[start : start + len(basis)]
        found.append(np.tensordot(part, basis, axes=(0, 0)))
        start += len(basis)
    return tuple(found)


def _direction_basis(unknown: Symbol, value: Array) -> Array:
    """The directions of an unknown: its linear space; all of them where a constraint restricts it."""
    space = Space.FREE if is_orthonormal(unknown) else tangent_space(unknown.facts)
    return space_basis(space, value.shape, not unknown.real)


def real_rows(problem: Problem, parts: Sequence[Array], columns: int | None = None) -> list[Array]:
    """The sides of the equations as rows of real numbers, real and imaginary parts one after the other.

    Args:
        problem: the equations; those of a gauge are last, and may be left out.
        parts: their sides, or stacks of them along a last axis.
        columns: the number of sides in a stack.
    """
    rows = [np.ravel(part) if columns is None else part.reshape(-1, columns) for part in parts]
    kinds = zip(rows, problem.real_equations, strict=False)
    return [np.real(r) if real else np.concatenate([np.real(r), np.imag(r)]) for r, real in kinds]

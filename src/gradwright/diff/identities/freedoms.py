"""The directions that an identity leaves free, by a name if they are one of the usual families."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.nodes import Node, Symbol
from gradwright.diff.identities.linearised import LinearSystem, tensors_of
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.solution_points import SolutionPoint


def free_words(problem: Problem, point: SolutionPoint, system: LinearSystem, free: Array) -> str:
    """The free directions by a name, if they are one of the usual families."""
    start = 0
    involved: list[str] = []
    for unknown, basis in zip(problem.unknowns, system.bases, strict=True):
        part = free[:, start : start + len(basis)]
        start += len(basis)
        if largest(part) > 1e-8:
            involved.append(unknown.name)
    if len(problem.unknowns) != 1:
        flat = np.stack([np.concatenate([np.ravel(part) for part in tensors_of(system, row)]) for row in free])
        families = _joint_families(problem, point, system)
        named = next((words for words, family in families if _same_span(flat, family)), "")
        moves = "it moves" if len(free) == 1 else "they move"
        return f": {named}" if named else f" ({moves} {' and '.join(involved)})"
    unknown = problem.unknowns[0]
    tensors = np.tensordot(free, system.bases[0], axes=(1, 0))
    for words, family in _families(unknown, point, system.bases[0]):
        if len(family) and _same_span(tensors.reshape(len(tensors), -1), family.reshape(len(family), -1)):
            return f": {words}"
    return ""


def _joint_families(problem: Problem, point: SolutionPoint, system: LinearSystem) -> Iterator[tuple[str, Array]]:
    """Families of directions that move one unknown, or two against each other, and have a name."""
    unknowns = problem.unknowns
    for unknown, basis in zip(unknowns, system.bases, strict=True):
        for words, family in _families(unknown, point, basis):
            if len(family):
                yield words, _beside(problem, point, {unknown: family})
    for first, second in permutations(unknowns, 2):
        for words, *moves in _families_of_two(first.name, point.values[first], second.name, point.values[second]):
            yield words, _beside(problem, point, dict(zip((first, second), moves, strict=True)))


def _families_of_two(x: str, a: Array, y: str, b: Array) -> Iterator[tuple[str, Array, Array]]:
    """Families that move two unknowns with the values a and b: their words, and the directions of each."""
    pair = f"'{x}' and '{y}' may be replaced by"
    if a.shape == b.shape:
        units = np.eye(a.size).reshape(a.size, *a.shape)
        yield f"what is added to '{x}' may be taken from '{y}'", units, -units
        if a.ndim:
            yield f"{pair} c ∘ {x} and {y} / c with any numbers c", units * a, -units * b
    yield f"{pair} c {x} and {y} / c with any number c", a[None], -b[None]
    yield f"'{x}' and '{y}' may be scaled together", a[None], b[None]
    if a.ndim == b.ndim == 1:
        words = f"a number may be added to every entry of '{x}' and taken from '{y}'"
        yield words, np.ones((1, len(a))), -np.ones((1, len(b)))
    if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1]:
        skew = _skew_units(a.shape[1])
        yield f"{pair} {x} Q and {y} Q with any orthogonal Q", a @ skew, b @ skew
    if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]:
        units = _matrix_units(len(b))
        diagonal = units[:: len(b) + 1]
        yield f"{pair} {x} M and M⁻¹ {y} with any invertible M", a @ units, -units @ b
        yield f"{pair} {x} D and D⁻¹ {y} with any invertible diagonal D", a @ diagonal, -diagonal @ b
        phases = 1j * diagonal
        yield f"{pair} {x} D and D⁻¹ {y} with any diagonal matrix D of phases", a @ phases, -phases @ b


def _beside(problem: Problem, point: SolutionPoint, moves: Mapping[Node, Array]) -> Array:
    """Directions of all unknowns, end to end; those that are not named stand still."""
    count = len(next(iter(moves.values())))
    still = {u: np.zeros((count, *point.values[u].shape)) for u in problem.unknowns}
    return np.concatenate([{**still, **moves}[u].reshape(count, -1) for u in problem.unknowns], axis=1)


def _families(unknown: Symbol, point: SolutionPoint, basis: Array) -> Iterator[tuple[str, Array]]:
    """Families of directions that have a name, all of an unknown's first."""
    value, name = point.values[unknown], unknown.name
    yield f"every direction of '{name}'", basis
    yield f"'{name}' may be scaled", value[None]
    if not unknown.real:
        yield from _complex_families(value, name)
    yield from _kernels(unknown, point)
    if value.ndim == 2:
        yield from _turned_and_scaled(value, name)
        yield from _beside_givens(unknown, point)


def _turned_and_scaled(value: Array, name: str) -> Iterator[tuple[str, Array]]:
    """What moves the rows or the columns of a matrix alone."""
    rows, columns = value.shape
    replaced = f"'{name}' may be replaced by"
    turned = f"{replaced} {name} Q with any orthogonal Q (the directions {name} Ω, Ω skew)"
    yield turned, value @ _skew_units(columns)
    turned = f"{replaced} Q {name} with any orthogonal Q (the directions Ω {name}, Ω skew)"
    yield turned, _skew_units(rows) @ value
    of_columns, of_rows = _matrix_units(columns)[:: columns + 1], _matrix_units(rows)[:: rows + 1]
    if np.iscomplexobj(value):
        yield f"the columns of '{name}' may be turned by phases", value @ (1j * of_columns)
        yield f"the rows of '{name}' may be turned by phases", (1j * of_rows) @ value
    yield f"the columns of '{name}' may be scaled", value @ of_columns
    yield f"the rows of '{name}' may be scaled", of_rows @ value


def _beside_givens(unknown: Symbol, point: SolutionPoint) -> Iterator[tuple[str, Array]]:
    """What keeps a given quadratic form, or commutes with a given matrix."""
    value, name = point.values[unknown], unknown.name
    rows, columns = value.shape
    for given in [s for s in point.values if isinstance(s, Symbol) and s is not unknown]:
        matrix = point.values[given]
        if "symmetric" in given.facts and np.linalg.cond(matrix) < 1e8:
            kept = f"with any Q for which Qᵀ {given.name} Q = {given.name}"
            turns = np.linalg.solve(matrix, _skew_units(len(matrix)))
            if len(matrix) == columns:
                yield f"'{name}' may be replaced by {name} Q {kept}", value @ turns
            if len(matrix) == rows:
                yield f"'{name}' may be replaced by Q {name} {kept}", turns @ value
        if matrix.shape == (rows, rows) == value.shape:
            powers = np.stack([np.linalg.matrix_power(matrix, k) for k in range(rows)])
            yield f"any polynomial in {given.name}, which is what commutes with it, may be added", powers


def _complex_families(value: Array, name: str) -> Iterator[tuple[str, Array]]:
    """What an equation between real numbers, or moduli, does not see of a complex unknown."""
    units = np.eye(value.size).reshape(value.size, *value.shape)
    yield f"the imaginary part of '{name}'", 1j * units
    yield f"the real part of '{name}'", units
    yield f"'{name}' may be turned by a phase", 1j * value[None]
    yield f"every entry of '{name}' may be turned by a phase", 1j * units * value
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        mirrored = np.swapaxes(units, 1, 2)
        yield f"the skew-Hermitian part of '{name}'", np.concatenate([units - mirrored, 1j * (units + mirrored)])
        yield f"the Hermitian part of '{name}'", np.concatenate([units + mirrored, 1j * (units - mirrored)])


def _kernels(unknown: Symbol, point: SolutionPoint) -> Iterator[tuple[str, Array]]:
    """What a given matrix or vector, or the unknown itself, does not see of the unknown."""
    value, name = point.values[unknown], unknown.name
    if value.ndim == 1:
        yield f"'{name}' may be turned, its length kept", _null_space(value[None])
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        units = _matrix_units(len(value))
        yield f"the skew part of '{name}'", _skew_units(len(value))
        yield f"the symmetric part of '{name}'", units + np.swapaxes(units, 1, 2)
    for given in [s for s in point.values if isinstance(s, Symbol) and s is not unknown]:
        matrix = point.values[given]
        if value.ndim == 1 and matrix.shape == value.shape:
            yield f"'{name}' may be moved orthogonally to {given.name}", _null_space(matrix[None])
        if matrix.ndim != 2 or not value.ndim:
            continue
        if matrix.shape[1] == value.shape[0]:
            kernel, rest = _null_space(matrix), np.eye(value.size // value.shape[0])
            family = np.einsum("ki,lj->klij", kernel, rest).reshape(len(kernel) * len(rest), *value.shape)
            yield f"'{name}' may be moved along the directions D with {given.name} D = 0", family
        if value.ndim == 2 and matrix.shape[0] == value.shape[1]:
            kernel, rest = _null_space(matrix.T), np.eye(len(value))
            family = np.einsum("kj,li->klij", kernel, rest).reshape(len(kernel) * len(rest), *value.shape)
            yield f"'{name}' may be moved along the directions D with D {given.name} = 0", family


def _null_space(matrix: Array) -> Array:
    """A basis of what a matrix maps to zero, one vector in each row."""
    return np.linalg.svd(matrix)[2][len(matrix) :]


def _matrix_units(order: int) -> Array:
    return np.eye(order * order).reshape(order * order, order, order)


def _skew_units(order: int) -> Array:
    """The skew matrices that span all of an order, some of them twice."""
    units = _matrix_units(order)
    return units - np.swapaxes(units, 1, 2)


def _same_span(left: Array, right: Array) -> bool:
    left, right = (np.concatenate([np.real(m), np.imag(m)], axis=1) for m in (left, right))
    ranks = [np.linalg.matrix_rank(m, tol=1e-7) for m in (left, right, np.concatenate([left, right]))]
    return ranks[0] == ranks[1] == ranks[2]

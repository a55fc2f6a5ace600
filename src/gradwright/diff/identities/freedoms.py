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
        a, b = point.values[first], point.values[second]
        pair = f"'{first.name}' and '{second.name}' may be replaced by"
        if a.shape == b.shape:
            units = np.eye(a.size).reshape(a.size, *a.shape)
            opposite = _beside(problem, point, {first: units, second: -units})
            yield f"what is added to '{first.name}' may be taken from '{second.name}'", opposite
            opposite = _beside(problem, point, {first: units * a, second: -units * b})
            if a.ndim:
                yield f"{pair} c ∘ {first.name} and {second.name} / c with any numbers c", opposite
        scaled = _beside(problem, point, {first: a[None], second: -b[None]})
        yield f"{pair} c {first.name} and {second.name} / c with any number c", scaled
        scaled = _beside(problem, point, {first: a[None], second: b[None]})
        yield f"'{first.name}' and '{second.name}' may be scaled together", scaled
        if a.ndim == b.ndim == 1:
            shifted = _beside(problem, point, {first: np.ones((1, len(a))), second: -np.ones((1, len(b)))})
            yield f"a number may be added to every entry of '{first.name}' and taken from '{second.name}'", shifted
        if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1]:
            units = _matrix_units(a.shape[1])
            skew = units - np.swapaxes(units, 1, 2)
            turned = _beside(problem, point, {first: a @ skew, second: b @ skew})
            yield f"{pair} {first.name} Q and {second.name} Q with any orthogonal Q", turned
        if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]:
            units = _matrix_units(b.shape[0])
            for kind, inner in (("M", units), ("diagonal D", units[:: len(b) + 1])):
                letter = kind[-1]
                family = _beside(problem, point, {first: a @ inner, second: -inner @ b})
                yield f"{pair} {first.name} {letter} and {letter}⁻¹ {second.name} with any invertible {kind}", family
            phases = 1j * units[:: len(b) + 1]
            family = _beside(problem, point, {first: a @ phases, second: -phases @ b})
            yield f"{pair} {first.name} D and D⁻¹ {second.name} with any diagonal matrix D of phases", family


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
    if value.ndim != 2:
        return
    rows, columns = value.shape
    right, left = _matrix_units(columns), _matrix_units(rows)
    skew_right = right - np.swapaxes(right, 1, 2)
    skew_left = left - np.swapaxes(left, 1, 2)
    yield (
        f"'{name}' may be replaced by {name} Q with any orthogonal Q (the directions {name} Ω, Ω skew)",
        value @ skew_right,
    )
    yield (
        f"'{name}' may be replaced by Q {name} with any orthogonal Q (the directions Ω {name}, Ω skew)",
        skew_left @ value,
    )
    diagonal_right = right[:: columns + 1]
    diagonal_left = left[:: rows + 1]
    if np.iscomplexobj(value):
        yield f"the columns of '{name}' may be turned by phases", value @ (1j * diagonal_right)
        yield f"the rows of '{name}' may be turned by phases", (1j * diagonal_left) @ value
    yield f"the columns of '{name}' may be scaled", value @ diagonal_right
    yield f"the rows of '{name}' may be scaled", diagonal_left @ value
    for given in [s for s in point.values if isinstance(s, Symbol) and s is not unknown]:
        matrix = point.values[given]
        if "symmetric" in given.facts and np.linalg.cond(matrix) < 1e8:
            kept = f"with any Q for which Qᵀ {given.name} Q = {given.name}"
            if len(matrix) == columns:
                yield f"'{name}' may be replaced by {name} Q {kept}", value @ np.linalg.solve(matrix, skew_right)
            if len(matrix) == rows:
                yield f"'{name}' may be replaced by Q {name} {kept}", np.linalg.solve(matrix, skew_left) @ value
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
        skew = units - np.swapaxes(units, 1, 2)
        yield f"the skew part of '{name}'", skew
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


def _same_span(left: Array, right: Array) -> bool:
    left, right = (np.concatenate([np.real(m), np.imag(m)], axis=1) for m in (left, right))
    ranks = [np.linalg.matrix_rank(m, tol=1e-7) for m in (left, right, np.concatenate([left, right]))]
    return ranks[0] == ranks[1] == ranks[2]

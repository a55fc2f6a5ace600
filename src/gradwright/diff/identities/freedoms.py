"""The directions that an identity leaves free, by a name if they are one of the usual families."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, permutations

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.contraction import is_zero, zero
from gradwright.core.nodes import Node, Symbol
from gradwright.core.spaces import Space, tangent_space
from gradwright.core.walks import substitute
from gradwright.diff.identities.frames import is_orthonormal
from gradwright.diff.identities.linearised import LinearSystem, tensors_of
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.solution_points import SolutionPoint
from gradwright.simplify.pipeline import simplify

Shown = Callable[[Node], str]
LONGEST = 200


def free_words(problem: Problem, point: SolutionPoint, system: LinearSystem, free: Array, shown: Shown) -> str:
    """The free directions by a name, if they are one or two of the usual families, else by what they satisfy."""
    flat = np.stack([np.concatenate([np.ravel(part) for part in tensors_of(system, row)]) for row in free])
    named = _names_of(flat, _all_families(problem, point, system)) or _equations_of(problem, shown)
    if named or len(problem.unknowns) == 1:
        return f": {named}" if named else ""
    moved = _split_at(flat, [point.values[u].size for u in problem.unknowns])
    involved = [u.name for u, part in zip(problem.unknowns, moved, strict=True) if largest(part) > 1e-8]
    return f" ({'it moves' if len(free) == 1 else 'they move'} {' and '.join(involved)})"


def _equations_of(problem: Problem, shown: Shown) -> str:
    """The differentiated equations with the inputs held, which are those of the free directions; nothing if long."""
    held: dict[Node, Node] = {direction: zero(direction.shape) for direction in problem.given_directions}
    forms = [simplify(substitute(form, held)) for form in problem.forms]
    texts = [f"{shown(form)} = 0" for form in forms if not is_zero(form)]
    moving = [_moving(unknown) for unknown in problem.unknowns]
    words = f"all {', '.join(moving)} with {' and '.join(dict.fromkeys(texts))}"
    return words if len(words) <= LONGEST else ""


def _moving(unknown: Symbol) -> str:
    """An unknown's direction, and the space in which it lies."""
    space = Space.FREE if is_orthonormal(unknown) else tangent_space(unknown.facts)
    return f"d{unknown.name}" + ("" if space is Space.FREE else f" ({space})")


def _split_at(flat: Array, sizes: Sequence[int]) -> list[Array]:
    return np.split(flat, np.cumsum(sizes)[:-1], axis=1)


def _names_of(free: Array, families: Iterable[tuple[str, Array]]) -> str:
    """The first family that spans the free directions; else two that do so together."""
    inside: list[tuple[str, Array]] = []
    for words, family in families:
        contained, as_large = _compared(family, free)
        if contained and as_large:
            return words
        inside += [(words, family)] if contained else []
    pairs = combinations(sorted(inside, key=lambda named: -_rank(named[1])), 2)
    return next(
        (f"{a}, and {b}" for (a, one), (b, other) in pairs if _compared(np.concatenate([one, other]), free)[1]), ""
    )


def _compared(family: Array, free: Array) -> tuple[bool, bool]:
    """Whether a family, if there is one, lies among the free directions, and whether it spans as much."""
    rank, least = _rank(free), _rank(family)
    return bool(least) and _rank(np.concatenate([family, free])) == rank, least == rank


def _rank(family: Array) -> int:
    return int(np.linalg.matrix_rank(np.concatenate([np.real(family), np.imag(family)], axis=1), tol=1e-7))


def _all_families(problem: Problem, point: SolutionPoint, system: LinearSystem) -> Iterator[tuple[str, Array]]:
    """Families that move one unknown, then those that move two."""
    for unknown, basis in zip(problem.unknowns, system.bases, strict=True):
        for words, family in _families(unknown, point, basis):
            if len(family):
                yield words, _beside(problem, point, {unknown: family})
    yield from _joint_families(problem, point)


def _joint_families(problem: Problem, point: SolutionPoint) -> Iterator[tuple[str, Array]]:
    """Families of directions that move two unknowns against each other, and have a name."""
    for first, second in permutations(problem.unknowns, 2):
        a, b = point.values[first], point.values[second]
        for words, one, other in _opposite(first.name, second.name, a, b):
            yield words, _beside(problem, point, {first: one, second: other})


def _opposite(x: str, y: str, a: Array, b: Array) -> Iterator[tuple[str, Array, Array]]:
    """How an unknown moves by whose motion another one may be undone: words, and the directions of both."""
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
    if a.ndim == b.ndim == 1 and a.shape == b.shape:
        units, M = _matrix_units(len(a)), _letter("M", x, y)
        yield f"{pair} {M} {x} and {M}⁻ᵀ {y} with any invertible {M}", units @ a, -np.swapaxes(units, 1, 2) @ b
    if a.ndim == b.ndim == 2:
        yield from _opposite_matrices(pair, x, y, a, b)


def _opposite_matrices(pair: str, x: str, y: str, a: Array, b: Array) -> Iterator[tuple[str, Array, Array]]:
    Q, M, D = (_letter(letter, x, y) for letter in "QMD")
    units = _matrix_units(a.shape[1])
    skew, phases = units - np.swapaxes(units, 1, 2), 1j * units[:: a.shape[1] + 1]
    turned, turning = f"with any orthogonal {Q}", f"with any diagonal matrix {D} of phases"
    if a.shape[1] == b.shape[1]:
        yield f"{pair} {x} {Q} and {y} {Q} {turned}", a @ skew, b @ skew
        yield f"{pair} {x} {D} and {y} {D} {turning}", a @ phases, b @ phases
    if a.shape[1] == b.shape[0]:
        yield f"{pair} {x} {M} and {M}⁻¹ {y} with any invertible {M}", a @ units, -units @ b
        diagonal = units[:: a.shape[1] + 1]
        yield f"{pair} {x} {D} and {D}⁻¹ {y} with any invertible diagonal {D}", a @ diagonal, -diagonal @ b
        yield f"{pair} {x} {D} and {D}⁻¹ {y} {turning}", a @ phases, -phases @ b
        yield f"{pair} {x} {Q} and {Q}ᵀ {y} {turned}", a @ skew, -skew @ b
    if a.shape[1] == b.shape[0] == b.shape[1]:
        words = f"{pair} {x} {M} and {M}⁻¹ {y} {M} with any invertible {M}"
        yield words, a @ units, b @ units - units @ b
        yield f"{pair} {x} {Q} and {Q}ᵀ {y} {Q} {turned}", a @ skew, b @ skew - skew @ b


def _letter(usual: str, *taken: str) -> str:
    """A letter for a matrix that is none of the names."""
    return next(letter for letter in (usual, *"OTWZN") if letter not in taken)


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
    yield from _of_one_number(value, name, basis)
    if not unknown.real:
        yield from _complex_families(value, name)
    yield from _kernels(unknown, point)
    if value.ndim != 2:
        return
    rows, columns = value.shape
    right, left = _matrix_units(columns), _matrix_units(rows)
    skew_right = right - np.swapaxes(right, 1, 2)
    skew_left = left - np.swapaxes(left, 1, 2)
    Q = _letter("Q", name, *(s.name for s in point.values if isinstance(s, Symbol)))
    by, turned = f"'{name}' may be replaced by", f"with any orthogonal {Q} (the directions"
    yield f"{by} {name} {Q} {turned} {name} Ω, Ω skew)", value @ skew_right
    yield f"{by} {Q} {name} {turned} Ω {name}, Ω skew)", skew_left @ value
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
            kept = f"with any {Q} for which {Q}ᵀ {given.name} {Q} = {given.name}"
            if len(matrix) == columns:
                yield f"{by} {name} {Q} {kept}", value @ np.linalg.solve(matrix, skew_right)
            if len(matrix) == rows:
                yield f"{by} {Q} {name} {kept}", np.linalg.solve(matrix, skew_left) @ value
        if matrix.shape == (rows, rows) == value.shape:
            powers = np.stack([np.linalg.matrix_power(matrix, k) for k in range(rows)])
            yield f"any polynomial in {given.name}, which is what commutes with it, may be added", powers


def _of_one_number(value: Array, name: str, basis: Array) -> Iterator[tuple[str, Array]]:
    """What a sum, a trace or a determinant does not see of an unknown, and what does not see one that is added."""
    if not value.ndim:
        return
    along = f"'{name}' may be moved along the directions D with"
    yield f"a number may be added to every entry of '{name}'", np.ones((1, *value.shape))
    yield f"{along} sum(D) = 0", _level(np.ones(value.shape), basis)
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        yield f"{along} tr(D) = 0", _level(np.eye(len(value)), basis)
        if np.linalg.cond(value) < 1e8:
            yield f"{along} tr({name}⁻¹ D) = 0", _level(np.linalg.inv(value).T, basis)


def _level(gradient: Array, basis: Array) -> Array:
    """The directions of a space along which a linear function does not change."""
    slopes = np.tensordot(basis, gradient, axes=gradient.ndim)
    return np.tensordot(
        _null_space(np.stack([np.real(slopes), np.imag(slopes)])[: 1 + np.iscomplexobj(slopes)]), basis, 1
    )


def _complex_families(value: Array, name: str) -> Iterator[tuple[str, Array]]:
    """What an equation between real numbers, or moduli, does not see of a complex unknown."""
    units = np.eye(value.size).reshape(value.size, *value.shape)
    yield f"the imaginary part of '{name}'", 1j * units
    yield f"the real part of '{name}'", units
    yield f"'{name}' may be turned by a phase", 1j * value[None]
    yield f"'{name}' may be multiplied by any complex number", np.stack([value, 1j * value])
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

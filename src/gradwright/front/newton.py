"""Newton's method as the forward function of a primitive that has no other: it solves the identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gradwright.core.arithmetic import Array, as_returned
from gradwright.core.dims import lengths
from gradwright.core.nodes import Node
from gradwright.core.points import draw
from gradwright.diff.identities.declared_sets import first_outside
from gradwright.diff.identities.newton import newton
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.residuals import relative_residual
from gradwright.diff.identities.solution_points import SolutionPoint
from gradwright.errors import ConditionError
from gradwright.frozen import frozen

RANDOM_STARTS = 5
LEAPS = 5
SOLVED = 1e-9
MOST_PIECES = 12


@frozen(eq=False)
class NewtonSolver:
    """A forward function that solves an identity by Newton's method.

    Attributes:
        problem: the identity.
        start: a function of the givens to the first guess; None for the usual starting points.
        known: a solution, which is one of the usual starting points at inputs of its sizes.
        start_name: the dotted name of that function in NumPy or SciPy, by which a file can call it, if it has one.
    """

    problem: Problem
    start: Callable[..., tuple[Array, ...]] | None
    known: SolutionPoint
    start_name: str = ""

    def __call__(self, *arrays: Array) -> Any:
        """The unknowns, in order; the unknown itself if there is only one."""
        parts = _remembered(self, tuple((a.tobytes(), a.dtype.str, a.shape) for a in map(np.asarray, arrays)))
        return as_returned(tuple(part.copy() for part in parts))

    def found(self, *arrays: Array) -> tuple[Array, ...]:
        """The unknowns, computed anew."""
        problem = self.problem
        sizes = sizes_of(problem, arrays)
        givens: dict[Node, Array] = dict(zip(problem.givens, map(np.asarray, arrays), strict=True))
        outside = ""
        for guess in _guesses(problem, sizes, givens, self.start, self.known):
            values = _solved_from(problem, {**givens, **guess}, sizes)
            if values is None:
                continue
            if first_outside(problem, values) is None:
                return tuple(values[u] for u in problem.unknowns)
            outside = " in the declared sets, only others"
        raise ConditionError(
            f"{problem.name}: Newton's method found no solution of its identity{outside} at these inputs; "
            f"give forward=, or a starting point start="
        )


@lru_cache(maxsize=256)
def _remembered(solver: NewtonSolver, contents: tuple[tuple[bytes, str, tuple[int, ...]], ...]) -> tuple[Array, ...]:
    """The solution at inputs: the steps of a derivation, and its checks, ask for one and the same again and again."""
    return solver.found(*(np.frombuffer(data, dtype).reshape(shape) for data, dtype, shape in contents))


def _guesses(
    problem: Problem,
    sizes: Mapping[str, int],
    givens: Mapping[Node, Array],
    start: Callable[..., tuple[Array, ...]] | None,
    known: SolutionPoint,
) -> Iterator[Mapping[Node, Array]]:
    """The starting point that was given; else the identity, zeros, what a known solution becomes, and random ones."""
    if start is not None:  # which chooses among solutions
        yield dict(zip(problem.unknowns, start(*givens.values()), strict=True))
        return
    shapes = {u: lengths(u.shape, sizes) for u in problem.unknowns}
    kinds = {u: float if u.real else complex for u in problem.unknowns}
    plain = {u for u, s in shapes.items() if len(s) == 2 and "positive" not in u.facts}
    yield {u: (np.eye(s[0], s[1]) if u in plain else np.ones(s)).astype(kinds[u]) for u, s in shapes.items()}
    yield {u: np.zeros(s, dtype=kinds[u]) for u, s in shapes.items()}
    if all(sizes.get(name, size) == size for name, size in known.sizes.items()):
        yield _followed(problem, known, givens)
    for seed in range(RANDOM_STARTS):
        generator = np.random.default_rng(seed)
        yield {u: draw(s, u.facts, generator).astype(kinds[u]) for u, s in shapes.items()}


def _followed(problem: Problem, known: SolutionPoint, givens: Mapping[Node, Array]) -> Mapping[Node, Array]:
    """The unknowns of a known solution, followed while its inputs move straight to others, as far as they can be."""
    values, reached, step = dict(known.values), 0.0, 1.0
    for _ in range(MOST_PIECES):
        if reached == 1:
            break
        ahead = min(1.0, reached + step)
        moved = {g: known.values[g] + ahead * (value - known.values[g]) for g, value in givens.items()}
        found = _solved_from(problem, {**values, **moved}, known.sizes, leaps=0)
        if found is None or first_outside(problem, found) is not None:
            step /= 2
        else:
            values, reached, step = found, ahead, 2 * step
    return {u: values[u] for u in problem.unknowns}


def _solved_from(
    problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int], leaps: int = LEAPS
) -> dict[Node, Array] | None:
    """Where Newton's method arrives, if the equations hold there."""
    try:
        with np.errstate(all="ignore"):  # at a guess, or on the way, there may be no value
            found = newton(problem, values, sizes, leaps)
            return found if relative_residual(problem, found, sizes) < SOLVED else None
    except (ConditionError, np.linalg.LinAlgError):  # such as the inverse of 0
        return None


def sizes_of(problem: Problem, arrays: Sequence[Array]) -> dict[str, int]:
    """The sizes of the dimension names that givens have."""
    return {
        dim.name: size
        for symbol, array in zip(problem.givens, arrays, strict=True)
        for dim, size in zip(symbol.shape, np.shape(array), strict=True)
        if dim.name is not None
    }

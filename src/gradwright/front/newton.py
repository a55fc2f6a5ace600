"""Newton's method as the forward function of a primitive that has no other: it solves the identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.nodes import Node
from gradwright.core.points import draw
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.solution_points import SolutionPoint, first_outside, newton, relative_residual
from gradwright.errors import ConditionError
from gradwright.frozen import frozen


@frozen(eq=False)
class NewtonSolver:
    """A forward function that solves an identity by Newton's method.

    Attributes:
        problem: the identity.
        start: a function of the givens to the first guess; None for the usual starting points.
        known: a solution, from which the last attempt starts where there is no first guess.
        start_name: the dotted name of that function in NumPy or SciPy, by which a file can call it, if it has one.
    """

    problem: Problem
    start: Callable[..., tuple[Array, ...]] | None
    known: SolutionPoint
    start_name: str = ""

    def __call__(self, *arrays: Array) -> Any:
        """The unknowns; the unknown itself if there is only one."""
        parts = self.solve(*arrays)
        return parts[0] if len(parts) == 1 else parts

    def solve(self, *arrays: Array) -> tuple[Array, ...]:
        """The unknowns, in order."""
        problem = self.problem
        sizes = sizes_of(problem, arrays)
        givens: dict[Node, Array] = dict(zip(problem.givens, map(np.asarray, arrays), strict=True))
        outside = ""
        for guess in _guesses(problem, sizes, arrays, self.start, self.known):
            try:
                with np.errstate(all="ignore"):  # at a guess, or on the way, there may be no value
                    values = newton(problem, {**givens, **guess}, sizes)
                    residual = relative_residual(problem, values, sizes)
                if residual >= 1e-9:
                    continue
            except (ConditionError, np.linalg.LinAlgError):  # no value there, such as the inverse of 0
                continue
            if first_outside(problem, values) is None:
                return tuple(values[u] for u in problem.unknowns)
            outside = " in the declared sets, only others"
        raise ConditionError(
            f"{problem.name}: Newton's method found no solution of its identity{outside} at these inputs; "
            f"give forward=, or a starting point start="
        )


def _guesses(
    problem: Problem,
    sizes: Mapping[str, int],
    arrays: Sequence[Array],
    start: Callable[..., tuple[Array, ...]] | None,
    known: SolutionPoint,
) -> Iterator[Mapping[Node, Array]]:
    """The starting point that was given; else the identity, zeros, and a few random ones; last a known solution."""
    if start is not None:  # which chooses among solutions
        yield dict(zip(problem.unknowns, start(*arrays), strict=True))
        return
    yield from _usual_guesses(problem, sizes)
    if all(sizes.get(name, size) == size for name, size in known.sizes.items()):
        yield {u: known.values[u] for u in problem.unknowns}


def _usual_guesses(problem: Problem, sizes: Mapping[str, int]) -> Iterator[Mapping[Node, Array]]:
    shapes = {u: tuple(d.evaluate(sizes) for d in u.shape) for u in problem.unknowns}
    kinds = {u: float if u.real else complex for u in problem.unknowns}
    plain = {u for u, s in shapes.items() if len(s) == 2 and "positive" not in u.facts}
    yield {u: (np.eye(s[0], s[1]) if u in plain else np.ones(s)).astype(kinds[u]) for u, s in shapes.items()}
    yield {u: np.zeros(s, dtype=kinds[u]) for u, s in shapes.items()}
    for seed in range(5):
        generator = np.random.default_rng(seed)
        yield {u: draw(s, u.facts, generator).astype(kinds[u]) for u, s in shapes.items()}


def sizes_of(problem: Problem, arrays: Sequence[Array]) -> dict[str, int]:
    """The sizes of the dimension names that givens have."""
    return {
        dim.name: size
        for symbol, array in zip(problem.givens, arrays, strict=True)
        for dim, size in zip(symbol.shape, np.shape(array), strict=True)
        if dim.name is not None
    }

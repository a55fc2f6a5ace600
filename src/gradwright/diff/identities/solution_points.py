"""Points that satisfy an identity, in numbers.

A point is found by the forward function if there is one, else by giving the inputs that are a term of one
equation and occur nowhere else the value that makes it true, unknowns that an equation states in terms of
others that value, and by Gauss-Newton steps for the rest. Many identities have solutions only where some inputs
are small, so later attempts draw them smaller; others where a matrix is stable, as those for Gramians, so the last ones
place its eigenvalues to the left of zero. The steps are those of the linear equations of `linearised`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise, permutations

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.dims import Dim, lengths
from gradwright.core.evaluate import evaluate_all
from gradwright.core.facts import NO_FACTS, Facts
from gradwright.core.nodes import Hole, Node
from gradwright.core.points import (
    LEFT,
    choose_sizes,
    demanded_orders,
    dimension_names,
    draw,
    sample,
    shrunk,
    tangent_direction,
)
from gradwright.core.sums import subtract
from gradwright.diff.identities.declared_sets import is_in_open_set
from gradwright.diff.identities.linearised import (
    RANK_TOLERANCE,
    given_side,
    linear_system,
    real_rows,
    size_of_given_side,
    size_of_terms,
    tensors_of,
)
from gradwright.diff.identities.newton import CONVERGED, STEPS, newton, newton_step
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.residuals import relative_residual
from gradwright.diff.identities.stated_values import explicit_givens, explicit_unknowns
from gradwright.errors import ConditionError, EvaluationError
from gradwright.frozen import frozen

Forward = Callable[..., tuple[Array, ...]]
AGREES = 1e-5
STABLE = 1e-4
LARGE = 1e6
SMALLER_FROM = 2
LEFT_FROM = 8
ATTEMPTS = 10
SETTLED = 1e-3
NOTHING = 1e-6
CANCELS = 1e-8
MOST_ORDERS = 6


@frozen
class SolutionPoint:
    """Values of all symbols of a problem.

    Attributes:
        sizes: the size of every dimension name.
        values: arrays for unknowns and givens.
        residual: how far the equations are from holding, relative to their sides.
    """

    sizes: Mapping[str, int]
    values: Mapping[Node, Array]
    residual: float


def point_of(problem: Problem, values: Mapping[str, Array]) -> SolutionPoint:
    """The point that values of all symbols, by name, make."""
    symbols = (*problem.unknowns, *problem.givens)
    found: dict[Node, Array] = {s: values[s.name] for s in symbols}
    sizes = {
        dim.name: size
        for s in symbols
        for dim, size in zip(s.shape, found[s].shape, strict=True)
        if dim.name is not None
    }
    return SolutionPoint(sizes, found, relative_residual(problem, found, sizes))


def problem_sizes(problem: Problem) -> Iterator[dict[str, int]]:
    """Generic sizes for the dimension names of a problem, in every order that the facts allow.

    Last come those of which one exceeds the sum of all others, as the unknowns of an optimum that of its constraints.
    """
    nodes: list[Node] = [*problem.unknowns, *problem.givens]
    nodes += [side for e in problem.equations for side in (e.left, e.right)]
    names = sorted(dimension_names(nodes))
    orders = demanded_orders(nodes)
    tried = [[(Dim.of(a), Dim.of(b)) for a, b in pairwise(c)] for c in islice(permutations(names), MOST_ORDERS)]
    if len(names) > 2:
        tried += [[(Dim.of(name), total_of(other for other in names if other != name))] for name in names]
    for larger_first in tried:
        try:
            yield choose_sizes(names, [*orders, *larger_first])
        except EvaluationError:
            continue


def total_of(names: Iterable[str]) -> Dim:
    """The sum of some dimensions."""
    return sum(map(Dim.of, names), Dim.of(0))


def find_point(
    problem: Problem, sizes: Mapping[str, int], seed: int, forward: Forward | None, start: Forward | None = None
) -> SolutionPoint:
    """A generic point on which the identity holds, as nearly as one can be found."""
    smaller, side = SMALLER_FROM <= seed < LEFT_FROM, LEFT if seed >= LEFT_FROM else 0
    if forward is not None:
        return forward_point(problem, sizes, seed, forward, smaller=smaller, side=side)
    generator = np.random.default_rng(seed)
    values = _sampled(problem, sizes, generator, smaller, side)
    values.update(_drawn_unknowns(problem, sizes, generator))
    values.update(explicit_unknowns(problem, values, sizes))
    explicit = explicit_givens(problem, values, sizes)
    if start is not None and not explicit:
        guesses = start(*(values[g] for g in problem.givens))
        values.update(zip(problem.unknowns, guesses, strict=True))
    values.update(explicit)
    values = newton(problem, values, sizes)
    return SolutionPoint(sizes, values, relative_residual(problem, values, sizes))


def forward_point(
    problem: Problem, sizes: Mapping[str, int], seed: int, forward: Forward, *, smaller: bool, side: int = 0
) -> SolutionPoint:
    """Generic inputs, smaller ones or on another side of zero if so wanted, and what a forward function gives."""
    values = _sampled(problem, sizes, np.random.default_rng(seed), smaller, side)
    outputs = forward(*(values[g] for g in problem.givens))
    values.update(zip(problem.unknowns, outputs, strict=True))
    return SolutionPoint(sizes, values, relative_residual(problem, values, sizes))


def _sampled(
    problem: Problem, sizes: Mapping[str, int], generator: np.random.Generator, smaller: bool, side: int = 0
) -> dict[Node, Array]:
    """Values of the inputs."""
    values: dict[Node, Array] = {}
    for given in problem.givens:
        value = sample(given, sizes, generator, side)
        values[given] = shrunk(value, given.facts, generator) if smaller else value
    return values


def is_stable(problem: Problem, point: SolutionPoint) -> bool:
    """Whether the equations still nearly hold, and hardly move otherwise, when everything is rounded differently.

    A matrix that is singular at these sizes has a square root, and no derivative of it.
    """
    generator = np.random.default_rng(5)
    nudged: dict[Node, Array] = {}
    for node, value in point.values.items():
        nudged[node] = value + 1e-10 * value * draw(value.shape, NO_FACTS, generator)
    moves: dict[Node, Array] = {
        d: tangent_direction(g, point.values[g], generator)
        for g, d in zip(problem.givens, problem.given_directions, strict=True)
    }
    problem = problem.without_gauge
    try:
        if not relative_residual(problem, nudged, point.sizes) < 1e-6:
            return False
        systems = [linear_system(problem, at, point.sizes) for at in (point.values, nudged)]
        sides = [given_side(problem, at, point.sizes, moves) for at in (point.values, nudged)]
        terms = size_of_given_side(problem, point.values, point.sizes, moves)
        terms += size_of_terms(problem, systems[0], point)
    except (ConditionError, np.linalg.LinAlgError):  # no value there
        return False
    if terms <= LARGE * max(map(largest, point.values.values())):  # what changes then is left of terms that cancel
        return True
    pairs = (sides, [system.matrix for system in systems])
    return all(largest(after - before) <= STABLE * largest(before) for before, after in pairs)


def is_settled(problem: Problem, point: SolutionPoint) -> bool:
    """Whether another step of Newton's method would stay near: not where equations hold in a limit only.

    At `1 / x = 0` or `x³ = 0` the sides come as near to each other as one likes, and every step changes x by a fraction
    of itself. What is declared positive, or positive definite, is measured by itself: `S → 0` in one direction is such
    a limit, too, where S has an inverse in the equations.
    """
    step = newton_step(problem.without_gauge, point.values, point.sizes, RANK_TOLERANCE)
    return all(_is_small(step[u], point.values[u], u.facts) for u in problem.unknowns)


def _is_small(move: Array, value: Array, facts: Facts) -> bool:
    """Whether a step is small beside a value: entry by entry if these are positive, in the metric of an spd matrix."""
    if not is_in_open_set(value, facts):
        return largest(move) <= SETTLED * largest(value) + NOTHING
    if "spd" in facts:
        inverse = np.linalg.inv(np.linalg.cholesky((value + value.conj().T) / 2))
        return largest(inverse @ move @ inverse.conj().T) <= SETTLED
    if "positive" in facts:
        return bool(np.all(np.abs(move) <= SETTLED * value))
    return largest(move) <= SETTLED * largest(value) + NOTHING


def directions_at(problem: Problem, point: SolutionPoint, moves: Mapping[Node, Array]) -> tuple[Array, ...]:
    """The unknowns' directions for given ones of the inputs, by least squares."""
    system = linear_system(problem, point.values, point.sizes)
    side = given_side(problem, point.values, point.sizes, moves)
    coordinates, *_ = np.linalg.lstsq(system.matrix, side, rcond=None)
    return tensors_of(system, coordinates)


def agrees(problem: Problem, differentials: Sequence[Node], point: SolutionPoint) -> bool:
    """Whether differentials found by rules are what the linear equations say at a point."""
    generator = np.random.default_rng(3)
    moves: dict[Node, Array] = {
        d: tangent_direction(g, point.values[g], generator)
        for g, d in zip(problem.givens, problem.given_directions, strict=True)
    }
    wanted = directions_at(problem, point, moves)
    try:
        found = evaluate_all(tuple(differentials), {**point.values, **moves}, point.sizes)
    except (ConditionError, np.linalg.LinAlgError):
        return False
    return all(_close(a, b) for a, b in zip(found, wanted, strict=True))


def cancel(terms: Sequence[Node], hole: Hole, point: SolutionPoint) -> bool:
    """Whether some terms in one unknown add up to zero at a point, whatever the unknown is."""
    generator = np.random.default_rng(19)
    shape = lengths(hole.shape, point.sizes)
    value = draw(shape, NO_FACTS, generator) + (0 if hole.real else 1j * draw(shape, NO_FACTS, generator))
    try:
        parts = evaluate_all(tuple(terms), {**point.values, hole: value}, point.sizes)
    except (ConditionError, np.linalg.LinAlgError):  # an inverse that does not exist there
        return False
    return largest(np.sum(parts, axis=0)) <= CANCELS * max(map(largest, parts))


def _close(found: Array, wanted: Array) -> bool:
    scale = max(largest(wanted), 1e-9)
    return bool(largest(found - wanted) <= AGREES * scale)


def nearby_solution(
    problem: Problem, centre: Mapping[Node, Array], givens: Mapping[Node, Array], sizes: Mapping[str, int]
) -> tuple[Array, ...]:
    """The solution at nearby inputs to which the unknowns move as the gauge says.

    The equations that fix the gauge are taken at the centre, and of the whole way from there: so the velocity at the
    centre satisfies them.
    """
    fixing = tuple(subtract(e.left, e.right) for e in problem.gauge)
    fixed = linear_system(problem, centre, sizes)
    rows = fixed.matrix[len(linear_system(problem.without_gauge, centre, sizes).matrix) :]
    current = {**centre, **givens}
    for _ in range(STEPS):
        gone = {problem.directions[s]: current[s] - centre[s] for s in problem.directions}
        system = linear_system(problem.without_gauge, current, sizes)
        gaps = (*evaluate_all(problem.gaps, current, sizes), *evaluate_all(fixing, {**centre, **gone}, sizes))
        side = -np.concatenate(real_rows(problem, gaps))
        coordinates, *_ = np.linalg.lstsq(np.concatenate([system.matrix, rows]), side, rcond=None)
        steps = zip(problem.unknowns, tensors_of(system, coordinates), strict=True)
        current = {**current, **{u: current[u] + step for u, step in steps}}
        if float(np.linalg.norm(coordinates)) < CONVERGED * 1e-1:  # what is missed need not vanish: a fixed length, say
            break
    return tuple(current[u] for u in problem.unknowns)


def _drawn_unknowns(problem: Problem, sizes: Mapping[str, int], generator: np.random.Generator) -> dict[Node, Array]:
    shapes = {u: lengths(u.shape, sizes) for u in problem.unknowns}
    return {u: draw(shapes[u], u.facts, generator) for u in problem.unknowns}

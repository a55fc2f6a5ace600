"""Whether an identity defines its unknowns: what is free, what is too much, what never holds.

Counting entries is not enough (`Y X = X Y` has as many equations as unknowns and leaves n directions
free), so the rank of the linear equations is tested at generic solution points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.contraction import is_zero
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Direction, Node
from gradwright.core.points import tangent_direction
from gradwright.core.sums import subtract
from gradwright.core.walks import free_leaves
from gradwright.diff.identities.asked import Definition
from gradwright.diff.identities.declared_sets import first_outside
from gradwright.diff.identities.frames import is_orthonormal
from gradwright.diff.identities.freedoms import free_words
from gradwright.diff.identities.linearised import (
    LinearSystem,
    free_directions,
    given_side,
    linear_system,
    size_of_given_side,
    size_of_terms,
)
from gradwright.diff.identities.problem import Equation, Problem
from gradwright.diff.identities.solution_points import (
    ATTEMPTS,
    LARGE,
    LEFT_FROM,
    Forward,
    SolutionPoint,
    find_point,
    forward_point,
    is_settled,
    is_stable,
    problem_sizes,
    total_of,
)
from gradwright.diff.identities.unsolved import (
    HOLDS,
    declared_real,
    failure,
    listed,
    names_of,
    outside_words,
    with_sizes,
    without_solution,
)
from gradwright.errors import GradwrightError, IdentityError
from gradwright.simplify.pipeline import simplify

# The sides of zero on which further points lie, at which a forward function is tried.
FURTHER_SIDES = (0, 1, 0, 2, 0, 0)


def require_determined(asked: Definition) -> tuple[tuple[tuple[str, str], ...], tuple[SolutionPoint, ...]]:
    """Check that an identity determines its unknowns.

    Returns:
        The order of the sizes at which it does, as pairs of a name and another, or a sum of others, that is no larger
        (empty if any order serves), and generic points at which it holds.

    Raises:
        IdentityError: the identity is trivial, has no solution, leaves directions free, contradicts
            itself when an input moves, or does not hold for the forward function.
    """
    _require_content(asked.problem, asked.texts)
    failures: list[IdentityError] = []
    failed: list[Mapping[str, int]] = []
    all_sizes = list(problem_sizes(asked.problem))
    for place, sizes in enumerate(all_sizes):
        try:
            points = _determined_at(asked, sizes)
        except IdentityError as error:
            failures.append(error)
            failed.append(sizes)
            continue
        others = [sizes for sizes in all_sizes[place + 1 :] if not _exceeding(sizes)]
        if exceeding := _exceeding(sizes):
            return ((exceeding, _exceeded(asked, sizes)),), points
        free = [other for other in others if _leaves_free(asked, other)]
        return _orders(sizes, [other for other in others if other not in free], [*failed, *free]), points
    raise max(failures, key=_said_first)


def _said_first(error: IdentityError) -> int:
    """Of what is wrong at several orders of the sizes, directions left free say most, and an input not taken least."""
    return 2 if isinstance(error, UnderdeterminedError) else 0 if isinstance(error, ForwardFailedError) else 1


def _exceeding(sizes: Mapping[str, int]) -> str:
    """The name whose size exceeds the sum of all others, if there are several; empty if there is none."""
    largest = max(sizes, key=lambda name: sizes[name], default="")
    return largest if len(sizes) > 2 and 2 * sizes[largest] > sum(sizes.values()) else ""


def _exceeded(asked: Definition, sizes: Mapping[str, int]) -> str:
    """The sum of the sizes that have to be smaller together: without those that may be the largest."""
    largest = _exceeding(sizes)
    needed = [name for name in sizes if name != largest]
    for name in needed[:] if len(needed) > 2 else ():
        try:
            _determined_at(asked, {**sizes, name: sizes[largest] + 1})
        except IdentityError:
            continue
        needed.remove(name)
    return str(total_of(needed))


def _leaves_free(asked: Definition, sizes: Mapping[str, int]) -> bool:
    """Whether directions are seen to be free at other sizes; where no point is found, nothing is seen."""
    try:
        point = find_point(asked.problem, sizes, 0, asked.forward, asked.start)
        system = linear_system(asked.problem, point.values, sizes)
    except (GradwrightError, np.linalg.LinAlgError, ArithmeticError, ValueError):
        return False
    return point.residual < HOLDS and bool(len(free_directions(system)))


def _orders(
    serving: Mapping[str, int], also: Sequence[Mapping[str, int]], failed: Sequence[Mapping[str, int]]
) -> tuple[tuple[str, str], ...]:
    """What the sizes that serve have in common, and no others; the whole order of one of them if nothing does."""
    ordered = sorted(serving, key=lambda name: -serving[name])
    common = [(a, b) for a, b in combinations(ordered, 2) if all(sizes[a] > sizes[b] for sizes in also)]
    if not failed or any(all(sizes[a] > sizes[b] for a, b in common) for sizes in failed):
        return tuple(pairwise(ordered)) if failed else ()
    needed = [(a, b) for a, b in common if any(sizes[a] < sizes[b] for sizes in failed)]
    return tuple((a, c) for a, c in needed if not any((a, b) in needed and (b, c) in needed for b in ordered))


class UnderdeterminedError(IdentityError):
    """An identity that leaves directions free."""


class ForwardFailedError(IdentityError):
    """A forward function that fails at generic inputs of some sizes, as one for tall matrices does at wide ones."""


def _determined_at(asked: Definition, sizes: Mapping[str, int]) -> tuple[SolutionPoint, ...]:
    first = _solution(asked, sizes)
    _require_nonzero(asked.problem, asked.texts, first)
    _require_gauge(asked.problem, first)
    further = () if asked.forward is None else _further_points(asked, sizes, asked.forward)
    points = (first, *further)
    for point in points:
        system = linear_system(asked.problem, point.values, point.sizes)
        _require_rank(asked, point, system)
        _require_consistency(asked.problem, asked.texts, point, system)
    return points


def _further_points(asked: Definition, sizes: Mapping[str, int], forward: Forward) -> Iterator[SolutionPoint]:
    """Other points at which a forward function satisfies the identity, on all sides of zero.

    That it may serve for small inputs only, or fail with an error, is no fault; that it returns something else is one.
    """
    problem, texts = asked.problem, asked.texts
    failed: list[SolutionPoint] = []
    held = 1
    for seed, side in enumerate(FURTHER_SIDES, LEFT_FROM):
        point = _forward_point(problem, sizes, seed, forward, side)
        if point is None:
            continue
        if _serves(problem, point):
            held += not side
            if is_stable(problem, point) and is_settled(problem, point):
                yield point
        elif not side and not _serves(problem, _forward_point(problem, sizes, seed, forward, smaller=True)):
            failed.append(point)
    if failed:
        raise IdentityError(
            f"{problem.name}: the forward function satisfies {listed(texts)} at {held} of {held + len(failed)} "
            f"generic points only: at another{with_sizes(failed[0])} {failure(problem, texts, failed[0])}; declare "
            f"the facts that the inputs need, or let it raise numpy.linalg.LinAlgError where it has no solution"
        )


def _forward_point(
    problem: Problem, sizes: Mapping[str, int], seed: int, forward: Forward, side: int = 0, smaller: bool = False
) -> SolutionPoint | None:
    """What a forward function gives at generic inputs; None where it fails, or nearly does."""
    try:
        point = forward_point(problem, sizes, seed, forward, smaller=smaller, side=side)
    except (GradwrightError, np.linalg.LinAlgError, ArithmeticError, ValueError):
        return None
    inputs = max(1.0, *(largest(point.values[given]) for given in problem.givens))
    return point if all(largest(point.values[u]) < LARGE * inputs for u in problem.unknowns) else None


def _serves(problem: Problem, point: SolutionPoint | None) -> bool:
    """Whether the equations hold at a point, and the unknowns lie in their declared sets."""
    return point is not None and point.residual < HOLDS and first_outside(problem, point.values) is None


def _require_content(problem: Problem, texts: tuple[str, ...]) -> None:
    for equation, text in zip(problem.equations, texts, strict=True):
        if is_zero(simplify(subtract(equation.left, equation.right))):
            raise IdentityError(
                f"{problem.name}: both sides of '{text}' are the same, so it says 0 = 0 and determines nothing"
            )
        moving = next((leaf for leaf in _leaves(equation) if isinstance(leaf, Direction)), None)
        if moving is not None:
            raise IdentityError(
                f"{problem.name}: '{text}' has the direction '{moving.name}' in it: an identity is about values, and "
                f"what chooses among directions goes to gauge="
            )
    for unknown in problem.unknowns:
        if not any(unknown in _leaves(e) for e in problem.equations):
            raise IdentityError(
                f"{problem.name}: the unknown '{unknown.name}' does not occur in {listed(texts)}, "
                f"so nothing determines it"
            )


def _leaves(equation: Equation) -> set[Node]:
    return {*free_leaves(equation.left), *free_leaves(equation.right)}


def _solution(asked: Definition, sizes: Mapping[str, int]) -> SolutionPoint:
    problem = asked.problem
    best: SolutionPoint | None = None
    vanishing: SolutionPoint | None = None
    outside: SolutionPoint | None = None
    for point in _candidates(asked, sizes):
        if point.residual < HOLDS and is_stable(problem, point) and is_settled(problem, point):
            if first_outside(problem, point.values) is not None:
                outside = point
            elif _vanish(problem, point):
                vanishing = vanishing or point
            else:
                return point
        if best is None or point.residual < best.residual:
            best = point
    if vanishing is not None:
        return vanishing
    if outside is not None:
        raise IdentityError(outside_words(asked, outside))
    raise IdentityError(f"{problem.name}: {without_solution(asked, best)}")


def _vanish(problem: Problem, point: SolutionPoint) -> bool:
    """Whether an unknown is zero there, so that another solution says more: `v = 0` for `A v = w v`."""
    return any(largest(point.values[u]) < 1e-6 for u in problem.unknowns)


def _candidates(asked: Definition, sizes: Mapping[str, int]) -> Iterator[SolutionPoint]:
    failure: Exception | None = None
    for seed in range(ATTEMPTS):
        try:
            point = find_point(asked.problem, sizes, seed, asked.forward, asked.start)
        except IdentityError:
            raise
        except (GradwrightError, np.linalg.LinAlgError, ArithmeticError, ValueError) as error:
            failure = error
            continue
        yield point
    if asked.forward is not None and failure is not None:
        raise ForwardFailedError(
            f"{asked.problem.name}: the forward function fails at generic points ({failure}); "
            f"declare the facts that its inputs need"
        ) from failure


def _require_nonzero(problem: Problem, texts: tuple[str, ...], point: SolutionPoint) -> None:
    if all(largest(point.values[u]) < 1e-6 for u in problem.unknowns):
        names = ", ".join(u.name for u in problem.unknowns)
        raise IdentityError(
            f"{problem.name}: only {names} = 0 solves {listed(texts)} at generic inputs, so that it defines "
            f"nothing; is a term missing?"
        )


def _require_rank(asked: Definition, point: SolutionPoint, system: LinearSystem) -> None:
    problem, texts = asked.problem, asked.texts
    free = free_directions(system, size_of_terms(problem, system, point))
    if not len(free):
        return
    words = free_words(problem, point, system, free, asked.shown)
    verb, are = "does" if len(texts) == 1 else "do", "is" if len(free) == 1 else "are"
    broken = _first_that_cannot_be_kept(problem, texts, point, system)
    together = "they contradict each other" if len(texts) > 1 else "it restricts the inputs"
    besides = f"; besides, {together}: when the inputs move '{broken}' cannot be kept" if broken else ""
    raise UnderdeterminedError(
        f"{problem.name}: {listed(texts)} {verb} not determine {names_of(problem)}: at a generic solution"
        f"{with_sizes(point)}, {len(free)} of {free.shape[1]} directions {are} left free{words}{besides}; "
        f"add an equation, or say in which set the unknown lives (such as lower, symmetric, spd), or choose a "
        f"direction with gauge="
    )


def _require_gauge(problem: Problem, point: SolutionPoint) -> None:
    """What fixes the gauge has to be linear in the directions, and to have something to fix."""
    if not problem.gauge:
        return
    if not len(free_directions(linear_system(problem.without_gauge, point.values, point.sizes))):
        raise IdentityError(f"{problem.name}: the identity leaves no direction free, so that gauge= has nothing to fix")
    generator = np.random.default_rng(13)
    symbols = (*problem.unknowns, *problem.givens)
    moves: list[dict[Node, Array]] = [
        {problem.directions[s]: tangent_direction(s, point.values[s], generator) for s in symbols} for _ in range(2)
    ]
    both = {d: moves[0][d] - 2 * moves[1][d] for d in moves[0]}
    for equation in problem.gauge:
        gap = subtract(equation.left, equation.right)
        first, second, total = (evaluate_all((gap,), {**point.values, **m}, point.sizes)[0] for m in (*moves, both))
        scale = max(largest(v) for v in (first, second, total))
        if not np.allclose(total, first - 2 * second, atol=1e-9 * scale) or not scale:
            raise IdentityError(
                f"{problem.name}: what fixes the gauge is an equation that is linear in directions such as "
                f"d{problem.unknowns[0].name}, and this one is not"
            )


def _require_consistency(problem: Problem, texts: tuple[str, ...], point: SolutionPoint, system: LinearSystem) -> None:
    """Moving the inputs must not contradict the equations: else there are too many of them."""
    text = _first_that_cannot_be_kept(problem, texts, point, system)
    if not text:
        return
    together = "is too much: it fixes" if len(texts) == 1 else "are too much: they fix"
    raise IdentityError(
        f"{problem.name}: {listed(texts)} {together} {names_of(problem)} at a point, but when the "
        f"inputs move '{text}' cannot be kept; an input may need a fact such as symmetric, or an equation "
        f"is one too many{declared_real(problem, ', or')}"
    )


def _first_that_cannot_be_kept(
    problem: Problem, texts: tuple[str, ...], point: SolutionPoint, system: LinearSystem
) -> str:
    """The equation that is violated most, whatever the unknowns do, when the inputs move; empty if none is."""
    generator = np.random.default_rng(11)
    moves: Mapping[Node, Array] = {
        d: tangent_direction(g, point.values[g], generator)
        for g, d in zip(problem.givens, problem.given_directions, strict=True)
    }
    at = (problem, point.values, point.sizes, moves)
    side, terms = given_side(*at), size_of_given_side(*at)
    coordinates, *_ = np.linalg.lstsq(system.matrix, side, rcond=None)
    gap = system.matrix @ coordinates - side
    if float(np.linalg.norm(gap)) <= max(1e-6 * float(np.linalg.norm(side)), 1e-9 * terms, 1e-18):
        return ""
    worst = int(np.argmax([np.linalg.norm(gap[block]) for block in system.blocks]))
    orthonormal = ["the declared orthonormality"] * sum(map(is_orthonormal, problem.unknowns))
    return [*texts, *orthonormal, *["what fixes the gauge"] * len(problem.gauge)][worst]

"""Solving an identity for the differentials of its unknowns.

Both sides are differentiated with opaque unknowns, so that no equation collapses to 0 = 0. Then every
choice of frames is tried with the rules that give closed forms; if none of them does, the equations
are left to a general linear solve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from gradwright.core.arithmetic import Array, FloatArithmetic
from gradwright.core.contraction import zero
from gradwright.core.nodes import Node
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add
from gradwright.core.walks import substitute
from gradwright.diff.identities.along_axes import isolate_along_axes
from gradwright.diff.identities.borders import border, border_surplus, with_small_equations_joined
from gradwright.diff.identities.choices import NOTHING, rewritings, stated_givens, sufficient_equations
from gradwright.diff.identities.complements import solve_normal_part, split_normal_parts
from gradwright.diff.identities.congruence import split_by_congruence
from gradwright.diff.identities.differentiated import differentiated
from gradwright.diff.identities.elimination import (
    eliminate,
    eliminate_divided,
    eliminate_explicit,
    eliminate_matrix,
    solve_two_numbers,
    without_explicit_matrices,
)
from gradwright.diff.identities.frames import Frame, direct_frames, frame_choices, recovered
from gradwright.diff.identities.functionals import border_functionals
from gradwright.diff.identities.general import among_all_matrices, solve_generally
from gradwright.diff.identities.halves import keep_half, let_stand_alone
from gradwright.diff.identities.isolate import divide, isolate, isolate_vector, strip_common_factors
from gradwright.diff.identities.null_vectors import with_numbers_alone
from gradwright.diff.identities.outer_factors import cancel_outer_factors
from gradwright.diff.identities.problem import Equation, FramePart, FrameUse, Problem, Solution, problem_of
from gradwright.diff.identities.solution_points import (
    SolutionPoint,
    agrees,
    cancel,
    find_point,
    point_of,
    problem_sizes,
)
from gradwright.diff.identities.spectral import invert_inside, invert_spectral
from gradwright.diff.identities.split import eliminate_alone, eliminate_and_substitute, split_by_entries
from gradwright.diff.identities.state import State
from gradwright.diff.identities.sylvester import bring_to_two_sides, commute, solve_sylvester
from gradwright.diff.identities.terms import holes_in, parted
from gradwright.frozen import replace
from gradwright.simplify.pipeline import simplify

Rule = Callable[[State], State | None]
RULES: tuple[Rule, ...] = (
    isolate,
    divide,
    isolate_vector,
    isolate_along_axes,
    invert_spectral,
    split_normal_parts,
    strip_common_factors,
    eliminate_alone,
    split_by_entries,
    split_by_congruence,
    keep_half,
    commute,
    bring_to_two_sides,
    solve_sylvester,
    solve_normal_part,
    let_stand_alone,
    eliminate_matrix,
    eliminate_explicit,
    solve_two_numbers,
    eliminate_divided,
    border,
    eliminate_and_substitute,
    eliminate,
    lambda state: invert_inside(state, _by_rules),
    lambda state: border_functionals(state, _by_rules),
)
MOST_STEPS = 24


@lru_cache(maxsize=4096)
def solved(primitive: Primitive) -> Solution:
    """The differentials that a primitive's identity determines."""
    problem = problem_of(primitive)
    points = tuple(point_of(problem, witness) for witness in primitive.witnesses)
    return solve(problem, points, lambda: _computed_points(problem, primitive))


def _computed_points(problem: Problem, primitive: Primitive) -> tuple[SolutionPoint, ...]:
    """Points at which a function of the language gives the unknowns."""
    if primitive.numpy is None:
        return ()

    def forward(*givens: Array) -> tuple[Array, ...]:
        return FloatArithmetic().apply(primitive, (), givens)

    sizes = next(problem_sizes(problem))
    return tuple(find_point(problem, sizes, seed, forward) for seed in range(2))


def solve(
    problem: Problem,
    points: Sequence[SolutionPoint],
    further: Callable[[], Sequence[SolutionPoint]],
) -> Solution:
    """Solve the equations of a problem for the directions of its unknowns.

    Args:
        problem: the equations.
        points: where they hold, as far as that is known: what is found in closed form has to agree with them there,
            and then equations that follow from the others need not be used.
        further: gives points where none are known, once the rules have found nothing.
    """
    problem = cancel_outer_factors(problem)
    for relaxed in (False, True) if points else (False,):
        for used in sufficient_equations(problem, points):
            found = _solve_by_rules(problem, used, points, relaxed)
            if found is not None:
                return found
    points = points or further()
    frames = direct_frames(problem.unknowns)
    state = differentiated(problem, problem.equations, frames, problem.relations(), constraints=True)
    vectors = without_explicit_matrices(state)
    joined = tuple(with_small_equations_joined(vectors)) if points else ()
    closed = (with_numbers_alone(found, vectors, points) for found in _closed(vectors, joined))
    found = _first_right(problem, frames, closed, points)
    if found is not None:
        return found
    stripped = state
    while (further_stripped := strip_common_factors(stripped)) is not None:
        stripped = further_stripped
    # A factor that was taken off may be singular, and so may equations for all matrices; as they stand they are right.
    square = among_all_matrices(stripped) if points else None
    tried = (*joined, *([] if square is None else [square]), stripped)
    found = _first_right(problem, frames, map(solve_generally, tried), points)
    return replace(found or _finish(problem, frames, solve_generally(state)), general=True)


def _closed(state: State, joined: Sequence[State]) -> Iterator[State]:
    """What more equations than unknowns lead to: by the rules, where they were made as many, or by normal equations."""
    yield from (found for start in joined if not (found := _by_rules(start)).open_holes)
    bordered = border_surplus(state)
    if bordered is not None:
        yield bordered


def _first_right(
    problem: Problem, frames: tuple[Frame, ...], solved_states: Iterable[State], points: Sequence[SolutionPoint]
) -> Solution | None:
    """The first solution that is what the linear equations say at the points."""
    solutions = (_finish(problem, frames, state) for state in solved_states)
    return next((found for found in solutions if _is_right(problem, found, points)), None)


def _solve_by_rules(
    problem: Problem, used: tuple[Equation, ...], points: Sequence[SolutionPoint], relaxed: bool
) -> Solution | None:
    """The first way to use the identities and to choose frames by which the rules find every direction."""
    for identities in rewritings(problem):
        for stated in stated_givens(problem) if relaxed else (NOTHING,):
            for frames in frame_choices(problem.unknowns, problem.duals):
                start = differentiated(problem, used, frames, identities, stated, relaxed)
                start = _without_cancelled(start, points) if points else start
                state = with_numbers_alone(_by_rules(start), start, points)
                if state.open_holes or (state.equations and not points):
                    continue
                found = _finish(problem, frames, state)
                if _is_right(problem, found, points):
                    return found
    return None


def _without_cancelled(state: State, points: Sequence[SolutionPoint]) -> State:
    """The equations without an unknown whose terms cancel by the identity, as those of a minimiser in a minimum do."""
    for place, equation in enumerate(state.equations):
        for hole in holes_in(equation.form):
            own, rest = parted(equation.form, hole)
            alone = all(holes_in(term) == (hole,) for term in own)  # a function of two parts of a frame is one term
            if len(own) > 1 and rest and alone and all(cancel(own, hole, point) for point in points):
                state = state.replace_equation(place, replace(equation, form=add(rest)))
                state = state.with_step("cancel", add(own), zero(equation.form.shape), "by the identity")
                return _without_cancelled(state, points)
    return state


def _is_right(problem: Problem, solution: Solution, points: Sequence[SolutionPoint]) -> bool:
    return all(agrees(problem, solution.differentials, point) for point in points)


def _by_rules(state: State) -> State:
    """Apply the first rule that applies, until none does."""
    for _ in range(MOST_STEPS):
        if not state.open_holes:
            return state
        following = next((new for rule in RULES if (new := rule(state)) is not None), None)
        if following is None:
            return state
        state = following
    return state


def _finish(problem: Problem, frames: tuple[Frame, ...], state: State) -> Solution:
    state = replace(
        state,
        solved=tuple((hole, problem.with_stated_sums(value)) for hole, value in state.solved),
        steps=tuple(replace(step, right=problem.with_stated_sums(step.right)) for step in state.steps),
    )
    values = state.values
    differentials = tuple(_in_directions(frame, values) for frame in frames)
    uses = [
        _frame_use(frame, direction, state) for frame, direction in zip(frames, problem.unknown_directions, strict=True)
    ]
    return Solution(differentials, state.steps, state.pivots, frames=tuple(uses), solved=state.solved)


def _frame_use(frame: Frame, direction: Node, state: State) -> FrameUse:
    values: dict[Node, Node] = {}
    values.update(zip((spec.hole for spec in frame.parts), recovered(frame, direction), strict=True))
    halves = {h: spec for spec in state.specs.values() if spec.part_of is not None for h in holes_in(spec.part_of)}
    stated = frame.unknown.name if frame.kind == "tall" else ""
    parts: list[FramePart] = []
    for spec in (halves.get(spec.hole, state.specs[spec.hole]) for spec in frame.parts):
        value = values[spec.hole] if spec.part_of is None else substitute(spec.part_of, values)
        parts.append(FramePart(spec.hole, spec.name, spec.space, value, stated if spec.normal_to else ""))
    split: dict[Node, Node] = {hole: value for hole, value in state.solved if hole in halves}
    return FrameUse(direction, substitute(frame.direction, split), tuple(parts))


def _in_directions(frame: Frame, values: dict[Node, Node]) -> Node:
    return simplify(substitute(frame.direction, values))

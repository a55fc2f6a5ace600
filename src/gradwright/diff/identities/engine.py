"""Solving an identity for the differentials of its unknowns.

Both sides are differentiated with opaque unknowns, so that no equation collapses to 0 = 0. Then every
choice of frames is tried with the rules that give closed forms; if none of them does, the equations
are left to a general linear solve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from gradwright.core.arithmetic import Array, FloatArithmetic
from gradwright.core.contraction import zero
from gradwright.core.nodes import Apply, Hole, Node, Symbol, field_of
from gradwright.core.primitive import Primitive
from gradwright.core.spaces import Space
from gradwright.core.sums import add, subtract
from gradwright.core.walks import substitute
from gradwright.diff.identities.borders import border, border_surplus, with_numbers_joined
from gradwright.diff.identities.choices import NOTHING, rewritings, stated_givens, sufficient_equations
from gradwright.diff.identities.complements import solve_normal_part, split_normal_parts
from gradwright.diff.identities.differentiated import differentiated
from gradwright.diff.identities.elimination import (
    eliminate,
    eliminate_divided,
    eliminate_explicit,
    solve_two_numbers,
    without_explicit_matrices,
)
from gradwright.diff.identities.frames import Frame, HoleSpec, direct_frames, frame_choices, recovered
from gradwright.diff.identities.functionals import hold_functionals
from gradwright.diff.identities.general import solve_generally
from gradwright.diff.identities.isolate import divide, isolate, isolate_along_axes, isolate_vector, strip_common_factors
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
from gradwright.diff.identities.spectral import image_of, invert_spectral, inverted
from gradwright.diff.identities.split import eliminate_alone, eliminate_and_substitute, split_by_entries
from gradwright.diff.identities.state import State, separated
from gradwright.diff.identities.sylvester import bring_to_two_sides, commute, solve_sylvester
from gradwright.diff.identities.terms import LinearEquation, holes_in, parted, reduce_terms, tidy
from gradwright.frozen import replace
from gradwright.linear.forms import push
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
    commute,
    bring_to_two_sides,
    solve_sylvester,
    solve_normal_part,
    eliminate_explicit,
    solve_two_numbers,
    eliminate_divided,
    border,
    eliminate_and_substitute,
    eliminate,
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
    points: Sequence[SolutionPoint] = (),
    further: Callable[[], Sequence[SolutionPoint]] = tuple,
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
    for joined in with_numbers_joined(vectors) if points else ():
        closed = with_numbers_alone(_run(joined), vectors, points)
        if not closed.open_holes and _is_right(problem, found := _finish(problem, frames, closed), points):
            return found
    bordered = border_surplus(vectors)
    if bordered is not None:
        found = _finish(problem, frames, with_numbers_alone(bordered, vectors, points))
        if _is_right(problem, found, points):
            return found
    while (stripped := strip_common_factors(state)) is not None:
        state = stripped
    return replace(_finish(problem, frames, solve_generally(state)), general=True)


def _solve_by_rules(
    problem: Problem, used: tuple[Equation, ...], points: Sequence[SolutionPoint], relaxed: bool
) -> Solution | None:
    """The first way to use the identities and to choose frames by which the rules find every direction."""
    for identities in rewritings(problem):
        for stated in stated_givens(problem) if relaxed else (NOTHING,):
            for frames in frame_choices(problem.unknowns, problem.duals):
                start = differentiated(problem, used, frames, identities, stated, relaxed)
                start = _without_cancelled(start, points) if points else start
                state = with_numbers_alone(_run(start), start, points)
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
            if len(own) > 1 and rest and all(cancel(own, hole, point) for point in points):
                state = state.replace_equation(place, replace(equation, form=add(rest)))
                state = state.with_step("cancel", add(own), zero(equation.form.shape), "by the identity")
                return _without_cancelled(state, points)
    return state


def _is_right(problem: Problem, solution: Solution, points: Sequence[SolutionPoint]) -> bool:
    return all(agrees(problem, solution.differentials, point) for point in points)


def invert_inside(state: State) -> State | None:
    """`A f[Y, Y](H) B = C`: solve for the image `f[Y, Y](H)` of the unknown, by all the rules, and then for H."""
    for place, equation in enumerate(state.equations):
        found = image_of(equation, state)
        if found is None:
            continue
        image, spec = found
        alone = replace(equation, form=substitute(equation.form, {image: spec.hole}))
        inner = _run(
            replace(state, equations=(tidy(alone, state.relations),), specs={spec.hole: spec}, solved=(), steps=())
        )
        if inner.open_holes or inner.equations:
            continue
        value = dict(inner.solved)[spec.hole]
        solved = inverted(image, value, state)
        assert solved is not None
        shown: dict[Node, Node] = {spec.hole: image}
        steps = [replace(s, left=substitute(s.left, shown), right=substitute(s.right, shown)) for s in inner.steps]
        changed = replace(state, steps=(*state.steps, *steps)).with_pivots(inner.pivots)
        reason = "by the derivative of its inverse function" if isinstance(image, Apply) else "by its equation"
        return changed.with_solution(*solved, place).with_step("invert a matrix function", *solved, reason)
    return None


def border_functionals(state: State) -> State | None:
    """`L(H) + s U = C` with a number `s = ⟨V, H⟩`: solve for H with s held, and then for s, by all the rules."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        first = 1 + max(hole.number for hole in state.specs)
        alone = len(holes) == 1 and not equation.projected
        held = hold_functionals(equation, state.specs[holes[0]].space, first) if alone else None
        found = None if held is None else _solved_with_held(state, equation, holes[0], *held)
        if held is not None and found is not None:
            value, inner, outer = found
            shown: dict[Node, Node] = {**held[1]}
            words = "solve for it, what the right side has of it held"
            changed = state.with_step("border", holes[0], substitute(value, shown), words)
            for step in outer.steps:
                sides = substitute(step.left, shown), substitute(step.right, shown)
                changed = changed.with_step(step.rule, *sides, f"put it in there, {step.reason}")
            value = reduce_terms(substitute(value, _values(outer)), state.relations)
            changed = changed.with_pivots((*inner.pivots, *outer.pivots)).with_solution(holes[0], value, place)
            return changed.with_step("substitute", holes[0], value, "put in what is known")
    return None


def _solved_with_held(
    state: State, equation: LinearEquation, hole: Hole, form: Node, functionals: Mapping[Hole, Node]
) -> tuple[Node, State, State] | None:
    """The unknown in terms of what is held of it, and how both were solved for; None if they were not."""
    known: dict[Node, Node] = {s: Symbol(f"{s.number} held", s.shape, field_of(s)) for s in functionals}
    alone = separated(substitute(form, known), replace(equation, form=zero(form.shape)))
    inner = _solved_apart(state, [alone], [state.specs[hole]])
    if inner is None:
        return None
    value = substitute(dict(inner.solved)[hole], {symbol: s for s, symbol in known.items()})
    nothing: dict[Node, Node] = {s: zero(s.shape) for s in functionals}
    value = add([simplify(substitute(value, nothing)), *(push(value, {s: s}) for s in functionals)])
    gaps = [subtract(s, push(own, {hole: value})) for s, own in functionals.items()]
    equations = [separated(gap, LinearEquation(gap, zero(gap.shape))) for gap in gaps]
    outer = _solved_apart(state, equations, [HoleSpec(s, Space.FREE) for s in functionals])
    return None if outer is None else (value, inner, outer)


def _solved_apart(state: State, equations: Iterable[LinearEquation], specs: Iterable[HoleSpec]) -> State | None:
    """Equations of their own, solved by all the rules; None if they are not."""
    own = {spec.hole: spec for spec in specs}
    tidied = tuple(tidy(equation, state.relations) for equation in equations)
    found = _run(replace(state, equations=tidied, specs=own, solved=(), steps=(), pivots=()))
    return None if found.open_holes or found.equations else found


def _run(state: State) -> State:
    for _ in range(MOST_STEPS):
        if not state.open_holes:
            return state
        rules = (*RULES, invert_inside, border_functionals)
        following = next((new for rule in rules if (new := rule(state)) is not None), None)
        if following is None:
            return state
        state = following
    return state


def _finish(problem: Problem, frames: tuple[Frame, ...], state: State) -> Solution:
    values = _values(state)
    differentials = tuple(_in_directions(frame, values) for frame in frames)
    uses = [
        _frame_use(frame, direction, state) for frame, direction in zip(frames, problem.unknown_directions, strict=True)
    ]
    return Solution(differentials, state.steps, state.pivots, frames=tuple(uses), solved=state.solved)


def _values(state: State) -> dict[Node, Node]:
    """What every unknown is, those that are solved for later put in."""
    values: dict[Node, Node] = {}
    for hole, value in reversed(state.solved):
        values[hole] = substitute(value, values)
    return values


def _frame_use(frame: Frame, direction: Node, state: State) -> FrameUse:
    values = recovered(frame, direction)
    stated = frame.unknown.name if frame.kind == "tall" else ""
    parts = [
        FramePart(spec.hole, spec.name, state.specs[spec.hole].space, value, stated if spec.normal_to else "")
        for spec, value in zip(frame.parts, values, strict=True)
    ]
    return FrameUse(direction, frame.direction, tuple(parts))


def _in_directions(frame: Frame, values: dict[Node, Node]) -> Node:
    return simplify(substitute(frame.direction, values))

"""Solving an identity for the differentials of its unknowns.

Both sides are differentiated with opaque unknowns, so that no equation collapses to 0 = 0. Then every
choice of frames is tried with the rules that give closed forms; if none of them does, the equations
are left to a general linear solve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from gradwright.core.build import adjoint, matmul, multiply, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_zero, zero
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.primitive import Primitive
from gradwright.core.spaces import Space
from gradwright.core.sums import subtract
from gradwright.core.walks import free_leaves, substitute
from gradwright.diff.differential import differential
from gradwright.diff.identities.diagonals import merge_diagonals
from gradwright.diff.identities.frames import (
    Frame,
    direct_frames,
    frame_choices,
    is_orthonormal,
    recovered,
)
from gradwright.diff.identities.isolate import divide, isolate, isolate_vector, split_normal_parts, strip_common_factors
from gradwright.diff.identities.linear_systems import (
    border,
    border_surplus,
    eliminate,
    eliminate_explicit,
    solve_generally,
    solve_sylvester,
    solve_two_numbers,
)
from gradwright.diff.identities.problem import (
    Equation,
    FramePart,
    FrameUse,
    Problem,
    Solution,
    orthonormality,
    problem_of,
)
from gradwright.diff.identities.solution_points import agrees, point_of
from gradwright.diff.identities.spectral import invert_spectral
from gradwright.diff.identities.split import eliminate_alone, eliminate_and_substitute, split_by_entries
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import LinearEquation, tidy
from gradwright.frozen import replace
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.linear.forms import push
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify
from gradwright.simplify.relations import Relation

Rule = Callable[[State], State | None]
RULES: tuple[Rule, ...] = (
    isolate,
    divide,
    isolate_vector,
    invert_spectral,
    split_normal_parts,
    strip_common_factors,
    eliminate_alone,
    split_by_entries,
    solve_sylvester,
    eliminate_explicit,
    solve_two_numbers,
    border,
    eliminate_and_substitute,
    eliminate,
)
MOST_STEPS = 24


@lru_cache(maxsize=4096)
def solved(primitive: Primitive) -> Solution:
    """The differentials that a primitive's identity determines."""
    problem = problem_of(primitive)
    if primitive.witness is None:
        return solve(problem)
    point = point_of(problem, primitive.witness)
    return solve(problem, lambda solution: agrees(problem, solution.differentials, point))


def solve(problem: Problem, accepts: Callable[[Solution], bool] = lambda solution: True) -> Solution:
    """Solve the equations of a problem for the directions of its unknowns.

    Args:
        problem: the equations.
        accepts: whether a solution in closed form is right; if not, the next way is tried.
    """
    problem = cancel_outer_factors(problem)
    for identities in _rewritings(problem):
        for frames in frame_choices(problem.unknowns):
            state = _run(_linearised(problem, frames, identities))
            if state.open_holes or state.equations:
                continue
            found = _finish(problem, frames, state)
            if accepts(found):
                return found
    frames = direct_frames(problem.unknowns)
    state = _linearised(problem, frames, problem.relations(), constraints=True)
    bordered = border_surplus(state)
    if bordered is not None and accepts(found := _finish(problem, frames, bordered)):
        return found
    return replace(_finish(problem, frames, solve_generally(state)), general=True)


def cancel_outer_factors(problem: Problem) -> Problem:
    """Cancel an invertible unknown that begins or ends both sides of an equation."""
    return replace(problem, equations=tuple(map(_cancelled, problem.equations)))


def _cancelled(equation: Equation) -> Equation:
    left, right = chain_of(equation.left), chain_of(equation.right)
    if left is None or right is None or equation.left.rank != 2:
        return equation
    a, b = list(left.elements), list(right.elements)
    changed = False
    while a and b and a[0] == b[0] and "invertible" in facts_of(a[0]) and len(a) + len(b) > 2:
        a, b, changed = a[1:], b[1:], True
    while a and b and a[-1] == b[-1] and "invertible" in facts_of(a[-1]) and len(a) + len(b) > 2:
        a, b, changed = a[:-1], b[:-1], True
    if not changed:
        return equation
    sides = [multiply(chain.scalar, product_of_chain(rest, equation.left)) for chain, rest in ((left, a), (right, b))]
    return Equation(sides[0], sides[1])


def _rewritings(problem: Problem) -> Iterator[tuple[Relation, ...]]:
    """Ways to use the identities: where they shorten a product, or `A V = V Λ` from either side."""
    yield problem.relations()
    for equation in problem.equations:
        for left, right in ((equation.left, equation.right), (equation.right, equation.left)):
            exchange = _exchange(merge_diagonals(left), merge_diagonals(right))
            if exchange is not None:
                yield (*problem.relations(besides=equation), exchange)


def _exchange(left: Node, right: Node) -> Relation | None:
    """`left → right` for products of which neither contains the other's factors."""
    pattern, replacement = as_product(left), as_product(right)
    if len(pattern.factors) < 2 or len(replacement.factors) < 2:
        return None
    labels = [label for group in pattern.output for label in group]
    if any(len(g) != 1 for g in pattern.output) or len(set(labels)) != len(labels):
        return None
    if {f.node for f in pattern.factors} <= {f.node for f in replacement.factors}:
        return None
    return Relation(pattern, right)


def _linearised(
    problem: Problem, frames: tuple[Frame, ...], identities: tuple[Relation, ...], constraints: bool = False
) -> State:
    """The differentiated equations, the unknowns' directions written in their frames."""
    specs = {spec.hole: spec for frame in frames for spec in frame.parts}
    relations = (*identities, *_normal_relations(frames))
    equations = list(problem.equations)
    if constraints:
        equations += [orthonormality(unknown) for unknown in problem.unknowns if is_orthonormal(unknown)]
    linear = [_linear_equation(problem, frames, equation) for equation in equations]
    linear += [_gauge_equation(problem, frames, equation) for equation in problem.gauge]
    kept = tuple(tidy(equation, relations) for equation in linear if not is_zero(equation.form))
    statements = [pair for e in problem.equations for pair in ((e.left, e.right), (e.right, e.left))]
    return State(kept, specs, problem.unknowns, relations, tuple(statements))


def _linear_equation(problem: Problem, frames: tuple[Frame, ...], equation: Equation) -> LinearEquation:
    total = differential(subtract(equation.left, equation.right), problem.directions)
    return _in_frames(problem, frames, total, _equation_space(equation))


def _gauge_equation(problem: Problem, frames: tuple[Frame, ...], equation: Equation) -> LinearEquation:
    """An equation that is one of directions as it stands."""
    return _in_frames(problem, frames, subtract(equation.left, equation.right), Space.FREE)


def _in_frames(problem: Problem, frames: tuple[Frame, ...], total: Node, space: Space) -> LinearEquation:
    """`total = 0`, the unknowns' directions written in their frames, and what is given on the right side."""
    given: dict[Node, Node] = {direction: direction for direction in problem.given_directions}
    known = push(total, given)
    unknown_part: dict[Node, Node] = {
        direction: frame.direction for direction, frame in zip(problem.unknown_directions, frames, strict=True)
    }
    form = push(total, unknown_part)
    right = subtract(zero(known.shape), known)
    named = _named_sides(problem)
    return LinearEquation(substitute(form, named), substitute(right, named), space)


def _named_sides(problem: Problem) -> dict[Node, Node]:
    """What an equation says that an unknown is: `z = tanh(W z)`, so that a derivative speaks of z."""
    found: dict[Node, Node] = {}
    for equation in problem.equations:
        for alone, other in ((equation.left, equation.right), (equation.right, equation.left)):
            if alone in problem.unknowns and isinstance(other, Apply):
                found[other] = alone
    return found


def _equation_space(equation: Equation) -> Space:
    """A symmetric or a skew equation counts half."""
    left, right = (_without_skew(side) for side in (equation.left, equation.right))
    facts = (facts_of(left) & facts_of(right)) | facts_of(subtract(left, right))
    if left.rank == 2:
        for fact, space in _MIRRORED:
            if fact in facts:
                return space
    return Space.FREE


def _without_skew(node: Node) -> Node:
    """Skew matrices written `Z − Zᵀ`, so that the mirror image of a product shows its sign."""
    skew = [s for s in free_leaves(node) if isinstance(s, Symbol) and "skew" in s.facts and s.real]
    free = {s: Symbol(f"{s.name}_free", s.shape) for s in skew}
    opened: dict[Node, Node] = {s: subtract(z, transpose(z)) for s, z in free.items()}
    inside = set(free.values())
    return expand(substitute(node, opened), lambda n: not inside.isdisjoint(free_leaves(n))) if skew else node


_MIRRORED = (
    ("symmetric", Space.SYMMETRIC),
    ("hermitian", Space.HERMITIAN),
    ("skew", Space.SKEW),
    ("skew_hermitian", Space.SKEW_HERMITIAN),
)


def _normal_relations(frames: tuple[Frame, ...]) -> list[Relation]:
    """`Qᴴ K = 0` for a complement K."""
    found: list[Relation] = []
    for frame in frames:
        for spec in frame.parts:
            if spec.normal_to is None:
                continue
            product = matmul(adjoint(spec.normal_to), spec.hole)
            found.append(Relation(as_product(product), zero(product.shape)))
    return found


def _run(state: State) -> State:
    for _ in range(MOST_STEPS):
        if not state.open_holes:
            return state
        following = next((new for rule in RULES if (new := rule(state)) is not None), None)
        if following is None:
            return state
        state = following
    return state


def _finish(problem: Problem, frames: tuple[Frame, ...], state: State) -> Solution:
    values: dict[Node, Node] = {}
    for hole, value in reversed(state.solved):
        values[hole] = substitute(value, values)
    differentials = tuple(_in_directions(frame, values) for frame in frames)
    uses = [
        _frame_use(frame, direction, state) for frame, direction in zip(frames, problem.unknown_directions, strict=True)
    ]
    return Solution(differentials, state.steps, state.pivots, frames=tuple(uses), solved=state.solved)


def _frame_use(frame: Frame, direction: Node, state: State) -> FrameUse:
    values = recovered(frame, direction)
    parts = [
        FramePart(spec.hole, spec.name, state.specs[spec.hole].space, value)
        for spec, value in zip(frame.parts, values, strict=True)
    ]
    return FrameUse(direction, frame.direction, tuple(parts))


def _in_directions(frame: Frame, values: dict[Node, Node]) -> Node:
    return simplify(substitute(frame.direction, values))

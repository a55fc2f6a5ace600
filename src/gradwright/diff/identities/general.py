"""What no rule solves: a `Solve` for all unknowns together, with whatever operators there are.

If there are more equations than unknowns, the normal equations are solved.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.dims import Dim
from gradwright.core.nodes import Equation, Hole, Node, Solve, Unknown
from gradwright.core.spaces import Space
from gradwright.core.sums import add
from gradwright.core.walks import substitute
from gradwright.diff.identities.state import State
from gradwright.diff.identities.sylvester import matching_space
from gradwright.diff.identities.terms import LinearEquation, holes_in
from gradwright.frozen import replace
from gradwright.linear.forms import push, transpose
from gradwright.linear.projection import project_space


def solve_generally(state: State) -> State:
    """All unknowns at once, by a `Solve` with the operators as they stand."""
    state = replace(state, equations=tuple(_in_matching_space(state, equation) for equation in state.equations))
    holes = state.open_holes
    renumbered: dict[Node, Node] = {hole: Hole.of(hole, place) for place, hole in enumerate(holes)}
    forms = [substitute(e.form, renumbered) for e in state.equations]
    unknowns = tuple(Unknown(h.shape, state.specs[h].space, h.real) for h in holes)
    equations = tuple(Equation(form, e.space) for form, e in zip(forms, state.equations, strict=True))
    sides = tuple(project_space(e.right, e.space) for e in state.equations)
    if _sought(state) != _stated(state):
        equations, sides = _normal_equations(
            unknowns, equations, sides, [Hole.of(hole, place) for place, hole in enumerate(holes)]
        )
    changed = replace(state, equations=())
    for place, hole in enumerate(holes):
        value = Solve(unknowns, equations, sides, place)
        changed = replace(changed, solved=(*changed.solved, (hole, value)))
    words = "solve the linear equations for all unknowns together"
    return changed.with_step("linear system", forms[0], state.equations[0].right, words)


def among_all_matrices(state: State) -> State | None:
    """The state with its symmetric unknowns looked for among all matrices, if it then has as many equations as these.

    That is right wherever the equations determine a matrix, which is then the symmetric one.
    """
    free = {h: replace(s, space=Space.FREE) if s.space.mirror_sign else s for h, s in state.specs.items()}
    relaxed = replace(state, specs=free)
    return relaxed if _sought(state) != _stated(state) == _sought(relaxed) else None


def _sought(state: State) -> Dim:
    """How many numbers the unknowns have."""
    specs = [state.specs[hole] for hole in state.open_holes]
    return sum((s.space.dimension(s.hole.shape, s.hole.real) for s in specs), Dim.of(0))


def _stated(state: State) -> Dim:
    """How many scalar equations there are."""
    return sum((e.space.dimension(e.form.shape, e.form.real) for e in state.equations), Dim.of(0))


def _in_matching_space(state: State, equation: LinearEquation) -> LinearEquation:
    """An equation in one unknown between symmetric matrices, where that is all it says."""
    holes = holes_in(equation.form)
    space = matching_space(state, equation, holes[0]) if len(holes) == 1 and not equation.projected else None
    return equation if space is None else replace(equation, space=space)


def _normal_equations(
    unknowns: Sequence[Unknown], equations: Sequence[Equation], sides: Sequence[Node], holes: Sequence[Hole]
) -> tuple[tuple[Equation, ...], tuple[Node, ...]]:
    """`E* E [H] = E* C`: as many equations as unknowns, with the same solution if there is one."""
    images = [project_space(e.operator, e.space) for e in equations]
    operators: list[list[Node]] = [[] for _ in holes]
    rights: list[list[Node]] = [[] for _ in holes]
    for equation, image, side in zip(equations, images, sides, strict=True):
        multiplier = Hole(len(holes), equation.operator.shape, equation.operator.real)
        adjoint = transpose(equation.operator, multiplier, holes)
        for place, hole in enumerate(holes):
            operators[place].append(push(adjoint[hole], {multiplier: image}))
            rights[place].append(push(adjoint[hole], {multiplier: side}))
    made = tuple(Equation(add(o), u.space) for o, u in zip(operators, unknowns, strict=True))
    return made, tuple(project_space(add(r), u.space) for r, u in zip(rights, unknowns, strict=True))

"""What is left when nothing can be isolated: Sylvester's equation and its kin, and block systems.

A single matrix unknown between two pairs of factors, `A H + H B = C` or `H − A H B = C`, becomes a
`Solve` node, which has a standard algorithm. Several vector unknowns become one bordered linear
system. The general case is a `Solve` with whatever operator there is: with the normal equations if
there are more equations than unknowns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from gradwright.core.build import concatenate, matmul, multiply, slice_axis, zeros
from gradwright.core.dims import Dim, product
from gradwright.core.nodes import Equation, Hole, Node, Solve, Unknown
from gradwright.core.registry import Call, lookup
from gradwright.core.spaces import Space
from gradwright.core.sums import add
from gradwright.core.walks import substitute
from gradwright.diff.identities.isolate import grouped
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import LinearEquation, holes_in, read_terms, reduce_terms
from gradwright.linear.chains import product_of_chain
from gradwright.linear.forms import push, transpose
from gradwright.linear.projection import project_space


def solve_sylvester(state: State) -> State | None:
    """One matrix unknown between two pairs of factors."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) != 1 or holes[0].rank != 2:
            continue
        space = _matching_space(state, equation, holes[0])
        terms = state.terms(equation)
        if space is None or not terms or len({(t.transposed, t.conj) for t in terms}) != 1 or terms[0].transposed:
            continue
        pairs = grouped(terms, equation.form)
        if len(pairs) != 2:
            continue
        hole = holes[0]
        fresh = Hole(0, hole.shape, hole.real)
        form = add(
            matmul(matmul(p.left, fresh), p.right) if p.right is not None else matmul(p.left, fresh) for p in pairs
        )
        value = Solve(
            (Unknown(hole.shape, state.specs[hole].space, hole.real),),
            (Equation(form, space),),
            (project_space(equation.right, space),),
            0,
        )
        stated = substitute(form, {fresh: hole})
        shown = state.with_step("linear matrix equation", stated, equation.right, "solve for it")
        return shown.with_solution(hole, value, place)
    return None


def _matching_space(state: State, equation: LinearEquation, hole: Hole) -> Space | None:
    """The space on which the equation is as large as its unknown."""
    space = state.specs[hole].space
    if space is equation.space:
        return space
    return None


def border(state: State) -> State | None:
    """Vector unknowns in vector equations: one linear system of blocks."""
    holes = state.open_holes
    if len(holes) < 2 or any(h.rank != 1 for h in holes) or any(e.form.rank != 1 for e in state.equations):
        return None
    rows = sum((e.form.shape[0] for e in state.equations), Dim.of(0))
    columns = sum((h.shape[0] for h in holes), Dim.of(0))
    if rows != columns:
        return None
    blocks = [_row_of_blocks(equation, holes) for equation in state.equations]
    if any(row is None for row in blocks):
        return None
    matrix = concatenate([concatenate(row, 1) for row in blocks if row is not None], 0)
    side = concatenate([equation.right for equation in state.equations], 0)
    inverse = lookup("inv").build(Call("inv", (matrix,), {}))
    assert isinstance(inverse, Node)
    whole = reduce_terms(matmul(inverse, side), ())
    changed, start = replace(state, equations=()), Dim.of(0)
    for hole in holes:
        stop = start + hole.shape[0]
        changed = replace(changed, solved=(*changed.solved, (hole, slice_axis(whole, 0, start, stop))))
        start = stop
    stated = matmul(matrix, concatenate(holes, 0))
    return changed.with_step("border", stated, side, "write the equations as one system of blocks")


def _row_of_blocks(equation: LinearEquation, holes: Sequence[Hole]) -> list[Node] | None:
    terms = read_terms(equation.form)
    if terms is None or any(t.conj or t.right for t in terms):
        return None
    row: list[Node] = []
    for hole in holes:
        parts = [multiply(t.scalar, product_of_chain(t.left, equation.form)) for t in terms if t.hole == hole]
        row.append(add(parts) if parts else zeros((equation.form.shape[0], hole.shape[0])))
    return row


def solve_generally(state: State) -> State:
    """All unknowns at once, by a `Solve` with the operators as they stand."""
    holes = state.open_holes
    renumbered: dict[Node, Node] = {hole: Hole(place, hole.shape, hole.real) for place, hole in enumerate(holes)}
    forms = [substitute(e.form, renumbered) for e in state.equations]
    unknowns = tuple(Unknown(h.shape, state.specs[h].space, h.real) for h in holes)
    equations = tuple(Equation(form, e.space) for form, e in zip(forms, state.equations, strict=True))
    sides = tuple(project_space(e.right, e.space) for e in state.equations)
    if _count(tuple(u[:2] for u in unknowns)) != _count(tuple((e.operator.shape, e.space) for e in equations)):
        equations, sides = _normal_equations(
            unknowns, equations, sides, [Hole(place, hole.shape, hole.real) for place, hole in enumerate(holes)]
        )
    changed = replace(state, equations=())
    for place, hole in enumerate(holes):
        value = Solve(unknowns, equations, sides, place)
        changed = replace(changed, solved=(*changed.solved, (hole, value)))
    words = "solve the linear equations for all unknowns together"
    return changed.with_step("linear system", forms[0], state.equations[0].right, words)


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


def _count(parts: Sequence[tuple[tuple[Dim, ...], Space]]) -> Dim:
    return sum((space_dimension(shape, space) for shape, space in parts), Dim.of(0))


def space_dimension(shape: tuple[Dim, ...], space: Space) -> Dim:
    """How many numbers determine an element of a space."""
    if space is Space.FREE:
        return product(shape)
    n = shape[0]
    strict = n * (n - 1) * Fraction(1, 2)
    if space is Space.DIAGONAL:
        return n
    if space is Space.HOLLOW:
        return strict * 2
    if space in (Space.SKEW, Space.STRICTLY_LOWER, Space.STRICTLY_UPPER):
        return strict
    return n * n if space in (Space.HERMITIAN, Space.SKEW_HERMITIAN) else strict + n

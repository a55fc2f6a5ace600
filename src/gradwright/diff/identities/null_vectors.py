"""Numbers that are left of vector equations behind a vector of the solution: `vᵀ (A − λ I) = 0`.

Of `(A − λ I) dv − dλ v = −dA v` with a symmetric A, `vᵀ` leaves `dλ vᵀ v = vᵀ dA v`, whatever dv is (Magnus 1985, On
differentiating eigenvalues and eigenvectors). Several equations have a vector each, as uᵀ and vᵀ those of singular
vectors. Which vectors do it is found in numbers, at points where the identity holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice, product

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.build import multiply, number, product_of
from gradwright.core.contraction import conjugate, zero
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Hole, Node, is_apply
from gradwright.core.sums import add, scaled
from gradwright.core.walks import postorder
from gradwright.diff.identities.borders import are_vectors
from gradwright.diff.identities.isolate import matrix_of
from gradwright.diff.identities.problem import RuleStep
from gradwright.diff.identities.solution_points import CANCELS, SolutionPoint
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import LinearEquation, holes_in, reduce_terms, tidy
from gradwright.frozen import replace
from gradwright.linear.forms import push
from gradwright.prims.inv import inv
from gradwright.prims.power import raise_to
from gradwright.simplify.pipeline import simplify

MOST_CHOICES = 200
BEHIND_VECTORS = "multiply by vectors"

Multiplied = Sequence[tuple[Node, LinearEquation]]
"""Vectors, and the equations that they are multiplied with."""


def with_numbers_alone(closed: State, start: State, points: Sequence[SolutionPoint]) -> State:
    """A solved state with the values of numbers that the equations it began with give without the vectors."""
    if not points or not are_vectors(start):
        return closed
    numbers = [hole for hole in start.open_holes if not hole.rank]
    found = _values_of(numbers, start, points) if len(numbers) < len(start.open_holes) else {}
    if not found:
        return closed
    words = "of the solution, behind which the other unknowns cancel"
    steps = [RuleStep(BEHIND_VECTORS, hole, value, words) for hole, value in found.items()]
    solved = tuple((hole, found.get(hole, value)) for hole, value in closed.solved)
    # The numbers are still determined by the whole system only: an eigenvalue has a derivative where it is simple.
    regular = _inverted(simplify(value) for hole, value in closed.solved if hole in found)
    return replace(closed, solved=solved, steps=(*closed.steps, *steps)).with_pivots(regular)


def _inverted(values: Iterable[Node]) -> list[Node]:
    inverses = (node for node in postorder(*values) if is_apply(node, inv))
    return [inverse.arguments[0] for inverse in inverses]


def _values_of(numbers: Sequence[Hole], start: State, points: Sequence[SolutionPoint]) -> dict[Hole, Node]:
    found: dict[Hole, Node] = {}
    for multiplied in _null_vectors(start, points):
        for hole, others in ((hole, [h for h in numbers if h != hole]) for hole in numbers if hole not in found):
            if all(_vanishes(_factor(_behind(multiplied, other, start), other), points) for other in others):
                value = _number_of(_behind(multiplied, hole, start), hole, points)
                found |= {} if value is None else {hole: reduce_terms(value, start.relations)}
    return found


def _behind(multiplied: Multiplied, hole: Hole, start: State) -> LinearEquation:
    """The sum of the products, as far as it has a number in it."""
    form = add(_dot(vector, push(equation.form, {hole: hole})) for vector, equation in multiplied)
    right = add(_dot(vector, equation.right) for vector, equation in multiplied)
    return tidy(LinearEquation(form, right), start.relations)


def _number_of(equation: LinearEquation, hole: Hole, points: Sequence[SolutionPoint]) -> Node | None:
    """The number that an equation says; None if it is multiplied by zero there."""
    factor = _factor(equation, hole)
    return None if _vanishes(factor, points) else multiply(raise_to(factor, Fraction(-1)), equation.right)


def _factor(equation: LinearEquation, hole: Hole) -> Node:
    return push(equation.form, {hole: number(1)})


def _dot(vector: Node, other: Node) -> Node:
    return product_of([(vector, (0,)), (other, (0,))], ())


def _vanishes(node: Node, points: Sequence[SolutionPoint]) -> bool:
    return all(abs(evaluate_all((node,), p.values, p.sizes)[0]) <= CANCELS for p in points)


def _null_vectors(start: State, points: Sequence[SolutionPoint]) -> Iterator[Multiplied]:
    """For some of the equations a vector of the solution, or its negative, so that no unknown vector is left."""
    holes = [hole for hole in start.open_holes if hole.rank]
    equations = [equation for equation in start.equations if equation.form.rank]
    offered = [_offered(start, equation) for equation in equations]
    blocks = [[_block(equation, hole) for hole in holes] for equation in equations]
    known = [[block for block in row if block is not None] for row in blocks]
    if any(len(row) < len(holes) for row in known):
        return
    rows = [[_row(v, row, points) for v in own] for own, row in zip(offered, known, strict=True)]
    choices = [[None, *((place, sign) for place in range(len(own)) for sign in (1, -1))] for own in offered]
    for chosen in islice(product(*choices), MOST_CHOICES):
        taken = [(k, *choice) for k, choice in enumerate(chosen) if choice is not None]
        parts = [sign * rows[k][place][0] for k, place, sign in taken]
        size = max((rows[k][place][1] for k, place, _ in taken), default=0.0)
        if size and taken[0][2] > 0 and largest(np.sum(parts, axis=0)) <= CANCELS * size:
            yield [(scaled(sign, offered[k][place]), equations[k]) for k, place, sign in taken]


def _offered(start: State, equation: LinearEquation) -> list[Node]:
    """The unknown vectors that an equation can be multiplied with; of complex ones their conjugates, too."""
    fitting = [unknown for unknown in start.unknowns if unknown.shape == equation.form.shape]
    return [vector for u in fitting for vector in dict.fromkeys((u, conjugate(u)))]


def _block(equation: LinearEquation, hole: Hole) -> Node | None:
    """What an equation multiplies an unknown vector by; None if that is no matrix."""
    if hole not in holes_in(equation.form):
        return zero((*equation.form.shape, *hole.shape))
    return matrix_of(push(equation.form, {hole: hole}), hole)


def _row(vector: Node, blocks: Sequence[Node], points: Sequence[SolutionPoint]) -> tuple[Array, float]:
    """What the unknown vectors are multiplied by behind a vector, at all points, and how large that is term by term."""
    found = [evaluate_all((vector, *blocks), point.values, point.sizes) for point in points]
    row = np.concatenate([v @ block for v, *own in found for block in own])
    return row, max(largest(v) * largest(block) for v, *own in found for block in own)

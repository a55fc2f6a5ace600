"""One unknown of several: an equation solved for it in terms of the others, and put into the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from gradwright.core.build import adjoint, matmul, multiply
from gradwright.core.contraction import is_zero, split_coefficient, zero
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Hole, Node
from gradwright.core.scalars import scalars_of
from gradwright.core.sums import add, coefficient_of, scaled, subtract, terms_of
from gradwright.diff.identities.borders import are_vectors
from gradwright.diff.identities.isolate import Pair, grouped, isolated, matrix_of, weight_of
from gradwright.diff.identities.regions import determinant_of, with_column
from gradwright.diff.identities.state import State, hidden_pivots
from gradwright.diff.identities.sylvester import sylvester_inverse
from gradwright.diff.identities.terms import LinearEquation, Term, holes_in, parted, reduce_terms
from gradwright.frozen import replace
from gradwright.linear.forms import push
from gradwright.prims.power import raise_to
from gradwright.simplify.pipeline import simplify


def without_explicit_matrices(state: State) -> State:
    """The equations with the matrices put in that one of them gives in terms of the rest, divided if it is safe."""
    while (found := eliminate_explicit(state, 2) or _eliminated(state, _positively_divided_matrix)) is not None:
        state = found
    return state


def eliminate_explicit(state: State, least_rank: int = 0) -> State | None:
    """An unknown that one equation gives in terms of the others, as `u = V z + b` does: substitute it.

    One that an equation gives by itself has rules of its own, which may take precedence for vectors.
    """
    for place, hole, own, rest in _parts(state, fewest=1 if least_rank else 2):
        equation = state.equations[place]
        coefficient, alone = split_coefficient(own)
        spec = state.specs[hole]
        if alone != hole or not state.fits(hole, equation) or spec.normal_to is not None or hole.rank < least_rank:
            continue
        value = scaled(1 / coefficient, subtract(equation.right, rest))
        return state.with_step("eliminate", hole, value, "substitute one unknown").with_solution(hole, value, place)
    return None


def eliminate_matrix(state: State) -> State | None:
    """A matrix that one equation gives in terms of vectors and numbers, and others contain: these are what is left."""
    contained = [hole for e in state.equations for hole in dict.fromkeys(holes_in(e.form))]

    def serves(hole: Hole, rest: Node) -> bool:
        return hole.rank > 1 and contained.count(hole) > 1 and all(other.rank < 2 for other in holes_in(rest))

    return _eliminated(state, _isolated_map, serves)


def eliminate_divided(state: State) -> State | None:
    """A vector that one equation divides by positive numbers, as `dx / x + Aᵀ dl = c` does: substitute it.

    The rest is as large as the other unknowns, where one system of blocks would hold them all.
    """
    return _eliminated(state, _positively_divided_map) if are_vectors(state) else None


def eliminate(state: State) -> State | None:
    """Solve one equation for one of its unknowns, in terms of the others, and substitute.

    By the inverse of a matrix if there is such an equation, so that a Sylvester equation is solved last.
    """
    return _eliminated(state, _isolated_map) or _eliminated(state, _divided_map) or _eliminated(state, _inverse_map)


def _eliminated(
    state: State,
    inverse_of: Callable[[State, LinearEquation, Hole], Callable[[Node], Node] | None],
    serves: Callable[[Hole, Node], bool] = lambda hole, rest: True,
) -> State | None:
    for place, hole, own, rest in _parts(state):
        if not serves(hole, rest):
            continue
        equation = replace(state.equations[place], form=own)
        inverse = inverse_of(state, equation, hole)
        if inverse is None:
            continue
        value = subtract(inverse(equation.right), inverse(rest))
        changed = state.with_solution(hole, value, place).with_pivots(_pivots(state, equation))
        return changed.with_step("eliminate", own, subtract(equation.right, rest), "solve for one unknown")
    return None


def _parts(state: State, fewest: int = 2) -> Iterator[tuple[int, Hole, Node, Node]]:
    """The equations in several unknowns by place, and for each unknown what has it and the rest."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) < fewest or equation.projected or not _is_apart(equation.form):
            continue
        for hole in holes:
            own, rest = parted(equation.form, hole)
            yield place, hole, add(own), add(rest) if rest else zero(equation.form.shape)


def _is_apart(form: Node) -> bool:
    """Whether every term has one unknown, so that those in one can be told from the others."""
    return all(len(holes_in(term)) == 1 for term in terms_of(form))


def _pivots(state: State, equation: LinearEquation) -> list[Node]:
    """What an equation in one unknown is multiplied with the inverse of, as far as that is an unknown."""
    pairs = grouped(state.terms(equation) or [], equation.form)
    return hidden_pivots(pairs[0].sides, state) if len(pairs) == 1 else []


def _inverse_map(state: State, equation: LinearEquation, hole: Hole) -> Callable[[Node], Node] | None:
    return _isolated_map(state, equation, hole) or sylvester_inverse(state, equation, hole)


def _isolated_map(state: State, equation: LinearEquation, hole: Hole) -> Callable[[Node], Node] | None:
    """What solves `A H B = R` for an unknown in the equation's space, given R; None if the equation is no such."""
    terms = state.terms(equation)
    if not terms or not state.fits(hole, equation):
        return None
    pairs = grouped(terms, equation.form)
    if not _stays_normal(state, equation, hole, pairs):
        return None
    same = len({(t.transposed, t.conj, t.diagonal) for t in terms}) == 1 and not terms[0].diagonal
    if len(pairs) != 1 or not same or isolated(state, equation, pairs[0], terms[0]) is None:
        return None
    return lambda right: _isolate_from(state, equation, pairs[0], terms[0], right)


def _stays_normal(state: State, equation: LinearEquation, hole: Hole, pairs: Sequence[Pair]) -> bool:
    """Whether the solution of `A H B = C` is orthogonal to Z, as its unknown has to be: C is to W, and `Z = Aᴴ W`."""
    normal_to = state.specs[hole].normal_to
    if normal_to is None:
        return True
    if equation.beside is None or len(pairs) != 1:
        return False
    return simplify(matmul(adjoint(scalars_of(pairs[0].left)[1]), equation.beside.dual)) == normal_to


def _divided_map(state: State, equation: LinearEquation, hole: Hole) -> Callable[[Node], Node] | None:
    """What solves `W ∘ H = R`, given R; None if the equation is no such."""
    total = None if state.specs[hole].normal_to is not None or not state.fits(hole, equation) else weight_of(equation)
    return None if total is None else lambda right: multiply(right, raise_to(total, Fraction(-1)))


def _positively_divided_map(state: State, equation: LinearEquation, hole: Hole) -> Callable[[Node], Node] | None:
    weight = weight_of(equation) if hole.rank else None
    if weight is None or not {"positive"} & (facts_of(weight) | facts_of(scaled(-1, weight))):
        return None
    return _divided_map(state, equation, hole)


def _positively_divided_matrix(state: State, equation: LinearEquation, hole: Hole) -> Callable[[Node], Node] | None:
    return _positively_divided_map(state, equation, hole) if hole.rank == 2 else None


def _isolate_from(state: State, equation: LinearEquation, pair: Pair, term: Term, right: Node) -> Node:
    found = isolated(state, replace(equation, right=right), pair, term)
    assert found is not None
    return found


def solve_two_numbers(state: State) -> State | None:
    """Two numbers in two equations between numbers: Cramer's rule."""
    holes, equations = state.open_holes, state.equations
    if not len(holes) == len(equations) == 2 or any(node.rank for node in (*holes, *(e.form for e in equations))):
        return None
    rows = [[matrix_of(push(e.form, {hole: hole}), hole) for hole in holes] for e in equations]
    known = [[entry for entry in row if entry is not None] for row in rows]
    if any(len(row) < len(holes) for row in known):
        return None
    determinant = simplify(determinant_of(known))
    if is_zero(determinant):
        return None
    numbers = {abs(coefficient_of(term)) for term in terms_of(determinant)}
    number = numbers.pop() if len(numbers) == 1 else Fraction(1)
    inverse = raise_to(add(scaled(1 / number, term) for term in terms_of(determinant)), Fraction(-1))
    changed, sides = replace(state, equations=()), [e.right for e in equations]
    for column, hole in enumerate(holes):
        above = determinant_of(with_column(known, sides, column))
        value = reduce_terms(scaled(1 / number, multiply(above, inverse)), state.relations)
        changed = replace(changed, solved=(*changed.solved, (hole, value)))
        changed = changed.with_step("eliminate", hole, value, "Cramer's rule, for two equations in two numbers")
    return changed

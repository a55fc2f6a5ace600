"""One matrix unknown between two pairs of factors: the equations of Sylvester, Lyapunov and Stein.

`A H B + C H D = R` becomes a `Solve` node, which has a standard algorithm, if one factor of each pair is known to be
invertible or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from gradwright.core.build import adjoint, identity, is_identity, matmul, multiply, permute
from gradwright.core.contraction import conjugate, is_zero, split_coefficient
from gradwright.core.dims import product
from gradwright.core.nodes import Equation, Hole, Node, Solve, Unknown
from gradwright.core.scalars import scalars_of
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.core.walks import substitute
from gradwright.diff.identities.isolate import Pair, grouped
from gradwright.diff.identities.state import State, hidden_pivots, inverse_of, is_known_invertible
from gradwright.diff.identities.terms import LinearEquation, Term, holes_in, tidy
from gradwright.frozen import replace
from gradwright.linear.projection import project_space
from gradwright.linear.recognise import sylvester_operands
from gradwright.simplify.equations import is_its_own_mirror_image, is_mirrored
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify


def bring_to_two_sides(state: State) -> State | None:
    """`C⁻¹ A H + H D B⁻¹` for `A H B + C H D`, and `C⁻¹ A H (C⁻¹ A)ᴴ + H` for `A H Aᴴ + C H Cᴴ`.

    These have the algorithms of Sylvester and Stein. C and B are known to be invertible, or nothing, so that nothing
    more is asked for. An equation between symmetric matrices stays one where B is Cᴴ.
    """
    for place, equation in enumerate(state.equations):
        holes, terms = holes_in(equation.form), state.terms(equation)
        space = matching_space(state, equation, holes[0]) if len(holes) == 1 and terms else None
        if space is None or equation.beside is not None:
            continue
        pairs = grouped(terms or [], equation.form)
        named = len(pairs) != 2 or _has_a_name(state, equation, holes[0])
        outer = None if named else _outer_factors(state, pairs, space)
        if outer is not None:
            before, behind = ([] if factor is None else [factor] for factor in outer)
            parts = [*terms_of(equation.form), equation.right]
            for factor in before:
                parts = [matmul(inverse_of(factor, state), part) for part in parts]
            for factor in behind:
                parts = [matmul(part, inverse_of(factor, state)) for part in parts]
            *form, right = parts
            new = tidy(replace(equation, form=add(form), right=right, space=space), state.relations)
            changed = state.replace_equation(place, new).with_pivots(hidden_pivots([*before, *behind], state))
            return changed.with_step("multiply by inverses", new.form, new.right, "so that two factors are left")
    return None


def _has_a_name(state: State, equation: LinearEquation, hole: Hole) -> bool:
    """Whether an equation is Stein's, or Sylvester's, as it stands."""
    inverse = sylvester_inverse(state, equation, hole)
    found = None if inverse is None else inverse(equation.right)
    return isinstance(found, Solve) and sylvester_operands(found) is not None


def _outer_factors(state: State, pairs: Sequence[Pair], space: Space) -> tuple[Node | None, Node | None] | None:
    """What to take off before and behind the unknown, as little as there can be of what is known to be invertible."""
    found: list[tuple[Node | None, Node | None]] = []
    for one, other in (pairs, pairs[::-1]):
        before = None if _is_multiple_of_identity(other.left) else other.left
        ends = [other.right] if _is_mirrored(one) and _is_mirrored(other) else []
        ends += [one.right] if space is Space.FREE or _is_mirrored(Pair(other.left, one.right)) else []
        for behind in ends:
            factors = [factor for factor in (before, behind) if factor is not None]
            if factors and all(is_known_invertible(factor, state) for factor in factors):
                found.append((before, behind))
    return min(found, key=lambda factors: 2 - factors.count(None), default=None)


def _balanced(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """`(A + c I) H + H Aᴴ` as `S H + H Sᴴ` with `S = A + ½ c I`, which is Lyapunov's; so with A in the place of Aᴴ."""
    before, behind = sorted(pairs, key=lambda pair: pair.right is not None)
    if before.right is not None or behind.right is None or not _is_multiple_of_identity(behind.left):
        return pairs
    left, right = before.left, multiply(scalars_of(behind.left)[0], behind.right)
    for other in (adjoint(right), right) if left.shape == right.shape else ():
        gap = simplify(subtract(left, other))
        if not is_zero(gap) and _is_multiple_of_identity(gap):
            half = scaled(Fraction(1, 2), gap)
            return [
                Pair(simplify(subtract(left, half)), None),
                Pair(identity(left.shape[0]), simplify(add([right, half]))),
            ]
    return pairs


def _is_mirrored(pair: Pair) -> bool:
    """Whether the two sides are `A H Aᴴ`."""
    left = split_coefficient(pair.left)[1]
    return pair.right is not None and simplify(adjoint(left)) == simplify(pair.right)


def _is_multiple_of_identity(matrix: Node) -> bool:
    return is_identity(scalars_of(matrix)[1])


def solve_sylvester(state: State) -> State | None:
    """One matrix unknown between two pairs of factors."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) != 1:
            continue
        inverse = sylvester_inverse(state, equation, holes[0])
        if inverse is None:
            continue
        sign = _sign(state, equation)
        sides = scaled(sign, equation.form), scaled(sign, equation.right)
        shown = state.with_step("linear matrix equation", *sides, "solve for it")
        return shown.with_solution(holes[0], inverse(equation.right), place)
    return None


def commute(state: State) -> State | None:
    """`S H = −H S` from an equation without a right side, used in another: `A H + H B = C` is `S A H − H S B = S C`.

    S has to be invertible, by the identities, so that nothing is lost where the other equation is multiplied by it.
    """
    for place, equation in enumerate(state.equations):
        turned = _sides_of_two_terms(state, equation) if is_zero(equation.right) else None
        if turned is None or not is_known_invertible(turned[0], state):
            continue
        for other, following in enumerate(state.equations):
            sides = _sides_of_two_terms(state, following) if other != place else None
            if sides is None or holes_in(following.form) != holes_in(equation.form):
                continue
            (hole,) = holes_in(equation.form)
            (S, behind), (A, B) = turned, sides
            form = subtract(matmul(matmul(S, A), hole), matmul(matmul(hole, behind), B))
            right = add(matmul(S, term) for term in terms_of(following.right))
            kept = [e for p, e in enumerate(state.equations) if p not in (place, other)]
            new = tidy(LinearEquation(form, right), state.relations)
            words = "put into the other equation, multiplied from the left by the same matrix"
            changed = replace(state, equations=(new, *kept))
            return changed.with_step("commute", matmul(S, hole), scaled(-1, matmul(hole, behind)), words)
    return None


def _sides_of_two_terms(state: State, equation: LinearEquation) -> tuple[Node, Node] | None:
    """A and B of an equation `A H + H B = C` between square matrices."""
    terms = state.terms(equation)
    if len(holes_in(equation.form)) != 1 or not terms or any(t.transposed or t.conj or t.diagonal for t in terms):
        return None
    if equation.form.rank != 2 or equation.projected or equation.form.shape[0] != equation.form.shape[1]:
        return None
    pairs = grouped(terms, equation.form)
    before = [pair.left for pair in pairs if pair.right is None]
    behind = [(pair.left, pair.right) for pair in pairs if pair.right is not None]
    if len(before) != 1 or len(behind) != 1:
        return None
    number, left = split_coefficient(behind[0][0])
    return (before[0], scaled(number, behind[0][1])) if is_identity(left) else None


def _sign(state: State, equation: LinearEquation) -> int:
    """−1 if every term is negative when the symmetry of the unknown is used, so that both sides are turned."""
    terms = state.terms(equation)
    return -1 if terms and all(split_coefficient(term.scalar)[0] < 0 for term in terms) else 1


def sylvester_inverse(state: State, equation: LinearEquation, hole: Hole) -> Callable[[Node], Node] | None:
    """What solves `A H B + C H D = R` for the unknown, given R; None if the equation is no such."""
    space = None if state.specs[hole].normal_to is not None else matching_space(state, equation, hole)
    terms = state.terms(equation)
    if hole.rank != 2 or space is None or not terms or terms[0].diagonal:
        return None
    pairs = grouped(terms, equation.form)
    if len(pairs) != 2 or len({(t.transposed, t.conj) for t in terms}) != 1:
        return None
    pairs = _balanced(pairs)
    fresh = Hole(0, hole.shape[::-1] if terms[0].transposed else hole.shape, hole.real)
    form = add(matmul(matmul(p.left, fresh), p.right) if p.right is not None else matmul(p.left, fresh) for p in pairs)
    unknown = Unknown(fresh.shape, space, hole.real)
    sign = _sign(state, equation)
    operator = simplify(scaled(sign, form))

    def inverse(right: Node) -> Node:
        side = scaled(sign, right)
        side = side if is_mirrored(expand(side, lambda _: True), space) else project_space(side, space)
        found = Solve((unknown,), (Equation(operator, space),), (side,), 0)
        return _turned_back(found, terms[0])

    return inverse


def _turned_back(value: Node, term: Term) -> Node:
    """The unknown itself, where its transpose or its conjugate was solved for."""
    value = permute(value, (1, 0)) if term.transposed else value
    return conjugate(value) if term.conj else value


def matching_space(state: State, equation: LinearEquation, hole: Hole) -> Space | None:
    """The space on which the equation is as large as its unknown.

    One between all matrices whose left side is symmetric for a symmetric unknown is an equation between symmetric
    ones, since its right side is then symmetric wherever there is a solution; the same holds of skew ones.
    """
    space = state.specs[hole].space
    if product(equation.form.shape) != product(hole.shape):
        return None
    if space is equation.space:
        return space
    if equation.space is not Space.FREE or not space.mirrors(hole.real) or equation.form.shape != hole.shape:
        return None
    numbered = substitute(equation.form, {hole: Hole.of(hole)})
    expanded = expand(numbered, lambda _: True)
    if is_its_own_mirror_image(expanded, Unknown(hole.shape, space, hole.real)):
        return space
    return Space.FREE if state.fits(hole, equation) else None

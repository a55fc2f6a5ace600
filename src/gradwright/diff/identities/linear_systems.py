"""What is left when nothing can be isolated: Sylvester's equation and its kin, and block systems.

A single matrix unknown between two pairs of factors, `A H + H B = C` or `H − A H B = C`, becomes a
`Solve` node, which has a standard algorithm. Several vector unknowns become one bordered linear
system, equations in numbers that are too many added to another one. The general case is a `Solve` with
whatever operator there is: with the normal equations if there are more equations than unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

from gradwright.core.build import adjoint, identity, matmul, multiply, ones, outer, permute, product_of, slice_axis
from gradwright.core.contraction import conjugate, is_zero, split_coefficient
from gradwright.core.dims import Dim, product
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Equation, Hole, Node, Selection, Solve, Unknown
from gradwright.core.scalars import scalars_of
from gradwright.core.spaces import Space
from gradwright.core.sums import add, coefficient_of, scaled, subtract, terms_of
from gradwright.core.walks import substitute
from gradwright.diff.identities.isolate import Pair, grouped, isolated, matrix_of, weight_of
from gradwright.diff.identities.regions import determinant_of, with_column
from gradwright.diff.identities.state import State, hidden_pivots, inverse_of, is_known_invertible
from gradwright.diff.identities.terms import LinearEquation, Term, holes_in, reduce_terms, tidy
from gradwright.frozen import replace
from gradwright.linear.forms import push, transpose
from gradwright.linear.projection import project_space
from gradwright.linear.recognise import sylvester_operands
from gradwright.prims.inv import inv
from gradwright.prims.power import raise_to
from gradwright.simplify.equations import COMPLEX_MIRRORED, REAL_MIRRORED, is_its_own_mirror_image, is_mirrored
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify

ONE = Dim.of(1)


def bring_to_two_sides(state: State) -> State | None:
    """`C⁻¹ A H + H D B⁻¹` for `A H B + C H D`, and `C⁻¹ A H (C⁻¹ A)ᴴ + H` for `A H Aᴴ + C H Cᴴ`.

    These have the algorithms of Sylvester and Stein. C and B are known to be invertible, or nothing, so that nothing
    more is asked for. An equation between symmetric matrices stays one where B is Cᴴ.
    """
    for place, equation in enumerate(state.equations):
        holes, terms = holes_in(equation.form), state.terms(equation)
        space = _matching_space(state, equation, holes[0]) if len(holes) == 1 and terms else None
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
    inverse = _sylvester_inverse(state, equation, hole)
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


def _is_mirrored(pair: Pair) -> bool:
    """Whether the two sides are `A H Aᴴ`."""
    left = split_coefficient(pair.left)[1]
    return pair.right is not None and simplify(adjoint(left)) == simplify(pair.right)


def _is_multiple_of_identity(matrix: Node) -> bool:
    return scalars_of(matrix)[1] == identity(matrix.shape[0])


def solve_sylvester(state: State) -> State | None:
    """One matrix unknown between two pairs of factors."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) != 1:
            continue
        inverse = _sylvester_inverse(state, equation, holes[0])
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
    return (before[0], scaled(number, behind[0][1])) if left == identity(left.shape[0]) else None


def _sign(state: State, equation: LinearEquation) -> int:
    """−1 if every term is negative when the symmetry of the unknown is used, so that both sides are turned."""
    terms = state.terms(equation)
    return -1 if terms and all(split_coefficient(term.scalar)[0] < 0 for term in terms) else 1


def _sylvester_inverse(state: State, equation: LinearEquation, hole: Hole) -> Callable[[Node], Node] | None:
    """What solves `A H B + C H D = R` for the unknown, given R; None if the equation is no such."""
    space = None if state.specs[hole].normal_to is not None else _matching_space(state, equation, hole)
    terms = state.terms(equation)
    if hole.rank != 2 or space is None or not terms or terms[0].diagonal:
        return None
    pairs = grouped(terms, equation.form)
    if len(pairs) != 2 or len({(t.transposed, t.conj) for t in terms}) != 1:
        return None
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


def without_explicit_matrices(state: State) -> State:
    """The equations with the matrices put in that one of them gives in terms of the rest."""
    while (found := eliminate_explicit(state, least_rank=2)) is not None:
        state = found
    return state


def eliminate_explicit(state: State, least_rank: int = 0) -> State | None:
    """An unknown that one equation gives in terms of the others, as `u = V z + b` does: substitute it."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) < 2 or equation.projected:
            continue
        for hole in holes if _is_apart(equation.form) else ():
            own, rest = _parted(equation.form, hole)
            coefficient, alone = split_coefficient(own)
            spec = state.specs[hole]
            if alone != hole or not state.fits(hole, equation) or spec.normal_to is not None or hole.rank < least_rank:
                continue
            value = scaled(1 / coefficient, subtract(equation.right, rest))
            return state.with_step("eliminate", hole, value, "substitute one unknown").with_solution(hole, value, place)
    return None


def eliminate_divided(state: State) -> State | None:
    """A vector that one equation divides by positive numbers, as `dx / x + Aᵀ dl = c` does: substitute it.

    The rest is as large as the other unknowns, where one system of blocks would hold them all.
    """
    return _eliminated(state, _positively_divided_map) if _are_vectors(state) else None


def eliminate(state: State) -> State | None:
    """Solve one equation for one of its unknowns, in terms of the others, and substitute.

    By the inverse of a matrix if there is such an equation, so that a Sylvester equation is solved last.
    """
    return _eliminated(state, _isolated_map) or _eliminated(state, _divided_map) or _eliminated(state, _inverse_map)


def _eliminated(
    state: State, inverse_of: Callable[[State, LinearEquation, Hole], Callable[[Node], Node] | None]
) -> State | None:
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) < 2 or equation.projected:
            continue
        for hole in holes if _is_apart(equation.form) else ():
            own, rest = _parted(equation.form, hole)
            inverse = inverse_of(state, replace(equation, form=own), hole)
            if inverse is None:
                continue
            value = subtract(inverse(equation.right), inverse(rest))
            pivots = _pivots(state, replace(equation, form=own))
            changed = state.with_solution(hole, value, place).with_pivots(pivots)
            return changed.with_step("eliminate", own, subtract(equation.right, rest), "solve for one unknown")
    return None


def _is_apart(form: Node) -> bool:
    """Whether every term has one unknown, so that those in one can be told from the others."""
    return all(len(holes_in(term)) == 1 for term in terms_of(form))


def _parted(form: Node, hole: Hole) -> tuple[Node, Node]:
    """The terms of a form in one unknown, and the others."""
    terms = terms_of(form)
    own, rest = ([t for t in terms if (hole in holes_in(t)) is inside] for inside in (True, False))
    return add(own), add(rest)


def _pivots(state: State, equation: LinearEquation) -> list[Node]:
    """What an equation in one unknown is multiplied with the inverse of, as far as that is an unknown."""
    pairs = grouped(state.terms(equation) or [], equation.form)
    return hidden_pivots(pairs[0].sides, state) if len(pairs) == 1 else []


def _inverse_map(state: State, equation: LinearEquation, hole: Hole) -> Callable[[Node], Node] | None:
    return _isolated_map(state, equation, hole) or _sylvester_inverse(state, equation, hole)


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


def _isolate_from(state: State, equation: LinearEquation, pair: Pair, term: Term, right: Node) -> Node:
    found = isolated(state, replace(equation, right=right), pair, term)
    assert found is not None
    return found


def _in_matching_space(state: State, equation: LinearEquation) -> LinearEquation:
    """An equation in one unknown between symmetric matrices, where that is all it says."""
    holes = holes_in(equation.form)
    space = _matching_space(state, equation, holes[0]) if len(holes) == 1 and not equation.projected else None
    return equation if space is None else replace(equation, space=space)


def _matching_space(state: State, equation: LinearEquation, hole: Hole) -> Space | None:
    """The space on which the equation is as large as its unknown.

    One between all matrices whose left side is symmetric for a symmetric unknown is an equation between symmetric
    ones, since its right side is then symmetric wherever there is a solution; the same holds of skew ones.
    """
    space = state.specs[hole].space
    if product(equation.form.shape) != product(hole.shape):
        return None
    if space is equation.space:
        return space
    mirrored = REAL_MIRRORED if hole.real else COMPLEX_MIRRORED
    if equation.space is not Space.FREE or space not in mirrored.values() or equation.form.shape != hole.shape:
        return None
    numbered = substitute(equation.form, {hole: Hole(0, hole.shape, hole.real)})
    expanded = expand(numbered, lambda _: True)
    if is_its_own_mirror_image(expanded, Unknown(hole.shape, space, hole.real)):
        return space
    return Space.FREE if state.fits(hole, equation) else None


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


def border(state: State) -> State | None:
    """Vector and scalar unknowns in vector and scalar equations: one linear system of blocks."""
    if not _are_vectors(state) or _length(e.form for e in state.equations) != _length(state.open_holes):
        return None
    return _as_one_system(state, lambda M, c: (M, c))


def with_numbers_joined(state: State) -> Iterator[State]:
    """Equations in numbers that are too many, such as `sum(h) = sum(k)`, added to every entry of another equation.

    They choose one of the solutions that a singular system `M h = c` has: with `gᵀ h = γ` it says the same as
    `(M + 1 gᵀ) h = c + γ 1`, if that is regular. Whether it is has to be tried; the sums go to one of the equations.
    """
    numbers = [e for e in state.equations if not e.form.rank]
    others = [e for e in state.equations if e.form.rank]
    if not numbers or not _are_vectors(state) or _length(e.form for e in others) != _length(state.open_holes):
        return
    form, right = add(e.form for e in numbers), add(e.right for e in numbers)
    if coefficient_of(terms_of(form)[-1]) < 0:
        form, right = scaled(-1, form), scaled(-1, right)
    for place in reversed(range(len(others))):
        spread = ones(others[place].form.shape)
        joined = replace(
            others[place],
            form=add([others[place].form, multiply(form, spread)]),
            right=add([others[place].right, multiply(right, spread)]),
        )
        changed = replace(state, equations=(*others[:place], joined, *others[place + 1 :]))
        words = "add the equation in numbers to every entry, which makes the system regular"
        yield changed.with_step("join", joined.form, joined.right, words)


def border_surplus(state: State) -> State | None:
    """The same with more equations than unknowns, which agree: `M h = c` gives `h = (Mᵀ M)⁻¹ Mᵀ c`.

    That is `M⁺ c`, but M⁺ has a value where M has not full rank, so that the equations leave h free.
    """
    if not _are_vectors(state):
        return None
    surplus = _length(e.form for e in state.equations) - _length(state.open_holes)
    if surplus == Dim.of(0) or not surplus.is_at_least(Dim.of(0)):
        return None
    return _as_one_system(state, _normal(state))


def _are_vectors(state: State) -> bool:
    holes, equations = state.open_holes, state.equations
    several = len(holes) > 1 or len(equations) > 1
    return several and bool(holes) and all(part.rank < 2 for part in (*holes, *(e.form for e in equations)))


def _as_one_system(state: State, squared: Callable[[Node, Node], tuple[Node, Node]]) -> State | None:
    """The blocks in one matrix M, the right sides in one vector c, and `M h = c` as a square system solved."""
    holes = state.open_holes
    rows = _places([equation.form for equation in state.equations])
    columns = _places(holes)
    blocks: list[Node] = []
    for equation, row in zip(state.equations, rows, strict=True):
        for hole, column in zip(holes, columns, strict=True):
            block = matrix_of(push(equation.form, {hole: hole}), hole)
            if block is None:
                return None
            blocks.append(_placed(block, [row, column]))
    matrix = add(blocks)
    side = add(_placed(e.right, [row]) for e, row in zip(state.equations, rows, strict=True))
    unknowns = add(_placed(hole, [place]) for hole, place in zip(holes, columns, strict=True))
    changed = replace(state, equations=())
    changed = changed.with_step("border", matmul(matrix, unknowns), side, "write the equations as one system of blocks")
    square, right = squared(matrix, side)
    if square != matrix:
        words = "multiply by the adjoint, as there are more equations than unknowns"
        changed = changed.with_step("normal equations", matmul(square, unknowns), right, words)
    whole, start = reduce_terms(matmul(Apply(inv, (), (square,)), right), ()), Dim.of(0)
    for hole in holes:
        stop = start + _length([hole])
        part = slice_axis(whole, 0, start, stop) if hole.rank else _entry(whole, start)
        changed = replace(changed, solved=(*changed.solved, (hole, part)))
        start = stop
    return changed


def _normal(state: State) -> Callable[[Node, Node], tuple[Node, Node]]:
    """`Mᵀ M` and `Mᵀ c` for M and c; for one unknown vector they are sums over the blocks."""
    hole, *others = state.open_holes
    if others or not hole.rank:
        return lambda M, c: (matmul(adjoint(M), M), matmul(adjoint(M), c))
    squares: list[Node] = []
    sides: list[Node] = []
    for equation in state.equations:
        block = matrix_of(push(equation.form, {hole: hole}), hole)
        if block is None:
            break  # which is found again where the blocks are put together
        matrix = block if block.rank == 2 else outer(ones((ONE,)), block)
        right = equation.right if block.rank == 2 else multiply(equation.right, ones((ONE,)))
        squares.append(matmul(adjoint(matrix), matrix))
        sides.append(matmul(adjoint(matrix), right))
    return lambda M, c: (simplify(add(squares)), simplify(add(sides)))


def _length(nodes: Iterable[Node]) -> Dim:
    return sum((node.shape[0] if node.rank else ONE for node in nodes), Dim.of(0))


def _places(nodes: Sequence[Node]) -> list[Selection]:
    """What places each of some vectors and numbers in the vector of all: columns of the identity."""
    whole, start = _length(nodes), Dim.of(0)
    found: list[Selection] = []
    for node in nodes:
        found.append(Selection(whole, node.shape[0] if node.rank else None, start))
        start = start + _length([node])
    return found


def _placed(node: Node, places: Sequence[Selection]) -> Node:
    """A block, or a part of a vector, in its place; a number has no axis of its own."""
    factors: list[tuple[Node, Sequence[int]]] = []
    inside: list[int] = []
    for axis, place in enumerate(places):
        if place.part is None:
            factors.append((place, (axis,)))
        elif place.part == place.whole:
            inside.append(axis)
        else:
            inside.append(len(places) + axis)
            factors.append((place, (axis, len(places) + axis)))
    return product_of([*factors, (node, inside)], range(len(places)))


def _entry(vector: Node, place: Dim) -> Node:
    return product_of([(vector, (0,)), (Selection(vector.shape[0], None, place), (0,))], ())


def solve_generally(state: State) -> State:
    """All unknowns at once, by a `Solve` with the operators as they stand."""
    state = replace(state, equations=tuple(_in_matching_space(state, equation) for equation in state.equations))
    holes = state.open_holes
    renumbered: dict[Node, Node] = {hole: Hole(place, hole.shape, hole.real) for place, hole in enumerate(holes)}
    forms = [substitute(e.form, renumbered) for e in state.equations]
    unknowns = tuple(Unknown(h.shape, state.specs[h].space, h.real) for h in holes)
    equations = tuple(Equation(form, e.space) for form, e in zip(forms, state.equations, strict=True))
    sides = tuple(project_space(e.right, e.space) for e in state.equations)
    sought = sum((u.space.dimension(u.shape, u.real) for u in unknowns), Dim.of(0))
    stated = sum((e.space.dimension(e.operator.shape, e.operator.real) for e in equations), Dim.of(0))
    if sought != stated:
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

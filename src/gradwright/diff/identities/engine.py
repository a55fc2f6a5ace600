"""Solving an identity for the differentials of its unknowns.

Both sides are differentiated with opaque unknowns, so that no equation collapses to 0 = 0. Then every
choice of frames is tried with the rules that give closed forms; if none of them does, the equations
are left to a general linear solve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from gradwright.core.arithmetic import Array, FloatArithmetic
from gradwright.core.build import adjoint, matmul, multiply, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_zero, split_coefficient, zero
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Hole, Node, Symbol, field_of
from gradwright.core.primitive import Primitive
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.core.walks import free_leaves, substitute
from gradwright.diff.differential import differential
from gradwright.diff.identities.complements import solve_normal_part, split_normal_parts
from gradwright.diff.identities.diagonals import merge_diagonals
from gradwright.diff.identities.frames import (
    Frame,
    HoleSpec,
    direct_frames,
    frame_choices,
    is_orthonormal,
    recovered,
)
from gradwright.diff.identities.functionals import hold_functionals
from gradwright.diff.identities.isolate import (
    divide,
    isolate,
    isolate_along_axes,
    isolate_vector,
    strip_common_factors,
)
from gradwright.diff.identities.linear_systems import (
    border,
    border_surplus,
    bring_to_two_sides,
    commute,
    eliminate,
    eliminate_divided,
    eliminate_explicit,
    solve_generally,
    solve_sylvester,
    solve_two_numbers,
    with_numbers_joined,
    without_explicit_matrices,
)
from gradwright.diff.identities.linearised import needed_equations
from gradwright.diff.identities.problem import (
    Equation,
    FramePart,
    FrameUse,
    Problem,
    Solution,
    orthonormality,
    problem_of,
)
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
from gradwright.diff.identities.terms import LinearEquation, holes_in, reduce_terms, tidy, unfolded
from gradwright.frozen import replace
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.linear.forms import push
from gradwright.prims.inv import inv
from gradwright.prims.power import raise_to
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify
from gradwright.simplify.relations import Relation

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
NOTHING: Mapping[Node, Node] = {}


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
        for used in _sufficient(problem, points):
            found = _solve_by_rules(problem, used, points, relaxed)
            if found is not None:
                return found
    points = points or further()
    frames = direct_frames(problem.unknowns)
    state = _linearised(problem, problem.equations, frames, problem.relations(), constraints=True)
    vectors = without_explicit_matrices(state)
    for joined in with_numbers_joined(vectors) if points else ():
        closed = _run(joined)
        if not closed.open_holes and _is_right(problem, found := _finish(problem, frames, closed), points):
            return found
    bordered = border_surplus(vectors)
    if bordered is not None and _is_right(problem, found := _finish(problem, frames, bordered), points):
        return found
    while (stripped := strip_common_factors(state)) is not None:
        state = stripped
    return replace(_finish(problem, frames, solve_generally(state)), general=True)


def _solve_by_rules(
    problem: Problem, used: tuple[Equation, ...], points: Sequence[SolutionPoint], relaxed: bool
) -> Solution | None:
    """The first way to use the identities and to choose frames by which the rules find every direction."""
    for identities in _rewritings(problem):
        for stated in _stated_givens(problem) if relaxed else (NOTHING,):
            for frames in frame_choices(problem.unknowns, problem.duals):
                start = _linearised(problem, used, frames, identities, stated, relaxed)
                state = _run(_without_cancelled(start, points) if points else start)
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
            own, rest = (
                [t for t in terms_of(equation.form) if (hole in holes_in(t)) is inside] for inside in (True, False)
            )
            if len(own) > 1 and rest and all(cancel(own, hole, point) for point in points):
                state = state.replace_equation(place, replace(equation, form=add(rest)))
                state = state.with_step("cancel", add(own), zero(equation.form.shape), "by the identity")
                return _without_cancelled(state, points)
    return state


def _stated_givens(problem: Problem) -> Iterator[Mapping[Node, Node]]:
    """Nothing; then an input as an equation states it in terms of unknowns: A is `U W⁻¹` where `A W = U`."""
    yield NOTHING
    for equation in problem.equations:
        for side, other in ((equation.left, equation.right), (equation.right, equation.left)):
            chain = chain_of(side) if side.rank == 2 else None
            elements = () if chain is None else chain.elements
            places = [place for place, element in enumerate(elements) if element in problem.givens]
            if chain is None or chain.scalar.rank or len(places) != 1 or elements[places[0]] in free_leaves(other):
                continue
            before, after = elements[: places[0]], elements[places[0] + 1 :]
            if (before or after) and all(e.shape[0] == e.shape[1] for e in (*before, *after)):
                value = multiply(raise_to(chain.scalar, Fraction(-1)), other)
                for element in before:
                    value = matmul(Apply(inv, (), (element,)), value)
                for element in reversed(after):
                    value = matmul(value, Apply(inv, (), (element,)))
                yield {elements[places[0]]: simplify(value)}


def _is_right(problem: Problem, solution: Solution, points: Sequence[SolutionPoint]) -> bool:
    return all(agrees(problem, solution.differentials, point) for point in points)


def _sufficient(problem: Problem, points: Sequence[SolutionPoint]) -> Iterator[tuple[Equation, ...]]:
    """The equations; then without those that follow from the others, as `Y X = I` does from `X Y = I`."""
    yield problem.equations
    kept = needed_equations(problem, points) if points else problem.equations
    if len(kept) < len(problem.equations):
        yield kept


def cancel_outer_factors(problem: Problem) -> Problem:
    """Cancel an invertible unknown that begins or ends both sides of an equation."""
    return replace(problem, equations=tuple(map(_cancelled, problem.equations)))


def _cancelled(equation: Equation) -> Equation:
    if equation.left.rank != 2:
        return equation
    if is_zero(equation.left) or is_zero(equation.right):
        terms = [*terms_of(equation.left), *(scaled(-1, term) for term in terms_of(equation.right))]
        return _shortened([term for term in terms if not is_zero(term)], equation)
    return _shortened([equation.left, equation.right], equation)


def _shortened(sides: Sequence[Node], equation: Equation) -> Equation:
    """The sides of an equation, or its terms where one side is zero, without invertible factors that all share."""
    chains = [chain_of(side) for side in sides]
    known = [chain for chain in chains if chain is not None]
    if len(known) < max(2, len(chains)):
        return equation
    elements = [list(chain.elements) for chain in known]
    changed = False
    while _share_an_end(elements, 0):
        elements, changed = [e[1:] for e in elements], True
    while _share_an_end(elements, -1):
        elements, changed = [e[:-1] for e in elements], True
    if not changed:
        return equation
    short = [multiply(c.scalar, product_of_chain(e, equation.left)) for c, e in zip(known, elements, strict=True)]
    if not is_zero(equation.left) and not is_zero(equation.right):
        return Equation(short[0], short[1])
    number, first = split_coefficient(short[0])
    return Equation(first, scaled(-1 / number, add(short[1:])))


def _share_an_end(chains: Sequence[Sequence[Node]], end: int) -> bool:
    """Whether all chains begin (or end) with one invertible matrix, and something is left of one of them without it."""
    if not all(chains) or any(chain[end] != chains[0][end] for chain in chains):
        return False
    return "invertible" in facts_of(chains[0][end]) and sum(map(len, chains)) > len(chains)


def _rewritings(problem: Problem) -> Iterator[tuple[Relation, ...]]:
    """Ways to use the identities: where they shorten a product, or `A V = V Λ` from either side."""
    yield problem.relations()
    together = _exchanges_of_givens(problem)
    if len(together) > 1:
        yield (*problem.relations(besides=together), *together.values())
    for equation in problem.equations:
        for left, right in ((equation.left, equation.right), (equation.right, equation.left)):
            exchange = _exchange(merge_diagonals(left), merge_diagonals(right))
            if exchange is not None:
                yield (*problem.relations(besides=(equation,)), exchange)


def _exchanges_of_givens(problem: Problem) -> dict[Equation, Relation]:
    """`A V → U S` and `Aᵀ U → V S` together: of each equation the way that leaves fewer inputs, else as it is written.

    None of them undoes another.
    """
    found: dict[Equation, Relation] = {}
    for equation in problem.equations:
        sides = merge_diagonals(equation.left), merge_diagonals(equation.right)
        counts = [sum(leaf in problem.givens for leaf in free_leaves(side)) for side in sides]
        exchange = _exchange(*(sides if counts[0] >= counts[1] else sides[::-1]))
        others = found.values()
        if exchange is not None and not any(_undoes(exchange, o) or _undoes(o, exchange) for o in others):
            found[equation] = exchange
    return found


def _undoes(one: Relation, other: Relation) -> bool:
    """Whether a relation applies to what another one leads to."""
    return {f.node for f in one.pattern.factors} <= {f.node for f in as_product(other.replacement).factors}


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
    problem: Problem,
    used: tuple[Equation, ...],
    frames: tuple[Frame, ...],
    identities: tuple[Relation, ...],
    stated: Mapping[Node, Node] = NOTHING,
    relaxed: bool = False,
    constraints: bool = False,
) -> State:
    """The differentiated equations, the unknowns' directions written in their frames.

    Inputs that are stated in terms of the unknowns are written so beside the unknowns' directions.
    """
    specs = {spec.hole: spec for frame in frames for spec in frame.parts}
    relations = (*identities, *_normal_relations(frames))
    equations = list(used)
    if constraints:
        equations += [orthonormality(unknown) for unknown in problem.unknowns if is_orthonormal(unknown)]
    linear = [_linear_equation(problem, frames, equation) for equation in equations]
    linear += [_gauge_equation(problem, frames, equation) for equation in problem.gauge]
    linear = [replace(e, form=substitute(e.form, stated)) for e in linear] if stated else linear
    kept = tuple(tidy(unfolded(equation), relations) for equation in linear if not is_zero(equation.form))
    statements = [pair for e in problem.equations for pair in ((e.left, e.right), (e.right, e.left))]
    return State(kept, specs, problem.unknowns, relations, tuple(statements), relaxed=relaxed)


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

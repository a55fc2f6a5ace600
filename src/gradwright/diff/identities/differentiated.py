"""The differentiated equations of an identity, with the unknowns' directions written in their frames."""

from __future__ import annotations

from collections.abc import Mapping

from gradwright.core.build import adjoint, matmul, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_zero, zero
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.spaces import Space, mirror_space
from gradwright.core.sums import subtract
from gradwright.core.walks import free_leaves, substitute
from gradwright.diff.differential import differential
from gradwright.diff.identities.choices import NOTHING
from gradwright.diff.identities.frames import Frame, is_orthonormal
from gradwright.diff.identities.problem import Equation, Problem, orthonormality
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import LinearEquation, tidy, unfolded
from gradwright.frozen import replace
from gradwright.linear.forms import push
from gradwright.simplify.expansion import expand
from gradwright.simplify.relations import Relation


def differentiated(
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
    """Functions of unknowns that an equation has a name or a number for, as of `z = tanh(W z)`, or of `norm(v) = 1`."""
    symbols = {*problem.unknowns, *problem.givens}
    found: dict[Node, Node] = {}
    for equation in (*problem.equations, *problem.squares):
        for alone, other in ((equation.left, equation.right), (equation.right, equation.left)):
            is_told = isinstance(other, Apply) and alone in problem.unknowns
            if not alone.rank:
                is_told = alone in symbols or (symbols.isdisjoint(free_leaves(alone)) and not is_zero(alone))
            if is_told and not isinstance(other, Symbol) and not set(problem.unknowns).isdisjoint(free_leaves(other)):
                found[other] = alone
    return found


def _equation_space(equation: Equation) -> Space:
    """A symmetric or a skew equation counts half."""
    left, right = (_without_skew(side) for side in (equation.left, equation.right))
    facts = (facts_of(left) & facts_of(right)) | facts_of(subtract(left, right))
    mirrored = (mirror_space(facts, real) for real in (True, False)) if left.rank == 2 else ()
    return next((space for space in mirrored if space is not Space.FREE), Space.FREE)


def _without_skew(node: Node) -> Node:
    """Skew matrices written `Z − Zᵀ`, so that the mirror image of a product shows its sign."""
    skew = [s for s in free_leaves(node) if isinstance(s, Symbol) and "skew" in s.facts and s.real]
    free = {s: Symbol(f"{s.name}_free", s.shape) for s in skew}
    opened: dict[Node, Node] = {s: subtract(z, transpose(z)) for s, z in free.items()}
    inside = set(free.values())
    return expand(substitute(node, opened), lambda n: not inside.isdisjoint(free_leaves(n))) if skew else node


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

"""Functions of matrices: `f(Y) = X` is solved by the derivative of the inverse function."""

from __future__ import annotations

from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Hole, Node, Solve
from gradwright.core.spaces import Space
from gradwright.core.walks import postorder, substitute
from gradwright.diff.identities.frames import HoleSpec
from gradwright.diff.identities.state import Rules, State
from gradwright.diff.identities.terms import LinearEquation, holes_in, reduce_terms
from gradwright.frozen import replace
from gradwright.linear.forms import push
from gradwright.prims.divided_differences import first_difference, function_of
from gradwright.simplify.equations import is_its_own_mirror_image


def invert_spectral(state: State) -> State | None:
    """`f[Y, Y](H) = C` ⇒ `H = g[X, X](C)` with g the inverse function of f and X = f(Y)."""
    for place, equation in enumerate(state.equations):
        found = _inverted(equation.form, equation.right, state)
        if found is not None and not equation.projected:
            hole, value = found
            changed = state.with_solution(hole, value, place)
            return changed.with_step(
                "invert a matrix function", hole, value, "by the derivative of its inverse function"
            )
    return None


def invert_inside(state: State, solve: Rules) -> State | None:
    """`A f[Y, Y](H) B = C`: solve for the image `f[Y, Y](H)` of the unknown, by all the rules, and then for H."""
    for place, equation in enumerate(state.equations):
        found = _image_of(equation, state)
        if found is None:
            continue
        image, spec = found
        alone = replace(equation, form=substitute(equation.form, {image: spec.hole}))
        inner = solve(state.apart([alone], [spec]))
        if not inner.is_solved:
            continue
        value = dict(inner.solved)[spec.hole]
        solved = _solved_for(image, value, state)
        assert solved is not None
        shown: dict[Node, Node] = {spec.hole: image}
        steps = [replace(s, left=substitute(s.left, shown), right=substitute(s.right, shown)) for s in inner.steps]
        changed = replace(state, steps=(*state.steps, *steps)).with_pivots(inner.pivots)
        reason = "by the derivative of its inverse function" if isinstance(image, Apply) else "by its equation"
        return changed.with_solution(*solved, place).with_step("invert a matrix function", *solved, reason)
    return None


def _image_of(equation: LinearEquation, state: State) -> tuple[Node, HoleSpec] | None:
    """A linear function of the one unknown of an equation, if it occurs in no other way, and what stands for it.

    In `f[Y, Y](H) A = C` that is `f[Y, Y](H)`, which can be inverted once it is found; so can the solution of an
    equation with right side H, by its left side.
    """
    holes = holes_in(equation.form)
    if len(holes) != 1 or equation.form in holes or equation.projected:
        return None
    (hole,) = holes
    images = [node for node in postorder(equation.form) if _solved_for(node, node, state) is not None]
    if len(images) != 1 or images[0].shape != hole.shape or images[0].real is not hole.real:
        return None
    fresh = Hole(1 + max(h.number for h in state.specs), hole.shape, hole.real)
    if hole in holes_in(substitute(equation.form, {images[0]: fresh})):
        return None
    return images[0], HoleSpec(fresh, _space_of(images[0], state.specs[hole].space))


def _space_of(image: Node, space: Space) -> Space:
    """Where an image lives: a function of a symmetric matrix has symmetric derivatives in symmetric directions."""
    if isinstance(image, Solve):
        (unknown,), (equation,) = image.unknowns, image.equations
        kept = space.mirrors(unknown.real) and is_its_own_mirror_image(equation.operator, unknown._replace(space=space))
        return space if kept else unknown.space
    assert isinstance(image, Apply)
    facts = facts_of(image.arguments[0])
    kept = (space is Space.SYMMETRIC and "symmetric" in facts) or (space is Space.HERMITIAN and "hermitian" in facts)
    return space if kept else Space.FREE


def _solved_for(image: Node, value: Node, state: State) -> tuple[Hole, Node] | None:
    """The unknown of which an image, with a value that is known, is the image, and its value."""
    if not isinstance(image, Solve):
        return _inverted(image, value, state)
    if len(image.unknowns) != 1 or len(image.equations) != 1 or image.trailing:
        return None
    (right,), (equation,), (unknown,) = image.right_sides, image.equations, image.unknowns
    if not isinstance(right, Hole) or holes_in(image) != (right,):
        return None
    pushed = push(equation.operator, {Hole.of(unknown): value})
    stated: dict[Node, Node] = {left: known for left, known in state.statements if isinstance(left, Apply)}
    return right, reduce_terms(substitute(pushed, stated), state.relations)


def _inverted(form: Node, right: Node, state: State) -> tuple[Hole, Node] | None:
    if not isinstance(form, Apply) or len(form.arguments) != 3:
        return None
    before, hole, after = form.arguments
    if not isinstance(hole, Hole) or before != after or holes_in(before):
        return None
    function = function_of(form.primitive)
    if function is None or not function.inverse:
        return None
    given = reduce_terms(_given(Apply(function, (), (before,)), state), state.relations)
    return hole, Apply(first_difference(function.inverse), (), (given, right, given))


def _given(image: Node, state: State) -> Node:
    """What an equation `f(Y) = X` says that the image is."""
    return next((right for left, right in state.statements if left == image), image)

"""Functions of matrices: `f(Y) = X` is solved by the derivative of the inverse function."""

from __future__ import annotations

from gradwright.core.nodes import Apply, Hole, Node
from gradwright.core.registry import FUNCTIONS, Call
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import holes_in, reduce_terms
from gradwright.prims.divided_differences import first_difference


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


def _inverted(form: Node, right: Node, state: State) -> tuple[Hole, Node] | None:
    if not isinstance(form, Apply) or len(form.arguments) != 3:
        return None
    before, hole, after = form.arguments
    if not isinstance(hole, Hole) or before != after or holes_in(before):
        return None
    for function in FUNCTIONS.values():
        if len(function.primitives) != 1 or not function.primitives[0].inverse:
            continue
        primitive = function.primitives[0]
        if first_difference(primitive.name) is not form.primitive:
            continue
        image = function.build(Call(function.name, (before,), {}))
        assert isinstance(image, Node)
        given = reduce_terms(_given(image, state), state.relations)
        inverse = first_difference(primitive.inverse)
        return hole, Apply(inverse, (), (given, right, given))
    return None


def _given(image: Node, state: State) -> Node:
    """What an equation `f(Y) = X` says that the image is."""
    return next((right for left, right in state.statements if left == image), image)

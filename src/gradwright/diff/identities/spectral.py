"""Functions of matrices: `f(Y) = X` is solved by the derivative of the inverse function."""

from __future__ import annotations

from gradwright.core.nodes import Apply, Hole, Node
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import holes_in, reduce_terms
from gradwright.prims.divided_differences import first_difference, function_of


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
    function = function_of(form.primitive)
    if function is None or not function.inverse:
        return None
    given = reduce_terms(_given(Apply(function, (), (before,)), state), state.relations)
    return hole, Apply(first_difference(function.inverse), (), (given, right, given))


def _given(image: Node, state: State) -> Node:
    """What an equation `f(Y) = X` says that the image is."""
    return next((right for left, right in state.statements if left == image), image)

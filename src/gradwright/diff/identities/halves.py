"""Equations that say what one half of an unknown is: `M + Mᴴ = C` leaves the skew half, `M − Mᴴ = C` the symmetric.

They are what constraints such as `Qᵀ Q = I` are in the frame `dQ = Q M`. The half that is left is the unknown of the
other equations, where a multiplier is made to stand alone, so that they can be split into their halves, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.build import adjoint, matmul
from gradwright.core.contraction import is_zero
from gradwright.core.nodes import Hole, Node
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.core.walks import free_leaves
from gradwright.diff.identities.frames import HoleSpec
from gradwright.diff.identities.split import COMPLEMENT
from gradwright.diff.identities.state import State, hidden_pivots, inverse_of, is_known_invertible
from gradwright.diff.identities.terms import LinearEquation, Term, holes_in, tidy
from gradwright.frozen import replace
from gradwright.linear.chains import product_of_chain
from gradwright.simplify.pipeline import simplify


def keep_half(state: State) -> State | None:
    """`M + Mᴴ = C` gives `M = ½ C + Ω` with Ω skew, for an M without structure that other equations determine."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        others = [e for p, e in enumerate(state.equations) if p != place]
        if len(holes) != 1 or equation.projected or not any(holes[0] in holes_in(e.form) for e in others):
            continue
        space = _other_half(equation.form, holes[0]) if state.specs[holes[0]].space is Space.FREE else None
        if space is not None:
            return _kept(state, place, holes[0], space)
    return None


def _other_half(form: Node, hole: Hole) -> Space | None:
    """The space of skew matrices for `M + Mᴴ`, that of symmetric ones for `M − Mᴴ`."""
    if not hole.is_square:
        return None
    skew, mirrored = (Space.SKEW, Space.SYMMETRIC) if hole.real else (Space.SKEW_HERMITIAN, Space.HERMITIAN)
    halves = {space: add([hole, scaled(-space.mirror_sign, adjoint(hole))]) for space in (skew, mirrored)}
    return next((space for space, half in halves.items() if is_zero(simplify(subtract(form, half)))), None)


def _kept(state: State, place: int, hole: Hole, space: Space) -> State:
    """The half of an unknown that its equation leaves as the unknown: itself, if the other half is zero."""
    half = scaled(Fraction(1, 2), state.equations[place].right)
    if is_zero(half):
        narrowed = {**state.specs, hole: replace(state.specs[hole], space=space)}
        return replace(state.replace_equation(place), specs=narrowed).tidied()
    rest = Hole(1 + max(h.number for h in state.specs), hole.shape, hole.real)
    name = "Ω" if space.mirror_sign < 0 else "Σ"
    spec = HoleSpec(rest, space, name=name, part_of=subtract(hole, half))
    changed = replace(state, specs={**state.specs, rest: spec})
    return changed.with_solution(hole, add([half, rest]), place)


def let_stand_alone(state: State) -> State | None:
    """`A S B + … = C` multiplied by inverses, so that a symmetric or triangular S stands alone: `S + A⁻¹ … B⁻¹`.

    S occurs nowhere else, as a multiplier, and A and B are known to be invertible, so that nothing more is asked for.
    It is tried when no frame is found in which there are no such factors.
    """
    if not state.relaxed:
        return None
    for place, equation in enumerate(state.equations):
        terms = state.terms(equation)
        if equation.space is not Space.FREE or equation.projected or equation.beside is not None or not terms:
            continue
        elsewhere = {hole for p, e in enumerate(state.equations) if p != place for hole in holes_in(e.form)}
        for term in terms:
            surrounding = None if term.hole in elsewhere else _surrounding(state, term, terms)
            if surrounding is not None:
                return _alone(state, place, term, *surrounding)
    return None


def _surrounding(state: State, term: Term, terms: Sequence[Term]) -> tuple[Node | None, Node | None] | None:
    """What stands before and behind an unknown of one term, if that can be taken off."""
    alone = sum(other.hole == term.hole for other in terms) == 1 and len(terms) > 1
    if not alone or state.specs[term.hole].space not in COMPLEMENT or term.transposed or term.conj or term.diagonal:
        return None
    before, behind = (product_of_chain(side, side[0]) if side else None for side in (term.left, term.right))
    found = [side for side in (before, behind) if side is not None]
    if not found or any(side.shape[0] != side.shape[1] or not is_known_invertible(side, state) for side in found):
        return None
    return before, behind


def _alone(state: State, place: int, term: Term, before: Node | None, behind: Node | None) -> State:
    equation = state.equations[place]

    def taken_off(side: Node) -> Node:
        side = side if before is None else matmul(inverse_of(before, state), side)
        return side if behind is None else matmul(side, inverse_of(behind, state))

    form = add(taken_off(part) for part in terms_of(equation.form))
    new = tidy(LinearEquation(form, taken_off(equation.right)), state.relations)
    pivots = hidden_pivots([side for side in (before, behind) if side is not None], state)
    given = [pivot for pivot in pivots if set(state.unknowns).isdisjoint(free_leaves(pivot))]  # the others exist
    changed = state.replace_equation(place, new).with_pivots(given)
    words = f"so that {state.specs[term.hole].name} stands alone"
    return changed.with_step("multiply by inverses", new.form, new.right, words)

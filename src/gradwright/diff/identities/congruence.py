"""A triangular unknown M beside a matrix T, `M T + Tᴴ Mᴴ = C`, written in triangular factors of T.

With `M = P N W`, P and W triangular as M is, and `W T = D Pᴴ`, it says `N D + D Nᴴ = P⁻¹ C P⁻ᴴ`, entry by entry. For a
Hermitian T these are the factors of `T = P D Pᴴ`, and `W = P⁻¹`; where Tᴴ itself is triangular as M is, it is P.
"""

from __future__ import annotations

from gradwright.core.build import adjoint, diag, diagonal, identity, is_identity, matmul, multiply
from gradwright.core.contraction import is_zero
from gradwright.core.inference import facts_of, is_hermitian
from gradwright.core.nodes import Apply, Hole, Node
from gradwright.core.scalars import scalars_of
from gradwright.core.spaces import Space
from gradwright.core.sums import add, subtract, terms_of
from gradwright.diff.identities.frames import HoleSpec
from gradwright.diff.identities.isolate import grouped
from gradwright.diff.identities.regions import reciprocal
from gradwright.diff.identities.state import State, inverse_of
from gradwright.diff.identities.terms import LinearEquation, holes_in, tidy, with_tensor
from gradwright.frozen import frozen, replace
from gradwright.prims.cholesky import cholesky
from gradwright.prims.ldl import ldl
from gradwright.simplify.pipeline import simplify

TRIANGULAR = {
    Space.LOWER: "lower",
    Space.STRICTLY_LOWER: "lower",
    Space.UPPER: "upper",
    Space.STRICTLY_UPPER: "upper",
}
OTHER = {"lower": "upper", "upper": "lower"}


@frozen
class Factors:
    """P, W and D with `W T = D Pᴴ`, P and W triangular and D diagonal; the inverses of P and W."""

    before: Node
    before_inverse: Node
    behind: Node
    behind_inverse: Node
    diagonal: Node


def split_by_congruence(state: State) -> State | None:
    """Put `M = P N W` into `M T + Tᴴ Mᴴ = C`, or its adjoint into `Tᴴ M + Mᴴ T = C`, so that N is found by entries.

    It is tried when no frame of the unknown's own serves.
    """
    for place, equation in enumerate(state.equations if state.relaxed else ()):
        holes = holes_in(equation.form)
        kind = TRIANGULAR.get(state.specs[holes[0]].space) if len(holes) == 1 and not equation.projected else None
        beside = _beside(state, equation) if kind is not None else None
        if kind is None or beside is None:
            continue
        T, is_behind = beside
        factors = _factors(T, OTHER[kind] if is_behind else kind, state)
        if factors is not None:
            return _in_factors(state, place, holes[0], factors, is_behind)
    return None


def _beside(state: State, equation: LinearEquation) -> tuple[Node, bool] | None:
    """T of an equation `M T + Tᴴ Mᴴ = C` or `Tᴴ M + Mᴴ T = C`, and whether M stands behind it."""
    terms = state.terms(equation)
    if not terms or equation.form.rank != 2 or any(term.diagonal for term in terms):
        return None
    own = [term for term in terms if not term.transposed]
    plain, mirrored = (add(with_tensor(t, t.hole) for t in part) if part else None
                       for part in (own, [term for term in terms if term.transposed]))  # fmt: skip
    pairs = grouped(own, equation.form)
    if plain is None or mirrored is None or len(pairs) != 1:
        return None
    if not is_zero(simplify(subtract(mirrored, adjoint(plain)))):
        return None
    ((left, right),) = ((pair.left, pair.right) for pair in pairs)
    scalar, rest = scalars_of(left)
    if right is None:
        return add(simplify(adjoint(term)) for term in terms_of(left)), True
    return (multiply(scalar, right), False) if is_identity(rest) else None


def _factors(T: Node, kind: str, state: State) -> Factors | None:
    """The factors for an unknown of a kind that stands in front of T."""
    one = identity(T.shape[0])
    P = add(simplify(adjoint(term)) for term in terms_of(T))
    if kind in facts_of(P):
        return Factors(P, inverse_of(P, state), one, one, one)
    if not is_hermitian(T):
        return None
    base = T if kind == "lower" else inverse_of(T, state)
    K, pivots = _decomposed(base)
    K_inverse = inverse_of(K, state)
    if kind == "lower":
        return Factors(K, K_inverse, K_inverse, K, one if pivots is None else diag(pivots))
    D = one if pivots is None else diag(reciprocal(pivots))
    return Factors(adjoint(K_inverse), adjoint(K), adjoint(K), adjoint(K_inverse), D)


def _decomposed(matrix: Node) -> tuple[Node, Node | None]:
    """A lower triangular K and a vector d with `K diag(d) Kᴴ`; no d where it is 1."""
    if "spd" in facts_of(matrix):
        return Apply(cholesky, (), (matrix,)), None
    return Apply(ldl, (), (matrix,)), diagonal(Apply(ldl, (), (matrix,), 1))


def _in_factors(state: State, place: int, hole: Hole, factors: Factors, is_behind: bool) -> State:
    equation = state.equations[place]
    new = Hole(1 + max(h.number for h in state.specs), hole.shape, hole.real)

    def around(tensor: Node, before: Node, behind: Node) -> Node:
        if is_behind:
            before, behind = adjoint(behind), adjoint(before)
        return matmul(matmul(before, tensor), behind)

    part_of = around(hole, factors.before_inverse, factors.behind_inverse)
    changed = replace(state, specs={**state.specs, new: HoleSpec(new, state.specs[hole].space, None, "N", part_of)})
    changed = changed.with_solution(hole, around(new, factors.before, factors.behind), place)
    turned = adjoint(new) if is_behind else new
    form = add([matmul(turned, factors.diagonal), matmul(factors.diagonal, adjoint(turned))])
    right = matmul(matmul(factors.before_inverse, equation.right), adjoint(factors.before_inverse))
    reduced = tidy(replace(equation, form=form, right=right), state.relations)
    changed = replace(changed, equations=(*changed.equations, reduced))
    return changed.with_step("multiply by inverses", reduced.form, reduced.right, "take off the triangular factors")

"""A direction `Q Ω + K` with a part K that is orthogonal to the columns of Q: split its equation by Q, and solve for K.

Multiplied by the adjoint of Q (or of another W with `Wᴴ F = I`, F standing before the other unknowns), an equation
leaves these; multiplied by `I − F Wᴴ`, it leaves K, of which `Zᴴ K = 0` is known. So K is unique where
`A K − K L + F M = C, Zᴴ K = 0` is regular, M being as large as Ω: for eigenvectors that is Nelson's bordered system,
all columns at once (Nelson 1976, AIAA Journal 14, 1201-1205; Magnus 1985, Econometric Theory 1, 179-191).
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.build import adjoint, identity, matmul
from gradwright.core.contraction import is_zero, split_coefficient, zero
from gradwright.core.nodes import Equation, Hole, Node, Solve, Unknown
from gradwright.core.spaces import Space
from gradwright.core.sums import add, subtract, terms_of
from gradwright.core.walks import substitute
from gradwright.diff.identities.state import State
from gradwright.diff.identities.terms import Beside, LinearEquation, Term, holes_in, reduce_terms, with_tensor
from gradwright.frozen import replace
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.simplify.expansion import expand
from gradwright.simplify.relations import collapse


def split_normal_parts(state: State) -> State | None:
    """Split an equation by Q and its orthogonal complement, for a direction `Q Ω + K`, `Qᴴ K = 0`."""
    for place, equation in enumerate(state.equations):
        normal = [hole for hole in holes_in(equation.form) if state.specs[hole].normal_to is not None]
        if not normal or equation.form.rank != 2 or equation.projected or equation.beside is not None:
            continue
        for dual in _duals(state):
            for mirrored in (False, True):
                split = _split_by(state, equation, dual, mirrored)
                if split is not None:
                    changed = state.replace_equation(place, *split)
                    name = state.specs[normal[0]].name
                    words = f"multiply by the adjoint of the frame; the rest gives {name}"
                    return changed.with_step("split by the frame", split[0].form, split[0].right, words)
    return None


def _duals(state: State) -> list[Node]:
    """By what equations may be multiplied: unknowns, and what parts of directions are orthogonal to."""
    normal_to = [spec.normal_to for spec in state.specs.values() if spec.normal_to is not None]
    return list(dict.fromkeys([*normal_to, *(u for u in state.unknowns if u.rank == 2)]))


def _split_by(
    state: State, equation: LinearEquation, dual: Node, mirrored: bool
) -> tuple[LinearEquation, LinearEquation] | None:
    """Both halves of an equation; None unless all terms without a normal part begin (or end) with one frame."""
    terms = state.terms(equation)
    if terms is None or equation.form.shape[1 if mirrored else 0] != dual.shape[0]:
        return None
    chain = _frame(state, [t for t in terms if state.specs[t.hole].normal_to is None], dual, mirrored)
    if not chain:
        return None
    length, frame = len(chain), product_of_chain(chain, chain[0])
    rest = [t for t in terms if (t.right[-length:] if mirrored else t.left[:length]) == chain]
    own = [t for t in terms if t not in rest]
    if not own:
        return None
    along_own = [_multiplied(state, with_tensor(t, t.hole), dual, mirrored) for t in own]
    form = add([*(with_tensor(_shortened(t, length, mirrored), t.hole) for t in rest), *along_own])
    across = add(with_tensor(t, t.hole) for t in own)
    right = _reduced(state, _multiplied(state, equation.right, dual, mirrored))
    along = LinearEquation(form, right)
    exact = all(is_zero(part) for part in along_own)
    if mirrored and not exact:
        return None
    complement = subtract(identity(dual.shape[0]), matmul(dual, frame) if mirrored else matmul(frame, adjoint(dual)))
    other = matmul(equation.right, complement) if mirrored else matmul(complement, equation.right)
    beside = None if mirrored else Beside(frame, dual)
    return along, LinearEquation(across, _reduced(state, other), projected=not exact, beside=beside)


def _frame(state: State, terms: Sequence[Term], dual: Node, mirrored: bool) -> tuple[Node, ...]:
    """The factors of the F with which terms begin (or end), if there is one such that `Wᴴ F = I` for the dual W."""
    chains = [term.right[::-1] if mirrored else term.left for term in terms]
    for length in range(1, min(map(len, chains), default=0) + 1):
        first = chains[0][:length]
        if any(chain[:length] != first for chain in chains):
            break
        first = first[::-1] if mirrored else first
        frame = product_of_chain(first, first[0])
        if frame.shape[0 if mirrored else 1] != dual.shape[1]:
            continue
        if _multiplied(state, frame, dual, mirrored) == identity(dual.shape[1]):
            return first
    return ()


def _multiplied(state: State, node: Node, dual: Node, mirrored: bool) -> Node:
    product = matmul(node, dual) if mirrored else matmul(adjoint(dual), node)
    return collapse(product, state.relations)


def _shortened(term: Term, length: int, mirrored: bool) -> Term:
    return replace(term, right=term.right[:-length]) if mirrored else replace(term, left=term.left[length:])


def _reduced(state: State, node: Node) -> Node:
    return reduce_terms(node, state.relations)


def solve_normal_part(state: State) -> State | None:
    """The K of an equation that holds up to `F M` with any M: the only one with `Zᴴ K = 0`."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if equation.beside is None or len(holes) != 1 or holes[0].shape != equation.form.shape:
            continue
        (hole,), frame = holes, equation.beside.frame
        normal_to = state.specs[hole].normal_to
        if normal_to is None:
            continue
        sought, multiplier = Hole.of(hole), Hole(1, (hole.shape[1],) * 2, hole.real)
        moved = add([substitute(equation.form, {hole: sought}), matmul(frame, multiplier)])
        normal = matmul(adjoint(normal_to), sought)
        unknowns = tuple(Unknown(part.shape, Space.FREE, hole.real) for part in (sought, multiplier))
        operators = Equation(moved, Space.FREE), Equation(normal, Space.FREE)
        value = Solve(unknowns, operators, (_without(state, equation.right, frame), zero(normal.shape)), 0)
        changed = state.with_solution(hole, value, place)
        words = f"multiples of the frame are free, and orthogonality fixes {state.specs[hole].name}"
        return changed.with_step("border", hole, value, words)
    return None


def _without(state: State, side: Node, frame: Node) -> Node:
    """A side without the terms that begin with F."""
    first = chain_of(frame)
    assert first is not None
    count = len(first.elements)
    kept: list[Node] = []
    for term in terms_of(expand(side, lambda _: True)):
        term = collapse(term, state.relations)
        chain = chain_of(split_coefficient(term)[1])
        if chain is None or chain.elements[:count] != first.elements:
            kept.append(term)
    return add(kept) if kept else zero(side.shape)

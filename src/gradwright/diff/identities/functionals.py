"""Numbers, or vectors, of an unknown that stand in its own equation: `L(H) + s U = C` with `s = ⟨V, H⟩`.

Such an s is an unknown of its own. With it held, `H = L⁻¹(C) − s L⁻¹(U)`, and its definition becomes an equation
`s + s ⟨V, L⁻¹(U)⟩ = ⟨V, L⁻¹(C)⟩` that is as small as s is.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import contract, simple, split_coefficient, zero
from gradwright.core.inference import is_real_valued
from gradwright.core.nodes import Contract, Factor, Hole, Node, Symbol, field_of, labels_of
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.core.walks import substitute
from gradwright.diff.identities.frames import HoleSpec
from gradwright.diff.identities.state import Rules, State, separated
from gradwright.diff.identities.terms import LinearEquation, holes_in, reduce_terms
from gradwright.frozen import replace
from gradwright.linear.forms import push
from gradwright.prims.complex import real
from gradwright.simplify.pipeline import simplify


def border_functionals(state: State, solve: Rules) -> State | None:
    """`L(H) + s U = C` with a number `s = ⟨V, H⟩`: solve for H with s held, and then for s, by all the rules."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        first = 1 + max(hole.number for hole in state.specs)
        alone = len(holes) == 1 and not equation.projected
        held = _hold_functionals(equation, state.specs[holes[0]].space, first) if alone else None
        found = None if held is None else _solved_with_held(state, equation, holes[0], *held, solve)
        if held is not None and found is not None:
            value, inner, outer = found
            shown: dict[Node, Node] = {**held[1]}
            words = "solve for it, what the right side has of it held"
            changed = state.with_step("border", holes[0], substitute(value, shown), words)
            for step in outer.steps:
                sides = substitute(step.left, shown), substitute(step.right, shown)
                changed = changed.with_step(step.rule, *sides, f"put it in there, {step.reason}")
            value = reduce_terms(substitute(value, outer.values), state.relations)
            changed = changed.with_pivots((*inner.pivots, *outer.pivots)).with_solution(holes[0], value, place)
            return changed.with_step("substitute", holes[0], value, "put in what is known")
    return None


def _solved_with_held(
    state: State, equation: LinearEquation, hole: Hole, form: Node, functionals: Mapping[Hole, Node], solve: Rules
) -> tuple[Node, State, State] | None:
    """The unknown in terms of what is held of it, and how both were solved for; None if they were not."""
    known: dict[Node, Node] = {s: Symbol(f"{s.number} held", s.shape, field_of(s)) for s in functionals}
    alone = separated(substitute(form, known), replace(equation, form=zero(form.shape)))
    inner = solve(state.apart([alone], [state.specs[hole]]))
    if not inner.is_solved:
        return None
    value = substitute(dict(inner.solved)[hole], {symbol: s for s, symbol in known.items()})
    nothing: dict[Node, Node] = {s: zero(s.shape) for s in functionals}
    value = add([simplify(substitute(value, nothing)), *(push(value, {s: s}) for s in functionals)])
    gaps = [subtract(s, push(own, {hole: value})) for s, own in functionals.items()]
    equations = [separated(gap, LinearEquation(gap, zero(gap.shape))) for gap in gaps]
    outer = solve(state.apart(equations, [HoleSpec(s, Space.FREE) for s in functionals]))
    return (value, inner, outer) if outer.is_solved else None


def _hold_functionals(equation: LinearEquation, space: Space, first: int) -> tuple[Node, dict[Hole, Node]] | None:
    """The form of an equation with an unknown in the place of each functional of its one unknown, and what these are.

    Args:
        equation: the equation.
        space: where the unknown lives: what is real of all Hermitian matrices, as a trace is, is a real number.
        first: the number of the first new unknown.

    Returns:
        None if the equation has no functionals, or nothing but these.
    """
    rest: list[Node] = []
    held: dict[Node, list[Node]] = {}
    for term in terms_of(equation.form):
        found = _read(as_product(term), space)
        if found is None:
            rest.append(term)
        else:
            held.setdefault(found[0], []).append(found[1])
    if not rest or not held:
        return None
    joined = _joined({value: add(terms) for value, terms in held.items()})
    made: dict[Hole, Node] = {}
    for number, (value, term) in enumerate(joined, first):
        hole = Hole.of(value, number)
        made[hole] = value
        rest.append(substitute(term, {_blank(value): hole}))
    return add(rest), made


def _read(product: Contract, space: Space) -> tuple[Node, Node] | None:
    """The functional of a term `s U`, and the term with a blank for s; None of a term with the unknown itself.

    What is summed with the unknown's axes, and has no others that stay, belongs to the functional: `V` of `⟨V, H⟩ U`
    and of `sum(V ∘ H, axis=1)`, not `A` of `A H`.
    """
    own = [f for f in product.factors if holes_in(f.node)]
    if len(own) != 1:
        return None
    output = set(product.free_labels)
    others = [f for f in product.factors if f is not own[0]]
    inner = labels_of(others) - output
    inside = [own[0]]
    for part in connected(others, inner):
        labels = labels_of(part)
        if labels & output <= set(own[0].labels) and not (labels & inner).isdisjoint(own[0].labels):
            inside += part
    outside = [f for f in others if f not in inside]
    reached = output.union(*(f.labels for f in outside))
    kept = simple([label for label in dict.fromkeys(own[0].labels) if label in reached])
    if any(len(kept) >= hole.rank for hole in holes_in(own[0].node)):
        return None
    value = contract(1, inside, kept, {label: product.dims[label] for f in inside for label in f.labels})
    value = real(value) if _is_real(value, space) else value
    held = {label: product.dims[label] for label in reached}
    return value, contract(product.coefficient, [Factor(_blank(value), kept), *outside], product.output, held)


def _is_real(value: Node, space: Space) -> bool:
    """Whether a function of an unknown has real values on its space."""
    known: dict[Node, Node] = {h: Symbol(f"{h.number}", h.shape, space.facts) for h in holes_in(value)}
    return space.conjugated and is_real_valued(substitute(value, known))


def _blank(value: Node) -> Hole:
    return Hole.of(value, -1)


def _joined(terms: dict[Node, Node]) -> list[tuple[Node, Node]]:
    """Functionals with the terms they stand in; those that are multiplied by the same are one."""
    found: dict[Node, list[tuple[Node, Node]]] = {}
    for value, term in terms.items():
        number, alone = split_coefficient(term)
        found.setdefault(alone, []).append((scaled(number, value), value))
    return [
        (add(value for value, _ in same), alone) if len(same) > 1 else (same[0][1], terms[same[0][1]])
        for alone, same in found.items()
    ]

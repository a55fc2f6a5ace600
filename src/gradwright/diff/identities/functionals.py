"""Numbers, or vectors, of an unknown that stand in its own equation: `L(H) + s U = C` with `s = ⟨V, H⟩`.

Such an s is an unknown of its own. With it held, `H = L⁻¹(C) − s L⁻¹(U)`, and its definition becomes an equation
`s + s ⟨V, L⁻¹(U)⟩ = ⟨V, L⁻¹(C)⟩` that is as small as s is.
"""

from __future__ import annotations

from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import contract, simple, split_coefficient
from gradwright.core.inference import is_real_valued
from gradwright.core.nodes import Contract, Factor, Hole, Node, Symbol
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled, terms_of
from gradwright.core.walks import substitute
from gradwright.diff.identities.terms import LinearEquation, holes_in
from gradwright.prims.complex import real


def hold_functionals(equation: LinearEquation, space: Space, first: int) -> tuple[Node, dict[Hole, Node]] | None:
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
        hole = Hole(number, value.shape, value.real)
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
    output = {label for group in product.output for label in group}
    others = [f for f in product.factors if f is not own[0]]
    inner = {label for f in others for label in f.labels} - output
    inside = [own[0]]
    for part in connected(others, inner):
        labels = {label for f in part for label in f.labels}
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
    return Hole(-1, value.shape, value.real)


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

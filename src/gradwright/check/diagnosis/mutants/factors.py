"""One factor of a product transposed, conjugated, left out, doubled, replaced or in another's place.

Every product of the gradient is a contraction, so each of these is a change of one factor or of its
labels; matrix products, traces, entrywise products and diagonals need no cases of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from gradwright.back.render import brief, told
from gradwright.check.diagnosis.mutants.mutant import Mutant, placed
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.build import ones, transpose
from gradwright.core.connected import connected
from gradwright.core.contraction import conjugate, is_simple, subproduct, unified, with_factors
from gradwright.core.inference import facts_of, matrix_chain
from gradwright.core.nodes import Apply, Contract, Factor, Mask, Node, Selection, Symbol, is_apply, labels_of
from gradwright.core.walks import depends_on, free_leaves, postorder, substitute
from gradwright.frozen import replace
from gradwright.prims.exponential import exp
from gradwright.prims.piecewise import is_comparison, sign
from gradwright.prims.power import power

Weights = tuple[Fraction | int, Fraction | int, Fraction | int]
Local = tuple[Node, str, str, float]
MOST = 400


def factors(truth: Truth, name: str) -> Iterator[Mutant]:
    """Every product in the gradient with one factor changed."""
    root = truth.gradients[name]
    bound = bound_nodes(root)
    moving = depends_on((root,), (truth.cotangent,))
    yield from _every_mask(root, bound)
    count = 0
    for node in postorder(root):
        if not isinstance(node, Contract) or node in bound:
            continue
        for changed, label, words, cost in _changed(node, moving):
            if changed.shape == node.shape and changed != node and count < MOST:
                count += 1
                extra = 0.0 if node in moving else 0.1
                yield Mutant(placed(root, node, changed), label, words, cost + extra)


def _every_mask(root: Node, bound: set[Node]) -> Iterator[Mutant]:
    """A mask that stands in several products, as in `Φ(P) + Φ(P)ᵀ`, left out of all of them or changed in all."""
    holders = [n for n in postorder(root) if isinstance(n, Contract) and n not in bound]
    found = [f.node for n in holders for f in n.factors if isinstance(f.node, Mask)]
    for mask in dict.fromkeys(found):
        if found.count(mask) < 2 or not isinstance(mask, Mask):
            continue
        for weights, label, words in _other_weights(mask):
            low, middle, high = map(Fraction, weights)
            other = Mask(low, middle, high, mask.shape)
            yield Mutant(substitute(root, {mask: other}), label, f"{words}, wherever it stands", 1.1)
        missing = substitute(root, {mask: ones(mask.shape)})
        yield Mutant(missing, "missing_mask", "the mask is missing, wherever it stands", 1.1)


def _other_weights(mask: Mask) -> Iterator[tuple[Weights, str, str]]:
    below, on, above = mask.weights
    whole = Fraction(bool(below or above))
    if on and on != whole:
        yield (below, whole, above), "wrong_factor", "the diagonal is not halved"
    for weights, words in WEIGHTS.items():
        yield weights, "wrong_mask", f"the mask keeps {words}"


def _changed(node: Contract, moving: set[Node]) -> Iterator[Local]:
    for place, factor in enumerate(node.factors):
        if isinstance(factor.node, Mask):
            yield from _masks(node, place, factor)
            continue
        if is_comparison(factor.node):
            yield from _moved(node, place, factor)
        yield from _turned(node, place, factor, moving)
        if factor.node not in moving:
            yield from _without(node, place, factor)
            yield from _replaced(node, place, factor)
        else:
            yield from _without_cotangent(node, place, factor)
            yield from _without_function(node, place, factor, moving)
        if not factor.node.real:
            flipped = _with_in_place(node, place, factor.conjugated)
            yield flipped, "missing_conj", f"the factor {told(factor.node)} is conjugated the other way", 1.0
    yield from _without_numbers(node)
    yield from _exchanged(node, moving)


def _with_in_place(node: Contract, place: int, *factors: Factor) -> Node:
    """The product with other factors in the place of one."""
    return with_factors(node, [*node.factors[:place], *factors, *node.factors[place + 1 :]])


def _turned(node: Contract, place: int, factor: Factor, moving: set[Node]) -> Iterator[Local]:
    if len(factor.groups) != 2 or factor.groups[0] == factor.groups[1]:
        return
    facts = facts_of(factor.node)
    if factor.node.shape[0] != factor.node.shape[1] or {"symmetric", "diagonal"} & facts:
        return
    turned = _with_in_place(node, place, Factor(factor.node, factor.groups[::-1], factor.conj))
    beside = set[Node]() if factor.node in moving else moving
    missing = _transposes(turned, beside) < _transposes(node, beside)
    label = "missing_transpose" if missing else "extra_transpose"
    seen = conjugate(factor.node) if factor.conj else factor.node
    plain, swapped = told(seen), told(transpose(seen))
    written, due = (plain, swapped) if missing else (swapped, plain)
    words = f"the factor{_side(node, factor, moving)} is {written}; it should be {due}"
    alone = 0.4 if len(node.factors) == 1 else 0.0  # a term of its own, as in the symmetric part of the cotangent
    yield turned, label, words, (1.0 if missing else 1.1) + alone


def _side(node: Contract, factor: Factor, moving: set[Node]) -> str:
    """On which side of the cotangent a factor of a matrix product stands."""
    chain = matrix_chain(node) if node.rank == 2 else None
    links = [link for link, _ in chain or ()]
    held = next((place for place, link in enumerate(links) if link.node in moving), None)
    place = next((place for place, link in enumerate(links) if link is factor), None)
    if held is None or place is None or held == place:
        return ""
    return " on the left" if place < held else " on the right"


def _transposes(node: Node, moving: set[Node]) -> int:
    """How many factors are transposed where the cotangent is not: `triu(L⁻¹ B Gᵀ)ᵀ` counts as `tril(G Bᵀ L⁻ᵀ)`.

    Where none is said to hold the cotangent, as it stands.
    """
    if isinstance(node, Contract) and node.rank == 2:
        bare = with_factors(node, [f for f in node.factors if not isinstance(f.node, Mask)])
        links = (matrix_chain(bare) if isinstance(bare, Contract) and bare.factors else None) or []
        held = [transposed for factor, transposed in links if factor.node in moving]
        if len(held) == 1:
            return sum(t != held[0] and "symmetric" not in facts_of(f.node) for f, t in links)
    return brief(node).count("ᵀ")


def _without(node: Contract, place: int, factor: Factor) -> Iterator[Local]:
    binary = is_comparison(factor.node)
    constant = not any(isinstance(leaf, Symbol) for leaf in free_leaves(factor.node))
    mask = binary or isinstance(factor.node, Selection)
    label = "missing_mask" if mask else "wrong_factor" if constant else "missing_chain_factor"
    words = f"the factor {told(factor.node)} is missing"
    rest = node.beside(place)
    if len(factor.groups) == 2 and factor.groups[0] != factor.groups[1]:
        (row,), (column,) = factor.groups if is_simple(factor.groups) else ((-1,), (-1,))
        if row >= 0 and node.dims[row] == node.dims[column]:
            yield unified(node, rest, {column: row}), label, words, 1.25
    else:
        carried = labels_of(rest)
        spread = [Factor(ones([node.dims[x]]), ((x,),)) for x in dict.fromkeys(factor.labels) if x not in carried]
        yield with_factors(node, [*rest, *spread]), label, words, 1.1
    again = "wrong_factor" if constant else "wrong_power"
    cost = 1.65 if is_apply(factor.node, exp) else 1.3  # twice in the exponent
    yield _with_in_place(node, place, factor, factor), again, f"the factor {told(factor.node)} is there twice", cost


def _without_cotangent(node: Contract, place: int, factor: Factor) -> Iterator[Local]:
    """A product without what holds the cotangent, where that is summed and the other factors have all of the axes."""
    rest = node.beside(place)
    carried = labels_of(rest)
    if rest and factor.node.rank and all(carried.issuperset(group) for group in node.output):
        words = f"the sum over {told(factor.node)} is not multiplied in"
        yield subproduct(node, rest, node.output, node.coefficient), "missing_chain_factor", words, 1.1


def _without_function(node: Contract, place: int, factor: Factor, moving: set[Node]) -> Iterator[Local]:
    """What the cotangent arrives as, without the function that takes it further, as the solution of an equation."""
    applied = factor.node
    given = applied.arguments if isinstance(applied, Apply) else getattr(applied, "right_sides", ())
    for argument in given:
        if argument in moving and argument.shape == applied.shape and argument.real == applied.real:
            words = f"{told(argument)} stands where {told(applied)} is due"
            yield _with_in_place(node, place, factor.with_node(argument)), "missing_chain_factor", words, 1.0


def _without_numbers(node: Contract) -> Iterator[Local]:
    """A product without a number that several of its factors make together, as `xᵀ y` or a trace."""
    outer = set(node.free_labels)
    for part in connected(node.factors):
        if len(part) < 2 or outer & labels_of(part):
            continue
        rest = [factor for factor in node.factors if factor not in part]
        if rest:
            words = f"the factor {told(subproduct(node, part, ()))} is missing"
            yield subproduct(node, rest, node.output, node.coefficient), "missing_chain_factor", words, 1.1


def _replaced(node: Contract, place: int, factor: Factor) -> Iterator[Local]:
    if not isinstance(factor.node, Apply):
        return
    applied = factor.node
    name = told(applied)
    raised = applied.primitive is power and isinstance(applied.parameters[0], Fraction) and applied.parameters[0] > 1
    for argument in () if raised else applied.arguments:
        if argument.shape == applied.shape and argument.real == applied.real:
            changed = _with_in_place(node, place, factor.with_node(argument))
            words = f"{told(argument)} stands where {name} is due"
            label = "wrong_power" if applied.primitive is power else "uses_input_instead_of_output"
            yield changed, label, words, 1.25 if applied.primitive is sign else 1.05  # rather a branch is left out
    if applied.primitive is power and isinstance(applied.parameters[0], Fraction):
        constant = not any(isinstance(leaf, Symbol) for leaf in free_leaves(applied))
        label = "wrong_factor" if constant else "wrong_power"
        for step in (1, -1, Fraction(1, 2), Fraction(-1, 2)):
            other = _raised(applied, applied.parameters[0] + step)
            changed = _with_in_place(node, place, factor.with_node(other))
            yield changed, label, f"{name} stands to the wrong power", 1.1


def _raised(applied: Apply, exponent: Fraction) -> Node:
    if not exponent:
        return ones(applied.shape)
    if exponent == 1:
        return applied.arguments[0]
    return replace(applied, parameters=(exponent,))


WEIGHTS: dict[Weights, str] = {
    (1, 1, 0): "the lower triangle",
    (0, 1, 1): "the upper triangle",
    (1, 0, 0): "what is below the diagonal",
    (0, 0, 1): "what is above the diagonal",
    (0, 1, 0): "the diagonal",
}


def _masks(node: Contract, place: int, factor: Factor) -> Iterator[Local]:
    mask = factor.node
    assert isinstance(mask, Mask)
    rest = node.beside(place)
    if set(factor.labels) <= labels_of(rest):
        yield with_factors(node, rest), "missing_mask", "the mask is missing", 1.0
    below, on, above = mask.weights
    whole = Mask(below, Fraction(bool(below or above)), above, mask.shape)
    if on and on != whole.on:
        changed = _with_in_place(node, place, Factor(whole, factor.groups))
        yield changed, "wrong_factor", "the diagonal is not halved", 1.0
    running = False
    together = [*(f.labels for f in rest), node.free_labels]
    if not any(set(factor.labels) <= set(labels) for labels in together):
        running = True
        turned = _with_in_place(node, place, Factor(mask, factor.groups[::-1]))
        yield turned, "missing_transpose", "the running sum has to run from the other end", 1.0
    yield from _moved(node, place, factor)
    for (low, middle, high), words in WEIGHTS.items():
        other = Mask(Fraction(low), Fraction(middle), Fraction(high), mask.shape)
        changed = _with_in_place(node, place, Factor(other, factor.groups))
        if running and (low, high) == (0, 0):
            yield changed, "missing_chain_factor", "the running sum is left out", 1.05
        else:
            yield changed, "wrong_mask", f"the mask keeps {words}", 1.1


def _moved(node: Contract, place: int, factor: Factor) -> Iterator[Local]:
    """The mask on the entries of another matrix of the product, or of the product itself."""
    if len(factor.labels) != 2:
        return
    others: dict[tuple[int, ...], str] = {
        f.labels: brief(f.node) for p, f in enumerate(node.factors) if p != place and len(f.labels) == 2
    }
    others[node.free_labels] = "the product"
    for labels, words in others.items():
        if labels in (factor.labels, factor.labels[::-1]) or len(labels) != 2:
            continue
        if [node.dims[label] for label in labels] == [node.dims[label] for label in factor.labels]:
            moved = _with_in_place(node, place, Factor(factor.node, tuple((label,) for label in labels)))
            yield moved, "wrong_mask", f"the mask is put on {words}, and it belongs to another matrix", 1.05


def _exchanged(node: Contract, moving: set[Node]) -> Iterator[Local]:
    """Two factors in each other's places."""
    for (p, left), (q, right) in combinations(enumerate(node.factors), 2):
        if left.node == right.node and left.conj == right.conj:
            continue
        if tuple(left.node.shape) != tuple(right.node.shape) or left.node.rank < 1:
            continue
        changed = list(node.factors)
        changed[p], changed[q] = (
            Factor(right.node, left.groups, right.conj),
            Factor(left.node, right.groups, left.conj),
        )
        words = f"{told(left.node)} and {told(right.node)} stand in each other's places"
        yield with_factors(node, changed), "swapped_factors", words, 1.3 if {left.node, right.node} & moving else 1.1

"""Terms that stand in the same place of a larger tensor, added up before they are put there.

`a e₀ e₁ᵀ + b e₀ e₁ᵀ + c e₁ e₁ᵀ` is `e₀ ((a + b) e₁)ᵀ + e₁ (c e₁)ᵀ`: one row after the other, each from its entries, and
nothing is padded with zeros only to be added. Nor are diagonals: `diag(u) + diag(v)` is `diag(u + v)`.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.core.contraction import ONE, contract, is_diagonal, plain, simple, subproduct, with_output
from gradwright.core.nodes import Add, Contract, Factor, Node, Selection
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import transform_all
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.simplify.expansion import expand

MOST_TERMS = 8


def collect_places(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Every sum with the terms of one place together, along the first axis, and so on inside."""
    return transform_all(roots, lambda node: _collected(_with_one_diagonal(node)))


def _with_one_diagonal(node: Node) -> Node:
    """A sum of matrices with the diagonals that are filled into one added up before."""
    diagonal = [term for term in terms_of(node) if is_diagonal(term)]
    if len(diagonal) < 2:
        return node
    entries = add([with_output(t, t.output[:1]) for t in diagonal])
    whole = contract(ONE, [plain(entries, (0,))], ((0,), (0,)), {0: node.shape[0]})
    return add([*(term for term in terms_of(node) if term not in diagonal), whole])


def _collected(node: Node) -> Node:
    if not isinstance(node, Add):
        return node
    terms = [part for term in node.terms for part in terms_of(_spread_out(term))]
    if not any(placed(term, axis) for term in terms for axis in range(node.rank)):
        return node
    return _along(terms, 0)


def _along(terms: Iterable[Node], axis: int) -> Node:
    """The sum of terms, those of one place along an axis together."""
    groups: dict[Selection | None, list[Node]] = {}
    rank = 0
    for term in terms:
        rank = term.rank
        selection, rest = placed(term, axis) or (None, term)
        groups.setdefault(selection, []).append(rest)
    if axis >= rank:
        return add([term for group in groups.values() for term in group])
    found: list[Node] = []
    for selection, rests in groups.items():
        if selection is None:
            found.append(_along(rests, axis + 1))
        elif selection.part is None:
            found.append(into_place(selection, _along(rests, axis), axis))
        else:
            found.append(into_place(selection, _along(rests, axis + 1), axis))
    return add(found)


def placed(term: Node, axis: int) -> tuple[Selection, Node] | None:
    """The selection that places a term along an axis, and the term without it: a basis vector's axis is gone."""
    if isinstance(term, Selection):
        term = Contract(ONE, (plain(term, range(term.rank)),), term.shape, simple(range(term.rank)))
    if not isinstance(term, Contract) or axis >= term.rank or len(term.output[axis]) != 1:
        return None
    (label,) = term.output[axis]
    around = [f for f in term.factors if label in f.labels]
    flat = term.free_labels
    if len(around) != 1 or not isinstance(around[0].node, Selection) or flat.count(label) != 1:
        return None
    (selection,) = around
    if selection.groups[0] != (label,) or any(x in flat for group in selection.groups[1:] for x in group):
        return None
    rest = [f for f in term.factors if f is not selection]
    output = (*term.output[:axis], *selection.groups[1:], *term.output[axis + 1 :])
    inner = subproduct(term, rest, output, term.coefficient)
    assert isinstance(selection.node, Selection)
    return selection.node, inner


def into_place(selection: Selection, inner: Node, axis: int) -> Node:
    """A tensor put into its place along an axis of a larger one."""
    part = () if selection.part is None else (inner.rank,)
    whole = inner.rank + 1
    labels = list(range(inner.rank))
    if selection.part is None:
        output = [*labels[:axis], whole, *labels[axis:]]
    else:
        output = [whole if x == axis else x for x in labels]
        labels[axis] = inner.rank
    dims = {**dict(zip(labels, inner.shape, strict=True)), whole: selection.whole}
    groups = ((whole,), *((x,) for x in part))
    return contract(ONE, [Factor(inner, simple(labels)), Factor(selection, groups)], simple(output), dims)


def _spread_out(term: Node) -> Node:
    """A product with a sum of basis vectors as a sum of products."""
    if not isinstance(term, Contract):
        return term
    return expand(term, _is_basis, MOST_TERMS)


def _is_basis(node: Node) -> bool:
    return isinstance(node, Add) and all(isinstance(term, Selection) for term in node.terms)

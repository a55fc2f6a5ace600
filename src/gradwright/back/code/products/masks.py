"""Masks: triangles of terms, running sums of vectors, or a triangle of the result."""

from __future__ import annotations

from gradwright.back.code.products.draft import Draft, Term, multiplying, written
from gradwright.back.code.text import Code, multiple, number, sum_of
from gradwright.core.contraction import is_simple
from gradwright.core.nodes import Factor, Mask


def apply_masks(draft: Draft) -> None:
    """Every mask: on a term, as a running sum, on the result, or as an array."""
    for factor in draft.node.factors:
        if isinstance(factor.node, Mask):
            _apply_mask(draft, factor, factor.node)


def _apply_mask(draft: Draft, factor: Factor, mask: Mask) -> None:
    if not is_simple(factor.groups):
        draft.terms.append(_mask_matrix(draft, factor, mask))
        return
    row, column = (group[0] for group in factor.groups)
    for term in draft.terms:
        if row in term.labels and column in term.labels:
            draft.replace(term, masked(draft, multiplying(draft, term), row, column, mask))
            return
    if _running_sum(draft, row, column, mask) or _running_sum(draft, column, row, mask.transposed):
        return
    flat = draft.flat()
    carried = all(any(x in term.labels for term in draft.terms) for x in (row, column))
    if flat.count(row) == flat.count(column) == 1 and carried:
        draft.masks.append((row, column, mask))
        return
    draft.terms.append(_mask_matrix(draft, factor, mask))


def masked(draft: Draft, term: Term, row: int, column: int, mask: Mask) -> Term:
    """A term weighed below, on and above the diagonal of two of its axes."""
    rest = [x for x in term.labels if x not in (row, column)]
    natural = term.labels.index(row) > term.labels.index(column)
    last = [column, row] if natural else [row, column]
    weights = mask.transposed.weights if natural else mask.weights
    code = draft.writer.triangle(draft.code(term, [*rest, *last]), weights, [number(w).text for w in weights])
    return written(term, (*rest, *last), code)


def _running_sum(draft: Draft, row: int, column: int, mask: Mask) -> bool:
    """`Σ_c M[r, c] x[c]` by sums of the entries so far, of which there are as many as entries: M is square."""
    if mask.shape[0] != mask.shape[1]:
        return False
    for term in draft.terms:
        alone = column in term.labels and row not in term.labels and not draft.used(column, [term])
        others = [f for f in draft.node.factors if isinstance(f.node, Mask) and column in f.labels]
        if alone and len(others) == 1 and (row in draft.flat() or draft.used(row)):
            labels = tuple(row if x == column else x for x in term.labels)
            axis = term.labels.index(column) - len(term.labels)
            own = multiplying(draft, term)
            draft.replace(term, written(own, labels, _cumulated(draft, draft.code(own), axis, mask)))
            return True
    return False


def _cumulated(draft: Draft, code: Code, axis: int, mask: Mask) -> Code:
    """Weights below, on and above: of the entries before, at and behind each place."""
    library = draft.lowering.library
    below, on, above = mask.weights
    running = Code(library.cumsum.format(x=code.text, axis=axis))
    if (below, on, above) == (1, 1, 0):
        return running
    if (below, on, above) == (0, 1, 1):
        flipped = library.flip.format(x=code.text, axis=axis)
        return Code(library.flip.format(x=library.cumsum.format(x=flipped, axis=axis), axis=axis))
    # below · (before) + on · x + above · (total − before − x), in terms of the running sum and the total.
    terms = [(below - above, [running]), (on - below, [code])]
    total = f"{code.atom}.sum({axis})"
    keep = ", ".join(["...", "None", *[":"] * (-axis - 1)])
    terms.append((above, [Code(f"{total}[{keep}]")]))
    signed = [(1 if c > 0 else -1, multiple(abs(c), parts)) for c, parts in terms if c]
    return sum_of(signed)


def _mask_matrix(draft: Draft, factor: Factor, mask: Mask) -> Term:
    """A mask as an array."""
    code = draft.writer.triangle(draft.filled("ones", mask.shape), mask.weights, [number(w).text for w in mask.weights])
    return draft.split(Term(factor.labels, code), factor)

"""Selections: slices of the terms that they touch; what they place in the output is put there in `results`."""

from __future__ import annotations

from gradwright.back.code.products.draft import CONSTANT, Draft, Term, written
from gradwright.core.contraction import is_simple
from gradwright.core.dims import Dim
from gradwright.core.nodes import Factor, Selection


def apply_selections(draft: Draft) -> None:
    """Every selection: a slice of each term that carries its axis, a place in the output, or an array."""
    for factor in draft.node.factors:
        if isinstance(factor.node, Selection):
            _select(draft, factor, factor.node)


def _select(draft: Draft, factor: Factor, selection: Selection) -> None:
    whole = factor.groups[0][0]
    part = factor.groups[1][0] if selection.part is not None else None
    if _must_be_array(draft, factor, whole, part):
        draft.terms.append(_selection_matrix(draft, factor, selection))
        return
    for term in draft.terms:
        if whole in term.labels:
            draft.replace(term, _slice(draft, term, whole, part, selection))
    if whole in draft.flat():
        inner = _new_label(draft) if part is None else part
        draft.placed.append((whole, inner, selection))
        draft.output = [tuple(inner if x == whole else x for x in group) for group in draft.output]


def _must_be_array(draft: Draft, factor: Factor, whole: int, part: int | None) -> bool:
    """Whether another constant tensor, a group, the output more than once, or nothing has the axis selected from."""
    constants = [f for f in draft.node.factors if isinstance(f.node, CONSTANT) and f is not factor]
    grouped = not is_simple(factor.groups)
    flat = draft.flat()
    twice = whole in flat and (part in flat or flat.count(whole) > 1)
    alone = whole not in flat and all(whole not in term.labels for term in draft.terms)
    return grouped or any(whole in f.labels for f in constants) or twice or alone


def _new_label(draft: Draft) -> int:
    """A label for an axis of length 1."""
    label = max(draft.dims) + 1
    draft.dims[label] = Dim.of(1)
    return label


def _slice(draft: Draft, term: Term, whole: int, part: int | None, selection: Selection) -> Term:
    if part is None:
        token = _last(selection) or draft.size(selection.offset)
        labels = tuple(x for x in term.labels if x != whole)
    else:
        token = _range(draft, selection)
        labels = tuple(part if x == whole else x for x in term.labels)
    tokens = [token if x == whole else ":" for x in term.labels]
    code = draft.writer.indexed(draft.code(term), tokens)
    return draft.diagonals(written(term, labels, code))


def _range(draft: Draft, selection: Selection) -> str:
    """The slice `start:stop`; an end of the whole is left out."""
    assert selection.part is not None
    end = selection.offset + selection.part
    start = draft.size(selection.offset)
    return f"{'' if start == '0' else start}:{'' if end == selection.whole else draft.size(end)}"


def _last(selection: Selection) -> str | None:
    """A place counted from the end: `-1`."""
    back = (selection.offset - selection.whole).value
    return str(back) if back is not None and selection.whole.value is None else None


def _selection_matrix(draft: Draft, factor: Factor, selection: Selection) -> Term:
    """A selection as an array: part of an identity matrix."""
    start = draft.size(selection.offset)
    part = Dim.of(1) if selection.part is None else selection.part
    stop = draft.size(selection.offset + part)
    tokens = [":", start] if selection.part is None else [":", f"{start}:{stop}"]
    code = draft.writer.indexed(draft.eye(selection.whole), tokens)
    return draft.split(Term(factor.labels, code), factor)

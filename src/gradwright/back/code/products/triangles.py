"""Elimination tensors: the entries of a triangle gathered into a vector, and scattered back."""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.back.code.products.draft import Draft, Term, multiplying, written
from gradwright.core.contraction import is_simple
from gradwright.core.nodes import Factor, HalfVectorisation, Mask


def apply_triangles(draft: Draft) -> None:
    """Every elimination tensor: gathers or scatters a term, or is an array."""
    for factor in draft.node.factors:
        if isinstance(factor.node, HalfVectorisation):
            if not (_gather(draft, factor) or _scatter(draft, factor)):
                draft.terms.append(_elimination(draft, factor))


def _gather(draft: Draft, factor: Factor) -> bool:
    """The triangle of a matrix as a vector."""
    place, row, column = (group[0] for group in factor.groups)
    for term in draft.terms:
        both = row in term.labels and column in term.labels and row != column
        alone = not draft.used(row, [term]) and not draft.used(column, [term])
        if both and alone and not _special(draft, factor, (row, column)) and place not in term.labels:
            rest = [x for x in term.labels if x not in (row, column)]
            code = draft.writer.helper("to_triangle", draft.code(term, [*rest, row, column]).text)
            draft.replace(term, written(term, (*rest, place), code))
            return is_simple(factor.groups)
    return False


def _scatter(draft: Draft, factor: Factor) -> bool:
    """A vector as the triangle of a matrix."""
    if not is_simple(factor.groups):
        return False
    place, row, column = (group[0] for group in factor.groups)
    for term in draft.terms:
        alone = not draft.used(place, [term])
        if place in term.labels and alone and not {row, column} & set(term.labels) and row != column:
            rest = [x for x in term.labels if x != place]
            assert isinstance(factor.node, HalfVectorisation)
            n = draft.size(factor.node.dim)
            own = multiplying(draft, term)
            code = draft.writer.helper("from_triangle", draft.code(own, [*rest, place]).text, n)
            draft.replace(term, written(own, (*rest, row, column), code))
            return True
    return False


def _special(draft: Draft, factor: Factor, labels: Iterable[int]) -> bool:
    """Whether another constant tensor carries one of the labels."""
    others = [f for f in draft.node.factors if f is not factor and isinstance(f.node, Mask | HalfVectorisation)]
    return any(label in f.labels for f in others for label in labels) or not is_simple(factor.groups)


def _elimination(draft: Draft, factor: Factor) -> Term:
    """The tensor itself, with one 1 in every slice."""
    node = factor.node
    assert isinstance(node, HalfVectorisation)
    eye = draft.eye(node.shape[0])
    code = draft.writer.helper("from_triangle", eye.text, draft.size(node.dim))
    return draft.split(Term(factor.labels, code), factor)

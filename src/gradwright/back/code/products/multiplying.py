"""All terms and numbers of a contraction multiplied, two terms at a time."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.back.code.products.draft import Draft, multiplying, written
from gradwright.back.code.products.elementwise import elementwise, scaled
from gradwright.back.code.products.pairs import product
from gradwright.back.code.text import Code, multiple


def sum_private(draft: Draft) -> None:
    """Sum each term over the labels that stand nowhere else."""
    for term in list(draft.terms):
        private = [x for x in term.labels if not draft.used(x, [term])]
        if not private:
            continue
        labels = tuple(x for x in term.labels if x not in private)
        own = multiplying(draft, term)
        axes = [term.labels.index(x) for x in private]
        summed = draft.writer.summed(draft.code(own), axes, len(term.labels))
        draft.replace(term, written(own, labels, summed))
    for term in [t for t in draft.terms if not t.labels]:
        draft.terms = [t for t in draft.terms if t is not term]
        (draft.divisors if term.divides else draft.scalars).append(draft.code(term))


def multiplied(draft: Draft, wanted: Sequence[int]) -> Code:
    """The product of all terms and numbers, with the given labels as axes."""
    while len(draft.terms) > 2:
        first, second, *rest = draft.terms
        kept = set(draft.flat()).union(*(t.labels for t in rest))
        draft.terms = [product(draft, first, second, kept, None), *rest]
    return _last_product(draft, wanted)


def _last_product(draft: Draft, wanted: Sequence[int]) -> Code:
    if not draft.terms:
        return multiple(draft.coefficient, draft.scalars, draft.divisors)
    if len(draft.terms) == 1:
        (alone,) = draft.terms
        if draft.coefficient == 1 and not draft.scalars and not draft.divisors:
            return draft.code(multiplying(draft, alone), wanted)
        return scaled(draft, written(alone, alone.labels, draft.code(alone, wanted)), len(wanted))
    first, second = draft.terms
    shared = set(first.labels) & set(second.labels)
    if shared <= set(wanted):
        return elementwise(draft, [first, second], wanted)
    result = product(draft, first, second, set(wanted), wanted)
    return scaled(draft, draft.code(result, wanted), len(wanted))

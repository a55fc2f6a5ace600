"""Sums of quotients over one denominator: `x / s − x³ / s² = x / s²` for `s = 1 + x²`.

A denominator is a sum, of which terms meet those above the line, so that no more of them are left. The caller compares
which is shorter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.nodes import Add, Factor, Node
from gradwright.core.sums import add, scaled, terms_of
from gradwright.linear.entrywise_factors import Entrywise, entrywise, without
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.simplify.pipeline import simplify

MOST_TERMS = 24


def over_one_denominator(node: Add) -> Iterator[tuple[Factor, Node]]:
    """For each denominator what stands below the line, as a factor in the axes of the sum, and what stands above it."""
    products = list(map(as_product, node.terms))
    counts = list(map(entrywise, products))
    for kind in dict.fromkeys(kind for count in counts for kind in count):
        times = [count[kind] for count in counts]
        if len(set(times)) < 2 or not _is_sum_of_whole_tensors(_denominator(kind)):
            continue
        pairs = zip(products, times, strict=True)
        rests = [scaled(*without(product, Counter({kind: own}))) for product, own in pairs]
        above = [part for rest, own in zip(rests, times, strict=True) for part in _times(rest, kind, max(times) - own)]
        total = simplify(add(above)) if len(above) <= MOST_TERMS else node
        if len(terms_of(total)) <= len(node.terms) and total is not node:
            yield Factor(raise_to(kind[0], Fraction(max(times))), simple(kind[1]), kind[2]), total


def _is_sum_of_whole_tensors(node: Node | None) -> bool:
    """Whether a denominator is a sum, of terms that are no diagonal matrices: differences of eigenvalues have one."""
    return isinstance(node, Add) and all(len(set(as_product(term).output)) == node.rank for term in node.terms)


def _denominator(kind: Entrywise) -> Node | None:
    base, exponent = base_and_exponent(kind[0])
    return base if exponent < 0 else None


def _times(tensor: Node, kind: Entrywise, exponent: int) -> list[Node]:
    """The terms of a tensor times a power of a denominator, multiplied out."""
    axes, parts = range(tensor.rank), [tensor]
    base = _denominator(kind)
    assert base is not None
    for _ in range(exponent):
        parts = [
            contract(1, [plain(part, axes), plain(term, kind[1], kind[2])], simple(axes), dict(enumerate(part.shape)))
            for part in parts for term in terms_of(base)
        ]  # fmt: skip
    return parts

"""Sums of quotients over one denominator: `x / s − x³ / s² = x / s²` for `s = 1 + x²`.

A denominator is a sum, of which terms meet those above the line, so that no more of them are left. The caller compares
which is shorter.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.inference import is_positive
from gradwright.core.nodes import Add, Contract, Factor, Node
from gradwright.core.sums import add, terms_of
from gradwright.linear.entrywise_factors import Entrywise, kind_of
from gradwright.linear.like_terms import with_like_terms_joined
from gradwright.prims.piecewise import is_comparison
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.simplify.pipeline import simplify

MOST_TERMS = 24


def over_one_denominator(node: Add, of_sums: bool = True) -> Iterator[tuple[Factor, Node]]:
    """For each denominator what stands below the line, as a factor in the axes of the sum, and what stands above it.

    Args:
        node: the sum of quotients.
        of_sums: whether the denominators are sums, or all others.
    """
    if len(node.terms) > MOST_TERMS:
        return
    products = list(map(as_product, node.terms))
    exponents = list(map(_exponents, products))
    guards = {frozenset(f for f in product.factors if is_comparison(f.node)) for product in products}
    for kind in dict.fromkeys(kind for own in exponents for kind in own):
        powers = [own.get(kind, Fraction(0)) for own in exponents]
        least = min(powers)
        missing = [power - least for power in powers]
        if least >= 0 or not any(missing) or any(number.denominator > 1 for number in missing):
            continue
        if isinstance(kind[0], Add) != of_sums or (of_sums and not _is_sum_of_whole_tensors(kind[0])):
            continue
        # What no comparison guards would be no number where the denominator is 0.
        if len(guards) > 1 and not is_positive(kind[0]):
            continue
        rests = [_without(product, kind) for product in products]
        above = [part for rest, own in zip(rests, missing, strict=True) for part in _times(rest, kind, int(own))]
        if len(above) > MOST_TERMS:
            continue
        total = simplify(add(above))
        total = with_like_terms_joined(total) if isinstance(total, Add) else total
        if len(terms_of(total)) <= len(node.terms):
            yield Factor(raise_to(kind[0], least), simple(kind[1]), kind[2]), total


def _exponents(product: Contract) -> dict[Entrywise, Fraction]:
    """The bases of the powers by which a product is multiplied entry by entry, and their exponents."""
    found: dict[Entrywise, Fraction] = {}
    for factor in product.factors:
        kind = kind_of(factor, product)
        if kind is not None:
            base, exponent = base_and_exponent(kind[0])
            key = (base, *kind[1:])
            found[key] = found.get(key, Fraction(0)) + exponent
    return found


def _without(product: Contract, kind: Entrywise) -> Node:
    """A product without the powers of a base."""
    keys = [(f, kind_of(f, product)) for f in product.factors]
    rest = [f for f, own in keys if own is None or (base_and_exponent(own[0])[0], *own[1:]) != kind]
    return contract(product.coefficient, rest, product.output, dict(enumerate(product.dims)))


def _is_sum_of_whole_tensors(node: Node) -> bool:
    """Whether no term of a denominator is a diagonal matrix: differences of eigenvalues have one."""
    return all(len(set(as_product(term).output)) == node.rank for term in terms_of(node))


def _times(tensor: Node, kind: Entrywise, exponent: int) -> list[Node]:
    """The terms of a tensor times a whole power of a denominator, multiplied out."""
    axes, parts = range(tensor.rank), [tensor]
    for _ in range(exponent):
        parts = [
            contract(1, [plain(part, axes), plain(term, kind[1], kind[2])], simple(axes), dict(enumerate(part.shape)))
            for part in parts for term in terms_of(kind[0])
        ]  # fmt: skip
    return parts

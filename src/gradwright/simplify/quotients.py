"""Quotients below the line: `1 / (v (1 + q / v)) = 1 / (v + q)`."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from gradwright.core.build import multiply
from gradwright.core.canonical import as_product
from gradwright.core.contraction import with_factors
from gradwright.core.nodes import Add, Contract, Factor, Node
from gradwright.core.sums import add, terms_of
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.simplify.powers import merge_powers

NONE = Fraction(0)


def clear_quotients(node: Node) -> Node:
    """A scalar and a sum below the line, a term of which is divided by the scalar, as one sum where it is no longer."""
    product = as_product(node)
    below = [f for f in product.factors if _exponent(f) < 0]
    for total in below:
        for scalar in below:
            if isinstance(total.node.children[0], Add) and not scalar.node.rank and scalar is not total:
                cleared = _cleared(product, total, scalar)
                if cleared is not None:
                    return clear_quotients(cleared)
    return node


def _cleared(product: Contract, total: Factor, scalar: Factor) -> Node | None:
    """`v⁻ᵖ (Σ t)⁻ʳ = v^(k r − p) (Σ vᵏ t)⁻ʳ`, for the k that leaves no term divided by v."""
    terms, base = terms_of(total.node.children[0]), scalar.node.children[0]
    times = max(_times_below(term, base) for term in terms)
    if not times:
        return None
    cleared = [merge_powers(multiply(raise_to(base, times), term)) for term in terms]
    outside, below = _exponent(scalar), _exponent(total)
    left = outside - times * below
    if abs(left) - below * _length(cleared) > -outside - below * _length(terms):
        return None
    rest = [f for f in product.factors if f is not scalar and f is not total]
    return with_factors(product, [*rest, Factor(raise_to(add(cleared), below), total.groups), *_power(base, left)])


def _power(base: Node, exponent: Fraction) -> list[Factor]:
    return [Factor(raise_to(base, exponent), ())] if exponent else []


def _exponent(factor: Factor) -> Fraction:
    """The whole exponent of a power; 0 for anything else."""
    _, exponent = base_and_exponent(factor.node)
    return NONE if factor.conj or exponent == 1 or exponent.denominator != 1 else exponent


def _times_below(term: Node, scalar: Node) -> Fraction:
    """How often a term is divided by a scalar."""
    exponents = [_exponent(f) for f in as_product(term).factors if f.node.children[:1] == (scalar,)]
    return max((-exponent for exponent in exponents), default=NONE)


def _length(terms: Iterable[Node]) -> int:
    """How many factors the terms have, a power as many as its exponent says."""
    return sum(int(abs(_exponent(f))) or 1 for term in terms for f in as_product(term).factors)

"""Quotients below the line, `1 / (v (1 + q / v)) = 1 / (v + q)`, and in all terms, `v (a / v + b / v²) = a + b / v`."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from gradwright.core.build import multiply
from gradwright.core.canonical import as_product
from gradwright.core.contraction import subproduct, with_factors
from gradwright.core.nodes import Add, Contract, Factor, Groups, Node, relabelled
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import rebuild
from gradwright.frozen import replace
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.simplify.inverses import is_inverse
from gradwright.simplify.powers import merge_powers
from gradwright.simplify.relations import Relation, is_plain, matches

NONE = Fraction(0)


def clear_quotients(node: Node) -> Node:
    """A scalar and a sum below the line, a term of which is divided by the scalar, as one sum where it is no longer.

    A sum of matrices is below the line as its inverse: `(I + A / v)⁻¹ / v = (v I + A)⁻¹`.
    """
    product = as_product(node)
    below = [f for f in product.factors if _exponent(f) < 0 or is_inverse(f.node)]
    for total in below:
        for scalar in below:
            if not isinstance(total.node.children[0], Add) or scalar.node.rank or scalar is total:
                continue
            if scalar.node.real or not total.conj:  # `(I + A / v)⁻ᴴ / v` is divided by another number inside
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
    outside, below = _exponent(scalar), Fraction(-1) if is_inverse(total.node) else _exponent(total)
    left = outside - times * below
    if abs(left) - below * _length(cleared) > -outside - below * _length(terms):
        return None
    rest = [f for f in product.factors if f is not scalar and f is not total]
    whole = rebuild(total.node, (add(cleared),)) if is_inverse(total.node) else raise_to(add(cleared), below)
    return with_factors(product, [*rest, total.with_node(whole), *_power(base, left)])


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


def cancel_in_sums(node: Node) -> Node:
    """The product without the powers that cancel in every term of a sum: `v (a / v + b / v²) = a + b / v`."""
    if not isinstance(node, Contract):
        return node
    for place, total in enumerate(node.factors):
        cancelled = _cancelled(node, place) if isinstance(total.node, Add) and not total.conj else None
        if cancelled is not None:
            return cancel_in_sums(cancelled)
    return node


def _cancelled(product: Contract, place: int) -> Node | None:
    total = product.factors[place]
    terms = [as_product(term) for term in terms_of(total.node)]
    for factor in terms[0].factors:
        base = _moved(factor.with_node(base_and_exponent(factor.node)[0]), terms[0].output, total.groups)
        outer = None if base is None else _found(product, base)
        if base is None or outer is None or place in outer[1]:
            continue
        places = [at for term in terms if (at := _moved(base, total.groups, term.output)) is not None]
        inner = [found for term, at in zip(terms, places, strict=False) if (found := _found(term, at)) is not None]
        if len(inner) == len(terms) and all(exponent * outer[0] < 0 for exponent, _ in inner):
            least = min(abs(exponent) for exponent, _ in (outer, *inner))
            taken = least if outer[0] > 0 else -least
            opened = [_raised(*each, taken) for each in zip(terms, places, inner, strict=True)]
            rest = [*product.factors[:place], total.with_node(add(opened)), *product.factors[place + 1 :]]
            return _raised(replace(product, factors=tuple(rest)), base, outer, -taken)
    return None


def _moved(factor: Factor, axes: Groups, others: Groups) -> Factor | None:
    """A factor in the labels outside of a sum for those inside, or the other way round; None if it has further ones."""
    names = dict(zip(axes, others, strict=True))
    groups = [names[group] for group in factor.groups if group in names]
    return Factor(factor.node, tuple(groups), factor.conj) if len(groups) == len(factor.groups) else None


def _found(product: Contract, base: Factor) -> tuple[Fraction, list[int]] | None:
    """The exponent with which a tensor stands on some axes of a product, and the places of its factors."""
    for place, factor in enumerate(product.factors):
        inner, exponent = base_and_exponent(factor.node)
        if factor.with_node(inner) == base:
            return exponent, [place]
    if isinstance(base.node, Contract) and is_plain(base.node):
        for labels, used, conj in matches(product, Relation(base.node, base.node)):
            if base == Factor(base.node, relabelled(base.node.output, labels), conj):
                return Fraction(1), used
    return None


def _raised(product: Contract, base: Factor, found: tuple[Fraction, list[int]], more: Fraction) -> Node:
    """The product with a higher, or lower, power of a tensor that has been found in it."""
    exponent, places = found
    power = base.with_node(raise_to(base.node, exponent + more))
    kept = [power if place == places[0] else f for place, f in enumerate(product.factors) if place not in places[1:]]
    return subproduct(product, kept, product.output, product.coefficient)

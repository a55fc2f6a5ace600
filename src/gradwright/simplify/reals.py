"""The real part: of what is real, and of sums in which a term meets its conjugate.

`Re(z)` and `Re(z*)` are the same. So `Re(rᵀ dr* + rᴴ dr)` is `2 Re(rᴴ dr)`, and `Re(z − z*)` is zero,
as `Re(i x)` is for a real x.
"""

from __future__ import annotations

from collections.abc import Hashable

from gradwright.core.canonical import as_product
from gradwright.core.contraction import conjugate, with_factors, zero
from gradwright.core.inference import is_real_valued
from gradwright.core.nodes import Add, Contract, Direction, Factor, Hole, Node, is_apply
from gradwright.core.scalars import shared_number
from gradwright.core.sums import add, distributed, like_key, scaled, terms_of
from gradwright.core.walks import free_leaves
from gradwright.prims.complex import IMAGINARY_UNIT, real, real_part, without_unit
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.simplify.orientation import orient


def settle_real_part(node: Node) -> Node:
    """The real part with its rational factor in front, of terms with as few conjugates as they can have."""
    if isinstance(node, Contract):
        return _within_complex(node)
    if not is_apply(node, real_part):
        return node
    argument = node.arguments[0]
    if argument.real:
        return argument
    terms = [term for term in terms_of(argument) if not _is_imaginary(term)]
    if len(terms) < len(terms_of(argument)):
        return real(add(terms)) if terms else zero(node.shape)
    coefficient, inside = shared_number(_with_few_conjugates(argument))
    if inside.real:
        return scaled(coefficient, inside)
    # Im(z) is held as Re(−i z).
    if any(f.node == IMAGINARY_UNIT.node for f in as_product(inside).factors):
        coefficient, inside = -coefficient, scaled(-1, inside)
    return scaled(coefficient, real(inside))


def _is_imaginary(term: Node) -> bool:
    """Whether a term is i times what has no imaginary part."""
    rest = without_unit(term)
    return rest is not None and is_real_valued(rest)


def _within_complex(node: Contract) -> Node:
    """`Re(x) A` is `x A`, and `A / Re(x)` is `A / x`, if x has no imaginary part and A is complex."""
    if all(f.node.real for f in node.factors):
        return node
    bare = [_bare(f) for f in node.factors]
    if bare == list(node.factors):
        return node
    return with_factors(node, bare)


def _bare(factor: Factor) -> Factor:
    inner = factor.node
    if is_apply(inner, real_part) and is_real_valued(inner.arguments[0]):
        return Factor(inner.arguments[0], factor.groups)
    base, exponent = base_and_exponent(inner)
    if exponent != 1 and exponent.denominator == 1:
        bare = _bare(Factor(base, factor.groups)).node
        return factor if bare == base else Factor(raise_to(bare, exponent), factor.groups)
    return factor


def _with_few_conjugates(node: Node) -> Node:
    """A tensor with the same real part: terms turned into their conjugates, so that like ones add up."""
    whole = _added(terms_of(node))
    opened = tuple(part for term in terms_of(node) for part in _distributed(term))
    if len(opened) == len(terms_of(node)):
        return whole
    # Sums in products are opened only if their terms meet, as in `Re(x − ½ (x − x*))`.
    parted = _added(opened)
    return parted if len(terms_of(parted)) <= len(terms_of(whole)) else whole


def _distributed(term: Node) -> tuple[Node, ...]:
    """The terms of a product of one sum with real tensors."""
    inner = as_product(term)
    sums = [place for place, f in enumerate(inner.factors) if isinstance(f.node, Add)]
    if len(sums) != 1 or not all(f.node.real for place, f in enumerate(inner.factors) if place not in sums):
        return (term,)
    return distributed(inner, sums[0])


def _added(given: tuple[Node, ...]) -> Node:
    chosen: dict[Hashable, Node] = {}
    terms: list[Node] = []
    for term in given:
        turned = orient(conjugate(term))
        best = min((term, turned), key=_conjugates)
        known = {like_key(t): t for t in (best, turned, term)}
        like = next((chosen[key] for key in known if key in chosen), None)
        if like is not None:
            best = known[like_key(like)]
        else:
            chosen[like_key(best)] = best
        terms.append(best)
    return add([zero(given[0].shape), *terms])


def _conjugates(term: Node) -> tuple[int, int]:
    """How many factors of a product that hold a direction are conjugated, and how many factors at all."""
    factors = [f for f in as_product(term).factors if f.conj]
    moving = sum(any(isinstance(leaf, Direction | Hole) for leaf in free_leaves(f.node)) for f in factors)
    return moving, len(factors)

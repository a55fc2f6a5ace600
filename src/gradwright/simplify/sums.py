"""Sums within products and sums: opened where terms cancel, and one of two that are each other's transposes turned.

`S + (S + A)ᵀ = 2 S + Aᵀ` for symmetric S, `1ᵀ (x − mean(x) 1) = 0`, and `Bᵀ X + Sᵀ` beside `X B + S` is its transpose,
as `y − x` beside `x − y` is its negative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

from gradwright.core.canonical import as_product, canonical_key, rough_key
from gradwright.core.contraction import is_simple, is_zero, subproduct, with_factors
from gradwright.core.inference import facts_of, is_hermitian, is_symmetric
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node, labels_of
from gradwright.core.sums import add, distributed, scaled, terms_of
from gradwright.simplify.commuting import order_commuting
from gradwright.simplify.linear import upright_if_symmetric
from gradwright.simplify.orientation import orient
from gradwright.simplify.powers import merge_powers
from gradwright.simplify.relations import collapse, relations_of


def open_turned_sums(node: Node) -> Node:
    """Open the transposes and multiples of sums among the terms of a sum, where that brings like terms together."""
    if not isinstance(node, Add):
        return node
    parts = [_opened(term) for term in node.terms]
    if all(len(part) == 1 for part in parts):
        return node
    flat = [upright_if_symmetric(term) for part in parts for term in part]
    total = add(flat)
    return total if not isinstance(total, Add) or len(total.terms) < len(flat) else node


def _opened(term: Node) -> Sequence[Node]:
    """The terms of the sum of which a term is the transpose, the conjugate or a multiple; else the term."""
    product = as_product(term)
    if len(product.factors) != 1 or not isinstance(product.factors[0].node, Add):
        return (term,)
    if sorted(product.factors[0].groups) != sorted(product.output):
        return (term,)
    return [order_commuting(orient(part)) for part in distributed(product, 0)]


def turn_sums(node: Node) -> Node:
    """Write a sum as the transpose of another one that stands beside it: `(X B + S) (X B + S)ᵀ`, not `… (Bᵀ X + Sᵀ)`.

    So both are one matrix, and their product is seen to be symmetric. Likewise `−(x − y) (x − y)ᵀ`, not `… (y − x)ᵀ`.
    """
    if not isinstance(node, Add | Contract):
        return node
    products = [as_product(term) for term in terms_of(node)]
    sums = list(dict.fromkeys(f.node for product in products for f in product.factors if _is_sum(f.node)))
    turned = _turned_sums(sums) if len(sums) > 1 else {}
    if not turned:
        return node
    return add([_with_turned_factors(product, turned) for product in products])


def _is_sum(node: Node) -> bool:
    return isinstance(node, Add) and node.rank > 0


Turn = tuple[Node, int, bool, bool]
"""A tensor, the sign in front of it, whether it is transposed, and whether it is conjugated."""


def _turned_sums(sums: Sequence[Node]) -> dict[Node, Turn]:
    """Those of the sums that an earlier one is, perhaps turned or conjugated."""
    found: dict[Node, Turn] = {}
    alike: dict[Hashable, list[Node]] = {}
    for later in sums:
        others = alike.setdefault(_what_turning_keeps(later), [])
        turns = ((earlier, _turn_between(earlier, later)) for earlier in others)
        first = next(((earlier, *turn) for earlier, turn in turns if turn is not None), None)
        if first is None:
            others.append(later)
        else:
            found[later] = first
    return _with_signs_chosen(found)


def _with_signs_chosen(turned: dict[Node, Turn]) -> dict[Node, Turn]:
    """The same with the negative of a sum for it, where both occur and its shortest term is negative: `A − B K`."""
    both = dict.fromkeys(node for node, sign, _, _ in turned.values() if sign < 0)
    negated = {node: scaled(-1, node) for node in both if begins_negative(node)}
    chosen = {
        later: (negated.get(node, node), -sign if node in negated else sign, transposed, conj)
        for later, (node, sign, transposed, conj) in turned.items()
    }
    return chosen | {node: (negative, -1, False, False) for node, negative in negated.items()}


def begins_negative(total: Node) -> bool:
    """Whether the shortest term of a sum has a number below zero in front."""
    return as_product(min(terms_of(total), key=lambda term: len(as_product(term).factors))).coefficient < 0


def _what_turning_keeps(node: Node) -> Hashable:
    """Equal for sums of which one may be the other, turned or conjugated: a cheap test before the exact one."""
    return frozenset(Counter(map(rough_key, terms_of(node))).items())


def _turn_between(first: Node, second: Node) -> tuple[int, bool, bool] | None:
    """How the first sum is turned and conjugated into the second, and with which sign."""
    wanted = _terms_in_order(second, turned=False, conj=False)
    negated = Counter({(key, -number): count for (key, number), count in wanted.items()})
    for turned in (False, True) if first.rank == 2 else (False,):
        if (first.shape[::-1] if turned else first.shape) != second.shape:
            continue
        for conj in (False,) if first.real else (False, True):
            found = _terms_in_order(first, turned, conj)
            if found in (wanted, negated):
                return 1 if found == wanted else -1, turned, conj
    return None


def _terms_in_order(node: Node, turned: bool, conj: bool) -> Counter[tuple[Hashable, Fraction]]:
    """The terms of a sum, or of its transpose or conjugate, by what tells them apart."""
    axes = (1, 0) if turned else None
    products = map(as_product, terms_of(node))
    return Counter((canonical_key(p, is_symmetric, is_hermitian, axes, conj), p.coefficient) for p in products)


def _with_turned_factors(product: Contract, turned: dict[Node, Turn]) -> Node:
    """The product with other tensors for its sums."""
    sign, factors = 1, list[Factor]()
    for factor in product.factors:
        node, own, transposed, conj = turned.get(factor.node, (factor.node, 1, False, False))
        sign *= own
        factors.append(Factor(node, factor.groups[::-1] if transposed else factor.groups, factor.conj != conj))
    return scaled(sign, with_factors(product, factors))


def bring_out_signs(node: Node) -> Node:
    """`A (−B − C) D` as `−A (B + C) D`."""
    if not isinstance(node, Contract):
        return node
    negative = [isinstance(f.node, Add) and all(map(_is_negative, f.node.terms)) for f in node.factors]
    if not any(negative):
        return node
    pairs = zip(node.factors, negative, strict=True)
    factors = [f.with_node(scaled(-1, f.node)) if turn else f for f, turn in pairs]
    sign = (-1) ** sum(negative)
    return with_factors(node, factors, sign * node.coefficient)


def _is_negative(term: Node) -> bool:
    return as_product(term).coefficient < 0


# Kept, since every attempt to open a sum looks at its terms in turn, and most of them are terms of others too.
@lru_cache(maxsize=4096)
def cancel_terms(node: Node) -> Node:
    """Take a sum over an axis, or a matrix with orthonormal columns, into a sum in which terms cancel then.

    `1ᵀ (x − mean(x) 1) = 0` and `(I − Q Qᵀ) Q = 0`: what is centred has no mean, and what is orthogonal to the columns
    of Q no part along them, like the residual `b − A A⁺ b` to those of A. Sums in which nothing cancels stay closed.
    """
    if not isinstance(node, Contract) or not node.coefficient:
        return node
    for place, factor in enumerate(node.factors):
        if not isinstance(factor.node, Add) or not is_simple(factor.groups):
            continue
        for beside in _reductions(node, place):
            within = [f for p, f in enumerate(node.factors) if p == place or p == beside]
            closed = _distributed(node, within, factor)
            if closed is not None:
                return closed
    return node


def _reductions(node: Contract, place: int) -> Iterator[int | None]:
    """What could make terms of a sum cancel: None for the sum over an axis of it alone, and frames beside it."""
    labels = node.factors[place].labels
    held = set(labels)
    elsewhere = set(node.free_labels)
    elsewhere |= {label for p, f in enumerate(node.factors) if p != place for label in f.labels}
    if held - elsewhere:
        yield None
    related = _related(node, place)
    for other, factor in enumerate(node.factors):
        if (
            other != place
            and held & set(factor.labels)
            and (factor.node in related or "stiefel" in facts_of(factor.node))
        ):
            yield other


def _related(node: Contract, place: int) -> set[Node]:
    """What stands in a law with a matrix in a sum or beside it: X and X⁺, as `Xᵀ (b − X X⁺ b) = 0`."""
    inside = {f.node for term in terms_of(node.factors[place].node) for f in as_product(term).factors}
    beside = {f.node for f in node.factors}
    stated = [n for n in (*inside, *beside) if isinstance(n, Apply) and n.primitive.laws and _has_product_laws(n)]
    return {part for n in stated for part in (n, *n.arguments) if part in beside}


def _has_product_laws(node: Apply) -> bool:
    """Whether a law shortens products of a function with others, and not its sum alone, as that of a softmax."""
    return any(len(relation.pattern.factors) > 1 for relation in relations_of(node))


def _go_into(products: Sequence[Node], base: Factor, within: Sequence[Factor]) -> bool:
    """Whether what stands beside a sum goes into every term of it: `Uᵀ (U − A) = I − P` for `A = U P`."""
    pairs = zip(products, terms_of(base.node), strict=True)
    return len(within) > 1 and all(len(as_product(p).factors) <= len(as_product(term).factors) for p, term in pairs)


def _distributed(node: Contract, within: Sequence[Factor], base: Factor) -> Node | None:
    """The product with some factors multiplied out over the terms of one of them, if that makes terms cancel."""
    others = [f for f in node.factors if all(f is not w for w in within)]
    needed = labels_of(others) | set(node.free_labels)
    held = list(dict.fromkeys(label for f in within for label in f.labels))
    kept = tuple((label,) for label in held if label in needed)
    parts = [[base.with_node(term) if f is base else f for f in within] for term in terms_of(base.node)]
    found = [cancel_terms(merge_powers(collapse(subproduct(node, factors, kept)))) for factors in parts]
    total = add(found)
    if len(terms_of(total)) >= len(parts) and not is_zero(total) and not _go_into(found, base, within):
        return None
    return subproduct(node, [*others, Factor(total, kept)], node.output, node.coefficient)

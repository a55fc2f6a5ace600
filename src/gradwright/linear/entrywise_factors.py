"""Tensors that a product is multiplied by entry by entry: what `A ∘ B` and `C ∘ A` have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

from gradwright.core.canonical import as_product
from gradwright.core.contraction import with_factors
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Apply, Contract, Factor, Mask, Node
from gradwright.prims.power import base_and_exponent, power, raise_to

Entrywise = tuple[Node, tuple[int, ...], bool]
"""A tensor that a product is multiplied by entry by entry, the order of its axes, and whether it is conjugated."""


def entrywise(product: Contract) -> Counter[Entrywise]:
    """What a product is multiplied by entry by entry, and how often; masks, which are written around it, left out.

    A whole power is its base several times, one below the line the reciprocal of its base.
    """
    found = Counter[Entrywise]()
    for factor in product.factors:
        kind = kind_of(factor, product)
        if kind is not None:
            base, times = _repeated(kind[0])
            found[base, kind[1], kind[2]] += times
    return found


def shared_entrywise(products: Sequence[Contract]) -> Counter[Entrywise]:
    """What all of several products are multiplied by entry by entry; what is below the line, as often in each."""
    counts = list(map(entrywise, products))
    shared = reduce(Counter[Entrywise].__and__, counts)
    return Counter({
        kind: times for kind, times in shared.items()
        if base_and_exponent(kind[0])[1] > 0 or {count[kind] for count in counts} == {times}
    })  # fmt: skip


def kind_of(factor: Factor, product: Contract) -> Entrywise | None:
    """By what a factor multiplies a product entry by entry; None for a mask, or if its axes are not the product's."""
    if isinstance(factor.node, Mask) or sorted(factor.groups) != sorted(product.output):
        return None
    order = tuple(product.output.index(group) for group in factor.groups)
    return factor.node, tuple(sorted(order)) if is_symmetric(factor.node) else order, factor.conj


def _repeated(node: Node) -> tuple[Node, int]:
    """A whole power as its base, or the reciprocal of that, so many times."""
    base, exponent = base_and_exponent(node)
    if exponent.denominator > 1:
        return node, 1
    return (base if exponent > 0 else Apply(power, (Fraction(-1),), (base,))), int(abs(exponent))


def is_pattern(multiple: tuple[Fraction, Node], shared: Counter[Entrywise]) -> bool:
    """Whether a tensor is ones or a mask: `A + tril(A)` reads better than A times ones and twos, entry by entry.

    Beside ones a function is taken out, `σ(x) ∘ (1 + x ∘ σ(−x))`, and a variable stays: `A + A ∘ B`.
    """
    factors = as_product(multiple[1]).factors
    masked = all(isinstance(factor.node, Mask) for factor in factors)
    return masked and (bool(factors) or not any(isinstance(node, Apply) for node, _, _ in shared))


def without(product: Contract, shared: Counter[Entrywise]) -> tuple[Fraction, Node]:
    """The number in front of a product, and what is left of it without some factors."""
    rest = list[Factor]()
    left = Counter(shared)
    for factor in product.factors:
        kind = kind_of(factor, product)
        base, times = _repeated(factor.node)
        key = (base, *kind[1:]) if kind is not None else None
        taken = min(left[key], times) if key is not None else 0
        if not taken:
            rest.append(factor)
        elif taken < times:
            rest.append(factor.with_node(raise_to(base, Fraction(times - taken))))
        if key is not None:
            left[key] -= taken
    return product.coefficient, with_factors(product, rest, 1)

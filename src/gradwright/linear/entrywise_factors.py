"""Tensors that a product is multiplied by entry by entry: what `A ∘ B` and `C ∘ A` have in common."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Contract, Factor, Mask, Node

Entrywise = tuple[Node, tuple[int, ...], bool]
"""A tensor that a product is multiplied by entry by entry, the order of its axes, and whether it is conjugated."""


def entrywise(product: Contract) -> Counter[Entrywise]:
    """What a product is multiplied by entry by entry; masks, which are written around it, left out."""
    return Counter(kind for f in product.factors if (kind := _kind(f, product)) is not None)


def _kind(factor: Factor, product: Contract) -> Entrywise | None:
    if isinstance(factor.node, Mask) or sorted(factor.groups) != sorted(product.output):
        return None
    order = tuple(product.output.index(group) for group in factor.groups)
    return factor.node, tuple(sorted(order)) if is_symmetric(factor.node) else order, factor.conj


def is_pattern(multiple: tuple[Fraction, Node]) -> bool:
    """Whether a tensor is ones or a mask: `A + tril(A)` reads better than A times ones and twos, entry by entry."""
    return all(isinstance(factor.node, Mask) for factor in as_product(multiple[1]).factors)


def without(product: Contract, shared: Counter[Entrywise]) -> tuple[Fraction, Node]:
    """The number in front of a product, and what is left of it without some factors."""
    rest = list[Factor]()
    left = Counter(shared)
    for factor in product.factors:
        kind = _kind(factor, product)
        if kind is not None and left[kind]:
            left[kind] -= 1
        else:
            rest.append(factor)
    return product.coefficient, contract(1, rest, product.output, dict(enumerate(product.dims)))

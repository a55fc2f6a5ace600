"""Scalars of one value in one form: `(xᵀ y) A + (yᵀ x) B = (xᵀ y) (A + B)`, and traces that begin elsewhere."""

from __future__ import annotations

from collections.abc import Hashable

from gradwright.core.connected import connected
from gradwright.core.contraction import subproduct
from gradwright.core.nodes import Contract, Factor, Node, labels_of
from gradwright.core.sums import like_key
from gradwright.core.walks import transform_all


def with_scalars_alike(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The expressions with the products that are scalars, within larger ones too, each as it stands first."""
    first: dict[Hashable, Node] = {}
    return transform_all(roots, lambda node: _with_first_forms(node, first) if isinstance(node, Contract) else node)


def _with_first_forms(node: Contract, first: dict[Hashable, Node]) -> Node:
    free, factors, changed = set(node.free_labels), list[Factor](), False
    for part in connected(node.factors):
        if len(part) == 1 or not free.isdisjoint(labels_of(part)):
            factors += part
            continue
        scalar = subproduct(node, part, ())
        known = first.setdefault(like_key(scalar), scalar)
        changed |= known != scalar
        factors += part if known == scalar else [Factor(known, ())]
    return subproduct(node, factors, node.output, node.coefficient) if changed else node

"""Products as code: `A @ B`, `A * B`, sums, diagonals, slices, and `einsum` where nothing shorter says it.

A contraction is a list of terms, each an array with a label on every axis. Selections become slices,
masks triangles or running sums, elimination tensors gathers and scatters; labels that stand in one
term only are summed; then terms are multiplied two at a time, and what the output repeats, groups or
spreads is written around the result. No constant tensor is formed unless the output itself is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from gradwright.back.code.products.draft import Draft
from gradwright.back.code.products.factors import read_factors
from gradwright.back.code.products.masks import apply_masks
from gradwright.back.code.products.multiplying import multiplied, sum_private
from gradwright.back.code.products.results import put_around
from gradwright.back.code.products.selections import apply_selections
from gradwright.back.code.products.triangles import apply_triangles
from gradwright.back.code.text import Code, multiple, number
from gradwright.core.contraction import is_simple
from gradwright.core.nodes import Contract, Factor, HalfVectorisation, Mask, Node, Selection, labels_of
from gradwright.frozen import replace

if TYPE_CHECKING:
    from gradwright.back.code.lower import Lowering


def is_view(node: Node) -> bool:
    """Whether a node only looks at a value, or repeats it: writing it twice costs nothing."""
    if not isinstance(node, Contract) or abs(node.coefficient) != 1:
        return False
    tensors = [f for f in node.factors if not isinstance(f.node, Selection)]
    if len(tensors) != 1 or node.coefficient != 1 or tensors[0].conj:
        return not node.factors
    if isinstance(tensors[0].node, Mask | HalfVectorisation):
        return False
    labels = node.free_labels
    plain = is_simple((*node.output, *tensors[0].groups))
    placed = any(set(f.groups[0]) & set(labels) for f in node.factors if isinstance(f.node, Selection))
    inside = set(tensors[0].labels)
    picked = {label for f in node.factors if isinstance(f.node, Selection) for label in f.groups[0]}
    summed = inside - set(labels) - picked
    return plain and not placed and not summed and len(set(labels)) == len(labels)


def is_negative(node: Node) -> bool:
    """Whether a node is minus something else, its axes in any order."""
    if not isinstance(node, Contract) or node.coefficient != -1 or not node.factors:
        return False
    return is_view(replace(node, coefficient=Fraction(1)))


def write_contraction(lowering: Lowering, node: Node, order: Sequence[int], spread: bool = True) -> Code:
    """A contraction, its axes in an order."""
    if not isinstance(node, Contract):
        labels = tuple(range(node.rank))
        node = Contract(
            Fraction(1), (Factor(node, tuple((x,) for x in labels)),), node.shape, tuple((x,) for x in labels)
        )
    return _written(Draft(lowering, node, order), spread)


def spread_axes(node: Node) -> set[int]:
    """The axes along which a node is a broadcast of something smaller."""
    if not isinstance(node, Contract):
        return set()
    carried = labels_of(node.factors)
    flat = node.free_labels
    return {
        axis
        for axis, group in enumerate(node.output)
        if len(group) == 1 and group[0] not in carried and flat.count(group[0]) == 1
    }


def _written(draft: Draft, spread: bool) -> Code:
    if not draft.coefficient:
        return _constant(draft, Fraction(0), spread)
    flat = draft.flat()
    if not draft.node.factors and len(set(flat)) == len(flat) and not _has_equal_groups(draft):
        return _constant(draft, draft.coefficient, spread)
    if not draft.node.factors and len(draft.output) == 2 == len(flat) and flat[0] == flat[1]:
        return multiple(draft.coefficient, [draft.eye(draft.dims[flat[0]])])
    read_factors(draft)
    apply_selections(draft)
    apply_triangles(draft)
    apply_masks(draft)
    sum_private(draft)
    flat = list(dict.fromkeys(draft.flat()))
    carried = [x for x in flat if any(x in t.labels for t in draft.terms)]
    return put_around(draft, multiplied(draft, carried), carried, flat, spread)


def _has_equal_groups(draft: Draft) -> bool:
    return any(draft.output.count(group) > 1 for group in draft.output)


def _constant(draft: Draft, value: Fraction, spread: bool) -> Code:
    """A number in every entry."""
    if not draft.output or not spread:
        return number(value)
    filled = draft.filled("ones" if value else "zeros", draft.shape())
    return filled if value in (0, 1) else multiple(value, [filled])

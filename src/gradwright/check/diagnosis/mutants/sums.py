"""Sums of the gradient that are left out, taken along another axis, or replaced by one of their summands."""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.check.diagnosis.mutants.mutant import Mutant, placed
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.contraction import unified, with_factors, with_output
from gradwright.core.dims import Dim
from gradwright.core.nodes import Contract, Factor, Node, Selection, relabelled
from gradwright.core.sums import subtract
from gradwright.core.walks import depends_on, postorder


def sums(truth: Truth, name: str) -> Iterator[Mutant]:
    """Every sum in the gradient over one axis, changed."""
    root = truth.gradients[name]
    bound = bound_nodes(root)
    moving = depends_on((root,), (truth.cotangent,))
    for node in postorder(root):
        if isinstance(node, Contract) and node not in bound:
            extra = 0.0 if node in moving else 0.1
            for changed, label, words, cost in _changed(node):
                if changed.shape == node.shape:
                    yield Mutant(placed(root, node, changed), label, words, cost + extra)


def _changed(node: Contract) -> Iterator[tuple[Node, str, str, float]]:
    outer = set(node.free_labels)
    for label in range(len(node.dims)):
        if label in outer:
            continue
        yield from _picked(node, label)
        for other in sorted(outer):
            if node.dims[other] == node.dims[label]:
                cost = 1.4 if _holders(node, label) & _holders(node, other) else 1.1  # that takes a diagonal
                yield unified(node, node.factors, {label: other}), "unsummed_axis", "an inner sum is left out", cost
                if _is_sum(node, label, other):
                    swapped = with_output(node, relabelled(node.output, {label: other, other: label}))
                    yield swapped, "wrong_axis", "a sum runs over another axis", 1.2


def _holders(node: Contract, label: int) -> set[int]:
    """The factors, by place, that have an axis of this label."""
    return {place for place, factor in enumerate(node.factors) if label in factor.labels}


def _is_sum(node: Contract, summed: int, kept: int) -> bool:
    """Whether what is summed over the other axis is again a sum of what was summed, and no product is taken apart."""
    return len(_holders(node, kept)) >= min(2, len(_holders(node, summed))) and bool(_holders(node, kept))


def _picked(node: Contract, label: int) -> Iterator[tuple[Node, str, str, float]]:
    """The first or the last summand alone, or all but that one."""
    for alone, words in summands(node, label):
        yield alone, "missing_trace_or_sum_over_batch", f"only {words} is used", 1.0
        yield subtract(node, alone), "missing_trace_or_sum_over_batch", f"{words} is left out", 1.05


def summands(node: Contract, label: int) -> Iterator[tuple[Node, str]]:
    """The first and the last of what stands at one label, each in words."""
    dim = node.dims[label]
    for offset, which in ((Dim.of(0), "first"), (dim - 1, "last")):
        chosen = Factor(Selection(dim, None, offset), ((label,),))
        yield with_factors(node, [*node.factors, chosen]), f"the {which} of {dim} contributions"

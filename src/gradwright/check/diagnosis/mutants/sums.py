"""Sums of the gradient that are left out, taken along another axis, or replaced by one of their summands."""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.check.diagnosis.mutants.mutant import Mutant, placed
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.contraction import contract, with_factors
from gradwright.core.dims import Dim
from gradwright.core.nodes import Contract, Factor, Group, Groups, Node, Selection
from gradwright.core.walks import depends_on, postorder


def sums(truth: Truth, name: str) -> Iterator[Mutant]:
    """Every sum in the gradient over one axis, changed."""
    root = truth.gradients[name]
    bound = bound_nodes(root)
    moving = depends_on((root,), (truth.cotangent,))
    for node in postorder(root):
        if isinstance(node, Contract) and node in moving and node not in bound:
            for changed, label, words, cost in _changed(node):
                if changed.shape == node.shape:
                    yield Mutant(placed(root, node, changed), label, words, cost)


def _changed(node: Contract) -> Iterator[tuple[Node, str, str, float]]:
    outer = {label for group in node.output for label in group}
    for label in range(len(node.dims)):
        if label in outer:
            continue
        yield from _picked(node, label)
        for other in sorted(outer):
            if node.dims[other] == node.dims[label]:
                yield _unsummed(node, label, other), "unsummed_axis", "an inner sum is left out", 1.1
                yield _swapped(node, label, other), "wrong_axis", "a sum runs over another axis", 1.2


def _picked(node: Contract, label: int) -> Iterator[tuple[Node, str, str, float]]:
    """The first or the last summand alone."""
    dim = node.dims[label]
    for offset, which in ((Dim.of(0), "first"), (dim - 1, "last")):
        chosen = Factor(Selection(dim, None, offset), ((label,),))
        words = f"only the {which} of {dim} contributions is used"
        yield with_factors(node, [*node.factors, chosen]), "missing_trace_or_sum_over_batch", words, 1.0


def _renamed(groups: Groups, names: dict[int, int]) -> Groups:
    def one(group: Group) -> Group:
        return tuple(names.get(label, label) for label in group)

    return tuple(map(one, groups))


def _unsummed(node: Contract, summed: int, kept: int) -> Node:
    dims = {label: dim for label, dim in enumerate(node.dims) if label != summed}
    factors = [Factor(f.node, _renamed(f.groups, {summed: kept}), f.conj) for f in node.factors]
    return contract(node.coefficient, factors, node.output, dims)


def _swapped(node: Contract, summed: int, kept: int) -> Node:
    names = {summed: kept, kept: summed}
    dims = dict(enumerate(node.dims))
    return contract(node.coefficient, node.factors, _renamed(node.output, names), dims)

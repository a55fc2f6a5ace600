"""One order for matrices that commute, since they are functions of one matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

from gradwright.core.commuting import commute
from gradwright.core.connected import connected
from gradwright.core.contraction import contract, simple, with_factors
from gradwright.core.inference import facts_of, is_hermitian, is_skew, is_symmetric
from gradwright.core.nodes import Apply, Contract, Factor, Node, labels_of
from gradwright.core.walks import postorder
from gradwright.frozen import frozen
from gradwright.simplify.inverses import is_inverse


def order_commuting(node: Node) -> Node:
    """Functions of one matrix that stand side by side in one order, the shorter first: `X e^X`, and not `e^X X`."""
    if not isinstance(node, Contract) or not any(_is_function(f.node) for f in node.factors):
        return node
    outside = set(node.free_labels)
    for chain in _free_chains(node):
        if not chain.is_sorted:
            return order_commuting(chain.sorted_in(node))
        outside |= chain.labels
    for label in range(len(node.dims)):
        meeting = [place for place, f in enumerate(node.factors) if label in f.labels]
        if label not in outside and len(meeting) == 2:
            exchanged = _exchanged(node, label, *meeting)
            if exchanged is not None:
                return order_commuting(exchanged)
    return node


@frozen
class _FreeChain:
    """Matrices that commute with each other, between two equal vectors or round a cycle: any order is the same.

    Attributes:
        steps: each matrix with the labels that it leads from and to.
        is_cycle: whether it closes, in a trace.
    """

    steps: tuple[tuple[Factor, int, int], ...]
    is_cycle: bool

    @property
    def labels(self) -> set[int]:
        return {label for _, *ends in self.steps for label in ends}

    @property
    def is_sorted(self) -> bool:
        """Whether the shorter matrices come first, from one side, and from some place in a cycle."""
        lengths = [_length(factor.node) for factor, _, _ in self.steps]
        starts = range(len(lengths) if self.is_cycle else 1)
        orders = [way[k:] + way[:k] for way in (lengths, lengths[::-1]) for k in starts]
        return sorted(lengths) in orders

    def sorted_in(self, node: Contract) -> Node:
        """The product with this chain sorted."""
        ordered = sorted(self.steps, key=lambda step: _length(step[0].node))
        moved = {
            id(factor): factor.relabelled({row: to_row, column: to_column})
            for (factor, row, column), (_, to_row, to_column) in zip(ordered, self.steps, strict=True)
        }
        factors = [moved.get(id(factor), factor) for factor in node.factors]
        return with_factors(node, factors)


def _free_chains(node: Contract) -> list[_FreeChain]:
    outside = set(node.free_labels)
    found = list[_FreeChain]()
    for factors in connected([f for f in node.factors if f.labels]):
        inside = labels_of(factors)
        if outside.isdisjoint(inside) and any(_is_function(f.node) for f in factors):
            chain = _free_chain(factors)
            found += [chain] if chain is not None else []
    return found


def _free_chain(factors: Sequence[Factor]) -> _FreeChain | None:
    ends = [f for f in factors if f.node.rank == len(f.labels) == 1]
    matrices = [f for f in factors if f.node.rank == 2 and len(set(f.labels)) == len(f.labels) == 2]
    uses = Counter(label for f in factors for label in f.labels)
    if len(ends) + len(matrices) < len(factors) or set(uses.values()) != {2} or len(ends) not in (0, 2):
        return None
    if ends and (ends[0].node != ends[1].node or not ends[0].node.real):
        return None
    steps, label, rest = list[tuple[Factor, int, int]](), (ends or matrices)[0].labels[0], list(matrices)
    while rest:
        factor = next(f for f in rest if label in f.labels)
        rest.remove(factor)
        steps.append((factor, label, sum(factor.labels) - label))
        label = steps[-1][2]
    read = [_read(*step) for step in steps]
    if ends and not all(factor.node.real and is_symmetric(factor.node) for factor in matrices):
        return None
    free = all(commute(a, b, facts_of) for a, b in combinations(read, 2))
    return _FreeChain(tuple(steps), not ends) if free else None


def _is_function(node: Node) -> bool:
    return isinstance(node, Apply) and node.primitive.commutes


def _exchanged(node: Contract, label: int, before: int, behind: int) -> Node | None:
    """The product with two matrices that meet at a label exchanged, if they commute and the longer stands first."""
    pair = node.factors[before], node.factors[behind]
    if not all(map(_is_plain, pair)) or not any(_is_function(f.node) for f in pair):
        return None
    row, column = (sum(f.labels) - label for f in pair)
    closed = _leads_to(node, pair[1], column, row)
    backwards = None if closed else _reads_backwards(node, pair, row, column)
    if backwards is None:
        return None
    if backwards:
        before, behind, row, column = behind, before, column, row
    left, right = node.factors[before], node.factors[behind]
    if _length(left.node) <= _length(right.node):
        return None
    if not commute(_read(left, row, label), _read(right, label, column), facts_of):
        return None
    factors = list(node.factors)
    factors[before] = right.relabelled({label: row, column: label})
    factors[behind] = left.relabelled({row: label, label: column})
    return with_factors(node, factors)


def _leads_to(node: Contract, factor: Factor, label: int, end: int) -> bool:
    """Whether a chain of matrices leads from a label of a factor to another one: round a cycle nothing stands first."""
    for _ in node.factors:
        if label == end:
            return True
        following = [f for f in node.factors if label in f.labels and f is not factor]
        if len(following) != 1 or len(set(following[0].labels)) != 2 or len(following[0].labels) != 2:
            return False
        (factor,) = following
        label = sum(factor.labels) - label
    return label == end


def _reads_backwards(node: Contract, pair: tuple[Factor, Factor], row: int, column: int) -> bool | None:
    """Whether two matrices between two labels are read from the second to the first; None if nothing says.

    As they are, and not as their transposes; symmetric ones from what stands beside all that commute with them, so that
    the transpose of a product has the same order and no exchange turns it around, or else from the first axis of the
    result.
    """
    first, second = pair
    upright = {f.labels[0] == row or f.labels[1] == column for f in pair if not _is_mirrored(f.node)}
    if len(upright) == 1:
        return not upright.pop()
    first, row = _last_that_commutes(node, first, row)
    second, column = _last_that_commutes(node, second, column)
    before = sorted(f.node.digest for f in node.factors if row in f.labels and f != first)
    behind = sorted(f.node.digest for f in node.factors if column in f.labels and f != second)
    if before != behind:
        return before > behind
    ends = [label for group in node.output for label in group if label in (row, column)]
    return ends[0] == column if ends else None


def _last_that_commutes(node: Contract, factor: Factor, label: int) -> tuple[Factor, int]:
    """The last of the matrices that stand behind a label of a factor and commute with it, and its outer label."""
    for _ in node.factors:
        following = [f for f in node.factors if label in f.labels and f is not factor]
        if label in node.free_labels or len(following) != 1 or not _is_plain(following[0]):
            break
        (beside,) = following
        inner, outer = sum(factor.labels) - label, sum(beside.labels) - label
        if not commute(_read(factor, inner, label), _read(beside, label, outer), facts_of):
            break
        factor, label = beside, outer
    return factor, label


def _is_plain(factor: Factor) -> bool:
    """Whether a factor is a matrix between two labels."""
    return factor.node.rank == len(factor.groups) == len(factor.labels) == len(set(factor.labels)) == 2


def _is_mirrored(node: Node) -> bool:
    return is_symmetric(node) or is_skew(node) or is_hermitian(node)


@lru_cache(maxsize=4096)
def _length(node: Node) -> tuple[int, bool, str]:
    inverse = is_inverse(node)
    return len(tuple(postorder(node))), not inverse, node.digest.hex()


def _read(factor: Factor, row: int, column: int) -> Node:
    """A factor as the matrix that leads from one label to another."""
    return contract(1, [factor], simple((row, column)), dict(zip(factor.labels, factor.node.shape, strict=True)))

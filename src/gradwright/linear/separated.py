"""Sums of outer products that share all parts but one: `A ⊗ C + B ⊗ C = (A + B) ⊗ C`.

The parts of a product are what no summed label joins: the Jacobian of `A X B` has two, A and B, whatever the order
of its axes. Two vectors beside matrices are one part: `I ⊗ x yᵀ + I ⊗ y xᵀ = I ⊗ (x yᵀ + y xᵀ)`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction

from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import contract, is_simple, simple, split_coefficient, subproduct
from gradwright.core.nodes import Add, Contract, Factor, Node, labels_of
from gradwright.core.sums import add, value_key
from gradwright.frozen import frozen

LARGEST = 2
"""Axes of parts that are added: a sum of matrices is read with ease, one of larger tensors is not."""

Total = Callable[[Sequence[tuple[Fraction, Node]]], tuple[Fraction, Node]]
"""How parts are added: from tensors with numbers to a number and the sum behind it."""


_Group = tuple[list[Factor], set[int]]
"""Factors that summed labels join, and their labels."""


@frozen
class _Part:
    """The factors of a product that stand on some of its axes, as a tensor with these axes.

    `within` is the tensor with one axis for all those that carry the same index, as the vector of a diagonal matrix,
    and `places` says which of its axes each of them is.
    """

    axes: tuple[int, ...]
    tensor: Node
    key: Hashable
    within: Node
    places: tuple[int, ...]


@frozen
class _Separated:
    """A term as a number times its parts, in the order of their axes; no parts where it is not taken apart."""

    number: Fraction
    parts: tuple[_Part, ...]
    node: Node


def join_outer_products(node: Add, total: Total) -> Node:
    """The sum with products joined that differ in one part alone.

    A term that could be joined to others in two ways is left, as the last one of `A ⊗ B + B ⊗ A − B ⊗ B`.
    """
    items, place = list(map(_separate, node.terms)), 0
    ways = {item.node: {_differing(item, other) for other in items if other is not item} - {None} for item in items}
    free = [len(ways[item.node]) == 1 for item in items]
    while place < len(items):
        others = range(place + 1, len(items)) if free[place] else range(0)
        other = next((o for o in others if free[o] and _differing(items[place], items[o]) is not None), None)
        if other is None:
            place += 1
        else:
            items[place] = _joined(items[place], items[other], total)
            del items[other], free[other]
    return add([item.node for item in items])


def _differing(left: _Separated, right: _Separated) -> int | None:
    """The place of the part in which two products differ, if it is one that is no larger than a matrix.

    A product of one part is held as a smaller tensor, too, where axes carry the same index.
    """
    if [part.axes for part in left.parts] != [part.axes for part in right.parts]:
        return None
    pairs = list(enumerate(zip(left.parts, right.parts, strict=True)))
    differing = [(place, a, b) for place, (a, b) in pairs if a.key != b.key]
    if len(differing) != 1:
        return None
    ((place, first, second),) = differing
    rank = first.within.rank if first.places == second.places else len(first.axes)
    return place if 1 <= rank <= LARGEST and (len(pairs) > 1 or rank < len(first.axes)) else None


def _joined(left: _Separated, right: _Separated, total: Total) -> _Separated:
    """Two products that differ in one part as one."""
    place = _differing(left, right)
    assert place is not None
    first, second = left.parts[place], right.parts[place]
    alike = first.places == second.places
    tensors = [(item.number, part.within if alike else part.tensor) for item, part in ((left, first), (right, second))]
    number, tensor = total(tensors)
    if alike:
        tensor = contract(
            1, [Factor(tensor, simple(range(tensor.rank)))], simple(first.places), dict(enumerate(tensor.shape))
        )
    further, tensor = split_coefficient(tensor)
    factors = [Factor(p.tensor, simple(p.axes)) for p in left.parts]
    factors[place] = Factor(tensor, simple(first.axes))
    shape = left.node.shape
    return _separate(contract(number * further, factors, simple(range(len(shape))), dict(enumerate(shape))))


def _separate(term: Node) -> _Separated:
    product = as_product(term)
    if not is_simple(product.output):
        return _Separated(product.coefficient, (), term)
    carried = labels_of(product.factors)
    repeated = [label for (label,) in dict.fromkeys(product.output) if label not in carried]
    groups = [(factors, labels_of(factors)) for factors in connected(product.factors)]
    groups = _with_vectors_joined(product, [*groups, *(([], {label}) for label in repeated)])
    found = [_part(product, factors, labels) for factors, labels in groups]
    return _Separated(product.coefficient, tuple(sorted(found, key=lambda part: part.axes)), term)


def _with_vectors_joined(product: Contract, groups: Sequence[_Group]) -> Sequence[_Group]:
    """Two groups of one axis each as one, beside others of more axes."""
    axes = [sum(label in labels for (label,) in product.output) for _, labels in groups]
    vectors = [group for group, count in zip(groups, axes, strict=True) if count == 1]
    if len(vectors) != 2 or max(axes) < 2:
        return groups
    (first, these), (second, those) = vectors
    return [*(group for group in groups if group not in vectors), ([*first, *second], these | those)]


def _part(product: Contract, factors: Sequence[Factor], labels: set[int]) -> _Part:
    axes = tuple(axis for axis, (label,) in enumerate(product.output) if label in labels)
    held = [product.output[axis][0] for axis in axes]
    order = list(dict.fromkeys(held))
    tensor, within = (subproduct(product, factors, simple(output)) for output in (held, order))
    return _Part(axes, tensor, value_key(tensor), within, tuple(map(order.index, held)))

"""Sums of outer products that share all parts but one: `A ⊗ C + B ⊗ C = (A + B) ⊗ C`.

Terms of two parts have a matrix of numbers: one for every first part with every second. Rows and columns in which it
has rank one are a product of two sums: `A ⊗ A − A ⊗ B − B ⊗ A + B ⊗ B = (A − B) ⊗ (A − B)`.
The parts of a product are what no summed label joins: the Jacobian of `A X B` has two, A and B, whatever the order
of its axes. Two vectors beside matrices are one part: `I ⊗ x yᵀ + I ⊗ y xᵀ = I ⊗ (x yᵀ + y xᵀ)`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence, Set
from fractions import Fraction
from itertools import combinations

from gradwright.core.build import multiply, number
from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import ONE, contract, is_simple, simple, split_coefficient, subproduct
from gradwright.core.nodes import Add, Contract, Factor, Node, labels_of
from gradwright.core.sums import add, scaled, terms_of, value_key
from gradwright.frozen import frozen
from gradwright.simplify.expansion import expand
from gradwright.simplify.sums import begins_negative

LARGEST = 2
"""Axes of parts that are added: a sum of matrices is read with ease, one of larger tensors is not."""

Total = Callable[[Sequence[tuple[Fraction, Node]]], tuple[Fraction, Node]]
"""How parts are added: from tensors with numbers to a number and the sum behind it."""


MOST_ROWS = 6
"""First parts among which products of sums are looked for: every choice of them is tried."""
MOST_OPENED = 16
"""Terms of a sum whose products of sums are multiplied out to be joined in other ways."""

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
    """A number times a scalar times parts, in the order of their axes; no parts for a term that is not taken apart."""

    number: Fraction
    scalar: Node
    parts: tuple[_Part, ...]
    node: Node


_Block = Sequence[Sequence[_Separated]]
"""Terms in rows that share their first part and columns that share their second."""


def join_outer_products(node: Add, total: Total) -> Node:
    """The sum with products joined that differ in one part alone.

    A term that could be joined to others in two ways is left, as the last one of `A ⊗ B + B ⊗ A − B ⊗ B`.
    """
    items, place = _in_products_of_sums(node, total), 0
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
    known = {part.key for item in items for part in item.parts}
    return add([_in_known_parts(item, known) for item in items])


def _in_known_parts(item: _Separated, known: Set[Hashable]) -> Node:
    """A product with a part that has another one in it as their sum: `P ⊗ (V − P)` for `P ⊗ (I − P V⁻¹) V`."""
    tensors = [_opened_to(part.tensor, known) for part in item.parts]
    if all(tensor is part.tensor for tensor, part in zip(tensors, item.parts, strict=True)):
        return item.node
    factors = [Factor(t, simple(part.axes)) for t, part in zip(tensors, item.parts, strict=True)]
    shape = item.node.shape
    whole = [*factors, Factor(item.scalar, ())]
    return contract(item.number, whole, simple(range(len(shape))), dict(enumerate(shape)))


def _opened_to(tensor: Node, known: Set[Hashable]) -> Node:
    opened = expand(tensor, lambda _: True, MOST_OPENED) if tensor.rank <= LARGEST else tensor
    terms = [split_coefficient(term)[1] for term in terms_of(opened)]
    whole = isinstance(opened, Add) and any(value_key(term) in known for term in terms)
    return opened if whole and not isinstance(tensor, Add) else tensor


def _in_products_of_sums(node: Add, total: Total) -> list[_Separated]:
    """The terms with those as one that are a product of two sums; sums are opened if that makes the terms fewer."""
    joined = _with_blocks_joined(node, total)
    opened = expand(node, lambda _: True, MOST_OPENED)
    if isinstance(opened, Add) and opened != node:
        joined = min(joined, _with_blocks_joined(opened, total), key=len)
    return joined


def _with_blocks_joined(node: Add, total: Total) -> list[_Separated]:
    """The terms with those as one that are a product of two sums, the largest such product first."""
    items = list(map(_separate, node.terms))
    while (block := max(_blocks(items), key=lambda rows: sum(map(len, rows)), default=None)) is not None:
        inside = {item.node for row in block for item in row}
        items = [_product_of_sums(block, total), *(item for item in items if item.node not in inside)]
    return items


def _blocks(items: Sequence[_Separated]) -> Iterator[_Block]:
    """Rows and columns in which the numbers of the products of two parts have rank one."""
    tables: dict[Hashable, dict[Hashable, dict[Hashable, _Separated]]] = {}
    for item in items:
        if len(item.parts) == 2 and max(len(part.axes) for part in item.parts) <= LARGEST:
            first, second = item.parts
            tables.setdefault((first.axes, second.axes, item.scalar), {}).setdefault(first.key, {})[second.key] = item
    for table in tables.values():
        rows = [row for row in table.values() if len(row) > 1]
        for count in range(2, len(rows) + 1) if len(rows) <= MOST_ROWS else ():
            for chosen in combinations(rows, count):
                columns: dict[Hashable, list[Sequence[_Separated]]] = {}
                for key in chosen[0]:
                    if all(key in row for row in chosen):
                        column = [row[key] for row in chosen]
                        columns.setdefault(tuple(i.number / column[0].number for i in column), []).append(column)
                yield from (list(zip(*alike, strict=True)) for alike in columns.values() if len(alike) > 1)


def _product_of_sums(block: _Block, total: Total) -> _Separated:
    """`(Σᵢ rᵢ Aᵢ) ⊗ (Σⱼ cⱼ Bⱼ)` for `Σᵢⱼ rᵢ cⱼ Aᵢ ⊗ Bⱼ`."""
    corner, shape = block[0][0], block[0][0].node.shape
    columns = [(item.number, item.parts[1].tensor) for item in block[0]]
    rows = [(row[0].number / corner.number, row[0].parts[0].tensor) for row in block]
    coefficient, factors = ONE, [Factor(corner.scalar, ())]
    for multiples, part in zip((rows, columns), corner.parts, strict=True):
        shared, tensor = total(multiples)
        sign = -1 if begins_negative(tensor) else 1
        coefficient *= sign * shared
        factors.append(Factor(scaled(sign, tensor), simple(part.axes)))
    return _separate(contract(coefficient, factors, simple(range(len(shape))), dict(enumerate(shape))))


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
    same = left.scalar == right.scalar
    inside = [(item, part.within if alike else part.tensor) for item, part in ((left, first), (right, second))]
    shared, tensor = total([(item.number, part if same else multiply(item.scalar, part)) for item, part in inside])
    if alike:
        tensor = contract(
            1, [Factor(tensor, simple(range(tensor.rank)))], simple(first.places), dict(enumerate(tensor.shape))
        )
    further, tensor = split_coefficient(tensor)
    factors = [Factor(p.tensor, simple(p.axes)) for p in left.parts]
    factors[place] = Factor(tensor, simple(first.axes))
    factors += [Factor(left.scalar, ())] * same
    shape = left.node.shape
    return _separate(contract(shared * further, factors, simple(range(len(shape))), dict(enumerate(shape))))


def _separate(term: Node) -> _Separated:
    product = as_product(term)
    if not is_simple(product.output):
        return _Separated(product.coefficient, number(1), (), term)
    carried = labels_of(product.factors)
    repeated = [label for (label,) in dict.fromkeys(product.output) if label not in carried]
    groups = [(factors, labels_of(factors)) for factors in connected(product.factors)]
    groups = _with_vectors_joined(product, [*groups, *(([], {label}) for label in repeated)])
    found = [_part(product, factors, labels) for factors, labels in groups]
    without_axes = [f for (factors, _), part in zip(groups, found, strict=True) if not part.axes for f in factors]
    scalar = subproduct(product, without_axes, ())
    parts = sorted((part for part in found if part.axes), key=lambda part: part.axes)
    return _Separated(product.coefficient, scalar, tuple(parts), term)


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

"""Products whose entries are quadratic forms, and so not negative: `xᴴ K x`, `‖A x‖²`, the diagonal of `X K Xᵀ`.

Such a product is its own mirror image: beside a positive semidefinite matrix, or beside nothing, stands the same on
either side, and what the sides have in common, an axis of the result or a summed one, is mirrored to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gradwright.core.mirror_images import FactsOf
from gradwright.core.multisets import without
from gradwright.core.nodes import Apply, Contract, Factor, Node, Selection, Symbol, field_of

Predicate = Callable[[Node], bool]


def is_quadratic_form(product: Contract, is_semidefinite: Predicate, is_nonnegative: Predicate) -> bool:
    """Whether every entry is a sum of `Lᴴ M L` with a positive semidefinite M, times what is not negative."""
    if product.coefficient.numerator < 0 or not product.factors:
        return False
    factors = list(_opened(product, is_semidefinite))
    kept = set(product.free_labels)
    for start, image, left in _beginnings(factors, is_semidefinite):
        rest = _mirrored(without(factors, start), image, left)
        if rest is None or any(image.get(label, label) != label for label in kept):
            continue
        if all(is_nonnegative(f.node) and all(image.get(x, x) == x for x in f.labels) for f in rest):
            return True
    return False


def is_semidefinite_form(product: Contract, is_semidefinite: Predicate, is_nonnegative: Predicate) -> bool:
    """Whether a matrix M is `Lᴴ K L` with weights that are not negative: `xᴴ M x` is a quadratic form for every x."""
    if any(len(group) != 1 for group in product.output) or product.output[0] == product.output[1]:
        return False
    x = Symbol("", product.shape[:1], field_of(product))  # without a name: no other tensor is it
    beside = (Factor(x, product.output[:1], not product.real), Factor(x, product.output[1:]))
    form = Contract(product.coefficient, (*product.factors, *beside), product.dims, ())
    return is_quadratic_form(form, is_semidefinite, is_nonnegative)


def is_positive_form(product: Contract, facts_of: FactsOf) -> bool:
    """Whether every entry is `vᴴ K v` with a definite K and a v that is known not to be zero, times what is positive.

    Such a v picks an entry of the diagonal out, which is positive for some triangles too, or has positive entries, as
    that of ones has, `1ᵀ K 1`. The trace of a product of two definite matrices is a sum of such forms.
    """
    if product.coefficient <= 0 or not _is_spread(product):
        return False
    for place, middle in enumerate(product.factors):
        facts = facts_of(middle.node)
        if middle.node.rank == len(set(middle.labels)) == 2 and "positive_diagonal" in facts:
            rest = _without_sides(product, place, "spd" in facts, facts_of)
            if rest is not None and all("positive" in facts_of(f.node) for f in rest):
                return True
    return False


def _is_spread(product: Contract) -> bool:
    """Whether no entry is zero because it lies beside a diagonal."""
    return len(set(product.free_labels)) == sum(map(len, product.output))


def _without_sides(product: Contract, place: int, definite: bool, facts_of: FactsOf) -> list[Factor] | None:
    """The factors beside `vᴴ K v` with the K at a place; None if it does not stand between equal vectors like that."""
    left, right = product.factors[place].labels
    rest = [f for other, f in enumerate(product.factors) if other != place]
    before = [f for f in rest if left in f.labels]
    behind = [f for f in rest if right in f.labels]
    if {left, right} & set(product.free_labels):
        return None
    if definite and before == behind and all(_is_definite_between(f, {left, right}, facts_of) for f in before):
        return [f for f in rest if f not in before]
    image = {left: right, right: left}
    if len(before) != 1 or len(behind) != 1 or not _pair(before[0], behind[0], image):
        return None
    ((vector,), shared) = before, [x for x in before[0].labels if x != left]
    picked = isinstance(vector.node, Selection) and vector.groups[0] == (left,)
    if any(image[x] != x for x in shared) or not (picked or (definite and "positive" in facts_of(vector.node))):
        return None
    return [f for f in rest if f not in (*before, *behind)]


def _is_definite_between(factor: Factor, labels: set[int], facts_of: FactsOf) -> bool:
    """Whether a factor is a definite matrix with some labels: the trace of a product of two is positive."""
    return set(factor.labels) == labels and factor.node.rank == 2 and "spd" in facts_of(factor.node)


def _opened(product: Contract, is_semidefinite: Predicate) -> Iterator[Factor]:
    """The factors, with K and b, the sides of a system, for `K⁻¹ b`: the inverse of K is definite if K is."""
    fresh = len(product.dims)
    for factor in product.factors:
        node = factor.node
        if isinstance(node, Apply) and node.primitive.notation.left_division and is_semidefinite(node.arguments[0]):
            matrix, right = node.arguments
            yield Factor(matrix, (factor.groups[0], (fresh,)), factor.conj)
            yield Factor(right, ((fresh,), *factor.groups[1:]), factor.conj)
            fresh += 1
        else:
            yield factor


def _beginnings(
    factors: Sequence[Factor], is_semidefinite: Predicate
) -> Iterator[tuple[tuple[Factor, ...], dict[int, int], set[int]]]:
    """What may stand in the middle, which label is the image of which, and the labels on the left.

    In the middle is a semidefinite matrix, or nothing between two equal tensors.
    """
    for factor in factors:
        if factor.node.rank == len(factor.labels) == len(set(factor.labels)) == 2 and is_semidefinite(factor.node):
            left, right = factor.labels
            yield (factor,), {left: right, right: left}, {left}
    if len({factor.node for factor in factors}) == len(factors):
        return
    for place, first in enumerate(factors):
        for second in factors[place + 1 :]:
            image: dict[int, int] = {}
            if _pair(first, second, image):
                yield (first, second), image, {label for label in first.labels if image[label] != label}


def _mirrored(factors: Sequence[Factor], image: dict[int, int], left: set[int]) -> list[Factor] | None:
    """What is left of the factors without those that have a mirror image; None where one lacks it.

    What stands on the left has no label of the right: nothing but the middle joins the sides.
    """
    rest, reached = list(factors), list(left)
    while reached:
        label = reached.pop()
        while (first := next((f for f in rest if label in f.labels), None)) is not None:
            rest.remove(first)
            second = next((f for f in rest if image[label] in f.labels and _pair(first, f, image)), None)
            if second is None:
                return None
            rest.remove(second)
            new = {own for own in first.labels if image[own] != own} - left
            left |= new
            reached += new
    return None if any(image[own] in left for own in left) else rest


def _pair(first: Factor, second: Factor, image: dict[int, int]) -> bool:
    """Whether two factors may be each other's images; their labels are then."""
    if first.node != second.node or (not first.node.real and first.conj == second.conj):
        return False
    if list(map(len, first.groups)) != list(map(len, second.groups)):  # axes in groups, and as one
        return False
    found = dict(image)
    for one, other in zip(first.labels, second.labels, strict=True):
        if found.setdefault(one, other) != other or found.setdefault(other, one) != one:
            return False
    image.update(found)
    return True

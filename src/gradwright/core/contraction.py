"""The normal form of contractions.

`contract` takes a product of factors with arbitrary labels and returns the node that stands for it:
products inside products are inlined, labels are unified, masks on one pair of labels multiply, a
summed label that no factor carries becomes a dimension size, and labels are numbered in order of
appearance. Sums are never multiplied out, and a product that has grown past `INLINE_LIMIT` factors
is left as one factor of the next, so that nothing grows exponentially.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeGuard

from gradwright.core.dims import Dim, product
from gradwright.core.nodes import Contract, Factor, Group, Groups, Mask, Node, Shape, Size, labels_of, relabelled
from gradwright.errors import UnsupportedError

INLINE_LIMIT = 24
LONGEST_NUMBER = 8192  # bits: Python writes no whole number of more than 4,300 digits
ONE = Fraction(1)


def contract(
    coefficient: Fraction | int,
    factors: Iterable[Factor],
    output: Groups,
    dims: Mapping[int, Dim],
) -> Node:
    """The normal form of `coefficient · Π factors`, summed over the labels not in `output`.

    Args:
        coefficient: the rational number in front.
        factors: tensors with a group of labels for every axis.
        output: a group of labels for every axis of the result; labels may repeat.
        dims: the dimension of every label. A label that stands in neither a factor nor the output
            is summed over as well: it multiplies by its size.
    """
    labels = _Labels(dims)
    scale = Fraction(coefficient)
    flat: list[Factor] = []
    for factor in factors:
        scale *= _inline(factor, labels, flat)
    shape = tuple(product(dims[label] for label in group) for group in output)
    if not scale:
        return zero(shape)
    placed = [Factor(f.node, labels.resolve_all(f.groups), _conj(f)) for f in flat]
    scale, placed = _multiply_masks(scale, placed, labels)
    if not scale:
        return zero(shape)
    if max(scale.numerator.bit_length(), scale.denominator.bit_length()) > LONGEST_NUMBER:
        raise UnsupportedError(
            f"a number of the expression has more than {LONGEST_NUMBER} bits: make a part of it a variable"
        )
    return _numbered(scale, placed, labels.resolve_all(output), labels)


def zero(shape: Shape) -> Node:
    """The tensor of zeros: coefficient 0, no factors, distinct labels."""
    output = tuple((axis,) for axis in range(len(shape)))
    return Contract(Fraction(0), (), tuple(shape), output)


def is_zero(node: Node) -> bool:
    """Whether the node is the tensor of zeros."""
    return isinstance(node, Contract) and not node.coefficient


def plain(node: Node, labels: Sequence[int], conj: bool = False) -> Factor:
    """A factor with one label on each axis."""
    return Factor(node, tuple((label,) for label in labels), conj)


def simple(labels: Sequence[int]) -> Groups:
    """An output with one label on each axis."""
    return tuple((label,) for label in labels)


def is_simple(groups: Iterable[Group]) -> bool:
    """Whether there is one label on each axis."""
    # A loop: every pass asks this of every factor, and a generator takes three times as long.
    for group in groups:
        if len(group) != 1:
            return False
    return True


def is_diagonal(node: Node) -> TypeGuard[Contract]:
    """Whether a matrix is written as a diagonal one, with one label for both axes."""
    return isinstance(node, Contract) and node.rank == 2 and is_simple(node.output) and node.output[0] == node.output[1]


def scale(coefficient: Fraction | int, node: Node) -> Node:
    """A rational multiple of a tensor."""
    if coefficient == 1:
        return node
    labels = range(node.rank)
    return contract(coefficient, [plain(node, labels)], simple(labels), dict(enumerate(node.shape)))


def conjugate(node: Node) -> Node:
    """The complex conjugate; the node itself if it is real."""
    if node.real:
        return node
    labels = range(node.rank)
    factor = plain(node, labels, conj=True)
    return contract(1, [factor], simple(labels), dict(enumerate(node.shape)))


def with_factors(product: Contract, factors: Iterable[Factor], coefficient: Fraction | int | None = None) -> Node:
    """A product of other factors in the labels of one: the same sums, axes and, if none is given, number in front."""
    number = product.coefficient if coefficient is None else coefficient
    return contract(number, factors, product.output, dict(enumerate(product.dims)))


def with_output(product: Contract, output: Groups, coefficient: Fraction | int | None = None) -> Node:
    """The same product with its labels on other axes; with the same number in front, if none is given."""
    number = product.coefficient if coefficient is None else coefficient
    return contract(number, product.factors, output, dict(enumerate(product.dims)))


def subproduct(product: Contract, factors: Iterable[Factor], output: Groups, coefficient: Fraction | int = ONE) -> Node:
    """A product of some factors, or others, in the labels of one, without a sum over labels that none of them has."""
    factors = tuple(factors)
    labels = labels_of(factors).union(*output)
    return contract(coefficient, factors, output, {label: product.dims[label] for label in labels})


def with_factor(product: Contract, place: int, node: Node) -> Node:
    """The product with another tensor in the place of one of its factors."""
    old = product.factors[place]
    new = old.with_node(node)
    return with_factors(product, (*product.factors[:place], new, *product.factors[place + 1 :]))


def unified(product: Contract, factors: Iterable[Factor], names: Mapping[int, int]) -> Node:
    """A product of some factors with one label for several: each of the names stands for another one."""
    dims = {label: dim for label, dim in enumerate(product.dims) if names.get(label, label) == label}
    placed = [factor.relabelled(names) for factor in factors]
    return contract(product.coefficient, placed, relabelled(product.output, names), dims)


def numbered(
    coefficient: Fraction, factors: Sequence[Factor], output: Groups, dims: Sequence[Dim] | Mapping[int, Dim]
) -> Contract:
    """A contraction whose labels are numbered in order of appearance, its factors left as they are."""
    order = dict.fromkeys([*(x for f in factors for x in f.labels), *(x for group in output for x in group)])
    names = {label: place for place, label in enumerate(order)}
    placed = tuple([factor.relabelled(names) for factor in factors])
    return Contract(coefficient, placed, tuple([dims[label] for label in order]), relabelled(output, names))


def split_coefficient(node: Node) -> tuple[Fraction, Node]:
    """The rational number in front, and the rest."""
    if not isinstance(node, Contract) or node.coefficient == 1 or not node.coefficient:
        return ONE, node
    return node.coefficient, with_factors(node, node.factors, 1)


class _Labels:
    """A union-find over labels, in which a label may also be split into a group of finer ones."""

    def __init__(self, dims: Mapping[int, Dim]) -> None:
        self.dims = dict(dims)
        self._next = max(self.dims, default=-1) + 1
        self._parent: dict[int, int] = {}
        self._parts: dict[int, Group] = {}

    def fresh(self, dims: Sequence[Dim]) -> list[int]:
        new = list(range(self._next, self._next + len(dims)))
        self.dims.update(zip(new, dims, strict=True))
        self._next += len(dims)
        return new

    def forget(self, labels: Iterable[int]) -> None:
        """Drop labels that stand nowhere: they would be summed over."""
        for label in labels:
            del self.dims[label]

    def resolve(self, group: Group) -> Group:
        resolved: list[int] = []
        pending = list(reversed(group))
        while pending:
            label = pending.pop()
            while label in self._parent:
                label = self._parent[label]
            if label in self._parts:
                pending.extend(reversed(self._parts[label]))
            else:
                resolved.append(label)
        return tuple(resolved)

    def resolve_all(self, groups: Groups) -> Groups:
        return tuple(map(self.resolve, groups))

    def unify(self, left: Group, right: Group) -> bool:
        """Make two groups one, splitting labels where one side is finer; False, and no change, if they cross."""
        saved = self.state()
        matches = self._align(self.resolve(left), self.resolve(right))
        if matches is not None and all(self._match(one, many) for one, many in matches):
            return True
        self.restore(saved)
        return False

    def _match(self, one: int, many: Group) -> bool:
        """Make a label and a group one; a label that stands at several places may have been split before."""
        match self.resolve((one,)), self.resolve(many):
            case left, right if left == right:
                return True
            case (label,), (other,):
                self._parent[other] = label
                return True
            case (label,), parts:
                self._parts[label] = parts
                return label not in parts
            case left, right:
                return self.unify(left, right)

    def _align(self, left: Group, right: Group) -> list[tuple[int, Group]] | None:
        matches: list[tuple[int, Group]] = []
        while left and right:
            for one, many, swapped in ((left[0], right, False), (right[0], left, True)):
                length = self._prefix(self.dims[one], many)
                if length:
                    matches.append((one, many[:length]))
                    shorter, longer = (right if swapped else left)[1:], many[length:]
                    left, right = (longer, shorter) if swapped else (shorter, longer)
                    break
            else:
                return None
        rest = left or right
        return None if any(self.dims[label].value != 1 for label in rest) else matches

    def _prefix(self, dim: Dim, group: Group) -> int:
        total = Dim.of(1)
        for length, label in enumerate(group, 1):
            total = total * self.dims[label]
            if total == dim:
                return length
        return 0

    def state(self) -> tuple[dict[int, int], dict[int, Group]]:
        return dict(self._parent), dict(self._parts)

    def restore(self, state: tuple[dict[int, int], dict[int, Group]]) -> None:
        self._parent, self._parts = state


def _inline(factor: Factor, labels: _Labels, flat: list[Factor]) -> Fraction:
    """Append the factor, or what it is a product of; return the number in front of it."""
    node = factor.node
    if not isinstance(node, Contract) or len(flat) + len(node.factors) > INLINE_LIMIT:
        flat.append(factor)
        return ONE
    renamed = dict(enumerate(labels.fresh(node.dims)))
    inner = relabelled(node.output, renamed)
    if not _unify_all(labels, factor.groups, inner):
        labels.forget(renamed.values())
        flat.append(factor)
        return ONE
    for f in node.factors:
        flat.append(Factor(f.node, relabelled(f.groups, renamed), f.conj != factor.conj))
    return node.coefficient


def _unify_all(labels: _Labels, outer: Groups, inner: Groups) -> bool:
    """Unify axis by axis; if the groups of one axis cross, change nothing and say so."""
    saved = labels.state()
    if all(labels.unify(a, b) for a, b in zip(outer, inner, strict=True)):
        return True
    labels.restore(saved)
    return False


def _conj(factor: Factor) -> bool:
    return factor.conj and not factor.node.real


def _multiply_masks(coefficient: Fraction, factors: list[Factor], labels: _Labels) -> tuple[Fraction, list[Factor]]:
    """Masks on one pair of axes become one; a mask that is constant there becomes a number."""
    if not any(isinstance(f.node, Mask) for f in factors):
        return coefficient, factors
    others = [f for f in factors if not isinstance(f.node, Mask)]
    merged = False
    for (row, column), mask in _masks_by_pair(factors).items():
        below, on, above = mask.weights
        # The largest weight is one, as in Φ and in its transpose.
        content = max(mask.weights, key=abs) or ONE
        if content != 1:
            coefficient *= content
            below, on, above = below / content, on / content, above / content
            mask = Mask(below, on, above, mask.shape)
        if row == column or below == on == above:
            coefficient *= on
        elif below == above == 0 and labels.unify(row, column):
            coefficient *= on
            merged = True
        else:
            others.append(Factor(mask, (row, column)))
    if merged:
        others = [Factor(f.node, labels.resolve_all(f.groups), f.conj) for f in others]
        return _multiply_masks(coefficient, others, labels)
    return coefficient, others


def _masks_by_pair(factors: Iterable[Factor]) -> dict[tuple[Group, Group], Mask]:
    """The product of all masks on each pair of axes, in either orientation."""
    found: dict[tuple[Group, Group], Mask] = {}
    for node, groups, _ in factors:
        if not isinstance(node, Mask):
            continue
        row, column = groups
        if (column, row) in found and row != column:
            row, column, node = column, row, node.transposed
        other = found.get((row, column))
        if other is not None:
            node = Mask(other.below * node.below, other.on * node.on, other.above * node.above, node.shape)
        found[row, column] = node
    return found


def _numbered(coefficient: Fraction, factors: list[Factor], output: Groups, labels: _Labels) -> Node:
    """Number the labels in order of appearance, and drop what is the identity."""
    order = dict.fromkeys(label for f in factors for label in f.labels)
    order.update(dict.fromkeys(label for group in output for label in group))
    numbers = {label: number for number, label in enumerate(order)}
    coefficient, sizes = _lonely(coefficient, labels, order)
    renamed = [*sizes, *(f.relabelled(numbers) for f in factors)]
    dims = tuple(labels.dims[label] for label in order)
    outputs = relabelled(output, numbers)
    if coefficient == 1 and len(renamed) == 1 and _is_identity(renamed[0], outputs):
        return renamed[0].node
    return Contract(coefficient, tuple(renamed), dims, outputs)


def _lonely(coefficient: Fraction, labels: _Labels, order: Mapping[int, object]) -> tuple[Fraction, list[Factor]]:
    """Summed labels that no factor carries: each multiplies by its dimension."""
    sizes: list[Factor] = []
    seen: set[int] = set()
    for original in list(labels.dims):
        for label in labels.resolve((original,)):
            if label in order or label in seen:
                continue
            seen.add(label)
            dim = labels.dims[label]
            if dim.value is not None:
                coefficient *= dim.value
            elif len(dim.terms) == 1:
                ((names, number),) = dim.terms
                coefficient *= number
                sizes += [Factor(Size(Dim.of(name)), ()) for name in names]
            else:
                sizes.append(Factor(Size(dim), ()))
    return coefficient, sizes


def _is_identity(factor: Factor, output: Groups) -> bool:
    distinct = len(set(factor.labels)) == len(factor.labels)
    return distinct and is_simple(factor.groups) and factor.groups == output and not factor.conj

"""A tensor of a trace as a node.

PyTorch spreads along axes of length 1, and the nodes have none: an axis of length 1 is remembered here
and carried by no node. So is an axis that runs backwards (`flip`): the language has no reversal, but a
reversed running sum, reversed again, is a running sum from the end, and that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradwright.core import build
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.dims import Dim
from gradwright.core.nodes import Node, Selection
from gradwright.core.sums import add
from gradwright.frozen import frozen

NO_FLIPS: frozenset[int] = frozenset()
LONGEST_REVERSED = 8  # which is then written out


class Untraceable(Exception):
    """Something that cannot be written as an expression; the message names it."""


@frozen
class Value:
    """A tensor of a trace.

    Attributes:
        node: the tensor without its axes of length 1.
        unit: for every axis in PyTorch's sense, whether it has length 1.
        flipped: the axes, in PyTorch's sense, along which the tensor is the node reversed.
    """

    node: Node
    unit: tuple[bool, ...]
    flipped: frozenset[int] = NO_FLIPS

    @property
    def rank(self) -> int:
        """The number of axes in PyTorch's sense."""
        return len(self.unit)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes in PyTorch's sense that the node carries, in order."""
        return tuple(axis for axis, unit in enumerate(self.unit) if not unit)

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The dimension of every axis in PyTorch's sense."""
        carried = iter(self.node.shape)
        return tuple(Dim.of(1) if unit else next(carried) for unit in self.unit)

    def place(self, axis: int) -> int:
        """Where the node carries an axis."""
        return self.axes.index(axis)

    def straight(self) -> Node:
        """The node with all axes forwards; one that runs backwards is written entry by entry, where it is short."""
        node = self.node
        for axis in sorted(self.flipped):
            node = _reversed(node, self.place(axis))
        return node


def _reversed(node: Node, place: int) -> Node:
    dim = node.shape[place]
    size = dim.value
    if size is None or size > LONGEST_REVERSED:
        raise Untraceable("a reversed axis (flip): the language reverses only what a running sum reverses back")
    labels, new = list(range(node.rank)), node.rank
    output = [new if label == place else label for label in labels]

    def entry(number: int) -> Node:
        taken, put = (Selection(dim, None, Dim.of(k)) for k in (size - 1 - number, number))
        return build.product_of([(node, labels), (taken, (place,)), (put, (new,))], output)

    return add([entry(number) for number in range(size)])


def value_of(node: Node) -> Value:
    """A node as a tensor; axes of length 1 are taken out of it."""
    unit = unit_axes(node.shape)
    if any(unit):
        node = build.sum_axes(node, [axis for axis, one in enumerate(unit) if one])
    return Value(node, unit)


def unit_axes(dims: Iterable[Dim]) -> tuple[bool, ...]:
    """For every axis, whether it has length 1."""
    return tuple(dim.value == 1 for dim in dims)


def node_of(value: Value) -> Node:
    """The whole tensor as a node, its axes of length 1 included."""
    node = value.straight()
    if not any(value.unit):
        return node
    dims = dict(enumerate(value.dims))
    return contract(1, [plain(node, value.axes)], simple(range(value.rank)), dims)


def scalar(node: Node) -> Value:
    """A number."""
    return Value(node, ())


_Labelled = tuple[Value, Sequence[int]]


def _agreeing(operands: Sequence[_Labelled]) -> tuple[Sequence[_Labelled], dict[int, bool]]:
    """Tensors with labels, and which labels run backwards in all that have them; if these differ, all run forwards."""
    flips: dict[int, bool] = {}
    for value, labels in operands:
        for axis in value.axes:
            if flips.setdefault(labels[axis], axis in value.flipped) != (axis in value.flipped):
                return _agreeing([(Value(value.straight(), value.unit), labels) for value, labels in operands])
    return operands, flips


def product(operands: Sequence[tuple[Value, Sequence[int]]], output: Sequence[int]) -> Value:
    """A product of tensors with a label on every axis in PyTorch's sense, summed over those not in the output."""
    operands, flips = _agreeing(operands)
    factors = [(value.node, [labels[axis] for axis in value.axes]) for value, labels in operands]
    kept = [label for label in output if label in flips]
    flipped = frozenset(place for place, label in enumerate(output) if flips.get(label))
    unit = tuple(label not in flips for label in output)
    return Value(build.product_of(factors, kept), unit, flipped)


def aligned(values: Sequence[Value]) -> tuple[list[Node], Value]:
    """Tensors spread to their common shape, and a tensor that shows it.

    Returns:
        The nodes, all of one shape (scalars are left alone), and a `Value` with that shape's axes.
    """
    rank = max((value.rank for value in values), default=0)
    agreeing, flips = _agreeing([_right(value, rank) for value in values])
    placed = [(value, [labels[axis] for axis in value.axes]) for value, labels in agreeing]
    dims = _common_dims(placed)
    carried = sorted(dims)
    nodes = [_spread(value.node, axes, carried, dims) for value, axes in placed]
    unit = tuple(axis not in dims for axis in range(rank))
    frame = Value(build.ones([dims[axis] for axis in carried]), unit, frozenset(a for a in flips if flips[a]))
    return nodes, frame


def _right(value: Value, rank: int) -> _Labelled:
    """The axes that a tensor's axes are in the common shape, counted from the right."""
    return value, range(rank - value.rank, rank)


def _common_dims(placed: Iterable[tuple[Value, list[int]]]) -> dict[int, Dim]:
    dims: dict[int, Dim] = {}
    for value, axes in placed:
        for axis, dim in zip(axes, value.node.shape, strict=True):
            if dims.setdefault(axis, dim) != dim:
                raise Untraceable(f"an operation on tensors of the dimensions {dims[axis]} and {dim} side by side")
    return dims


def _spread(node: Node, axes: Sequence[int], carried: Sequence[int], dims: dict[int, Dim]) -> Node:
    if not node.rank or list(axes) == list(carried):
        return node
    return contract(1, [plain(node, axes)], simple(carried), dims)


def full(node: Node, frame: Value) -> Value:
    """A node of the frame's shape, or a number to be spread to it."""
    return Value(build.spread(node, frame.node.shape), frame.unit, frame.flipped)


def expand(value: Value, dims: Sequence[Dim]) -> Value:
    """Axes of length 1, and missing ones on the left, repeated to the given dimensions."""
    shift = len(dims) - value.rank
    axes = [axis + shift for axis in value.axes]
    kept = [axis for axis, dim in enumerate(dims) if dim.value != 1]
    labelled = {axis: dims[axis] for axis in kept}
    for axis, dim in zip(axes, value.node.shape, strict=True):
        labelled[axis] = dim
    node = _spread_exactly(value.node, axes, sorted(labelled), labelled)
    unit = tuple(axis not in labelled for axis in range(len(dims)))
    return Value(node, unit, frozenset(axis + shift for axis in value.flipped))


def _spread_exactly(node: Node, axes: Sequence[int], kept: Sequence[int], dims: dict[int, Dim]) -> Node:
    return node if list(axes) == list(kept) else contract(1, [plain(node, axes)], simple(kept), dims)

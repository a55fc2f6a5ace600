"""Operators that put entries in order: products with a permutation, which is a mask of comparisons.

The entry `x[j]` is the `r[j] = Σ_l [x[j] ≥ x[l]]`-th, and the sorted entries are `y[k] = Σ_j [r[j] = k] x[j]`.
The comparisons are constant where no two entries are equal: a derivative moves the entries and leaves their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.check.tracing.arguments import Arguments, Result
from gradwright.check.tracing.operators.axes import reshaped, with_unit_axis
from gradwright.check.tracing.operators.parts import cut, picked
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.values import Untraceable, Value
from gradwright.core import build
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.dims import Dim, product
from gradwright.core.nodes import Apply, Node
from gradwright.prims.piecewise import equal, greater_equal

PLACES = Untraceable("the places of the entries that are sorted, which depend on the values of a tensor")


@operator("sort")
def _sort(given: Arguments) -> Result:
    value = given.tensor("self")
    return _in_order(value, given.axis("dim", value.rank), given.flag("descending")), PLACES


@operator("topk")
def _topk(given: Arguments) -> Result:
    value = given.tensor("self")
    axis = given.axis("dim", value.rank)
    found = _in_order(value, axis, given.flag("largest"))
    return cut(found, axis, Dim.of(0), given.shape(0)[axis]), PLACES


@operator("kthvalue")
def _kthvalue(given: Arguments) -> Result:
    value = given.tensor("self")
    axis = given.axis("dim", value.rank)
    return _one_of(value, axis, Dim.of(given.integer("k") - 1), given), PLACES


@operator("median")
def _median(given: Arguments) -> Result:
    """The lower one of the two in the middle, along an axis or of all entries; its place depends on the size."""
    value = given.tensor("self")
    along = "dim" in given
    if not along:
        value = reshaped(value, [given.sizes.of(product(value.dims))], given.sizes)
    axis = given.axis("dim", value.rank) if along else 0
    size = value.dims[axis].value
    if size is None:
        raise Untraceable("a median, whose place is no polynomial of the size")
    found = _one_of(value, axis, Dim.of((size - 1) // 2), given)
    return (found, PLACES) if along else found


@operator("argmax", "argmin", "argsort", "mode")
def _places(given: Arguments) -> Result:
    raise Untraceable(f"{given.operation.name}, which gives places that depend on the values of a tensor")


def _one_of(value: Value, axis: int, place: Dim, given: Arguments) -> Value:
    found = picked(_in_order(value, axis, descending=False), axis, place)
    return with_unit_axis(found, axis) if given.flag("keepdim") else found


def _in_order(value: Value, axis: int, descending: bool) -> Value:
    """The entries along an axis in ascending order, or in descending order."""
    if value.unit[axis]:
        return value
    node, place = value.straight(), value.place(axis)
    dim, new = node.shape[place], node.rank
    labels = list(range(node.rank))
    moved = [new if label == place else label for label in labels]
    dims = {**dict(enumerate(node.shape)), new: dim}
    here, there = (_spread(node, axes, dims) for axes in (labels, moved))
    passed = Apply(greater_equal, (), (there, here) if descending else (here, there))
    numbers = build.cumulative_sum(build.ones((dim,)), 0)
    permutation = Apply(
        equal, (), (_spread(build.sum_axes(passed, [new]), labels, dims), _spread(numbers, [new], dims))
    )
    return Value(build.product_of([(permutation, [*labels, new]), (node, labels)], moved), value.unit)


def _spread(node: Node, labels: Sequence[int], dims: dict[int, Dim]) -> Node:
    return contract(1, [plain(node, labels)], simple(range(len(dims))), dims)

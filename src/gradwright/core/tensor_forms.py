"""Tensor expressions as they are written: outer products, contractions of listed axes, rolls.

A node has a normal form in which associativity, commutativity and transpose invariance are already
used up. The steps of a derivation that *are* these laws need both sides as written; a `Form` is that,
and its value is computed literally, operation by operation. Axes are counted from 1, as in the
notation S ·_T^{a,b} R.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from gradwright.core.arithmetic import Array, as_float
from gradwright.core.build import outer, permute, product_of
from gradwright.core.contraction import conjugate
from gradwright.core.nodes import Node
from gradwright.core.primitive import shape_text
from gradwright.core.sums import add, scaled
from gradwright.errors import DimensionMismatchError, ShapeError
from gradwright.frozen import frozen, replace


@frozen
class Leaf:
    """A node as it stands."""

    node: Node


@frozen
class Outer:
    """`S ⊗ T`."""

    left: Form
    right: Form


@frozen
class Dot:
    """`S ·_T T`: `left_axes` of S contracted with `right_axes` of T, in order.

    `shown` are the axes written as a superscript: those of the tensor of higher order.
    """

    left: Form
    right: Form
    left_axes: tuple[int, ...]
    right_axes: tuple[int, ...]
    shown: tuple[int, ...] = ()


@frozen
class Rolled:
    """The axis `start` moved to place `end`."""

    inner: Form
    start: int
    end: int


@frozen
class Total:
    """A sum."""

    terms: tuple[Form, ...]


@frozen
class Times:
    """A rational multiple."""

    coefficient: Fraction
    inner: Form


@frozen
class Inner:
    """`⟨S, T⟩`: Re Σ conj(S) T."""

    left: Form
    right: Form


Form = Leaf | Outer | Dot | Rolled | Total | Times | Inner


def lower(form: Form) -> Node:
    """The node that a form stands for."""
    match form:
        case Leaf(node=node):
            return node
        case Outer(left=left, right=right):
            return outer(lower(left), lower(right))
        case Dot(left=left, right=right, left_axes=left_axes, right_axes=right_axes):
            return tensordot(lower(left), lower(right), left_axes, right_axes)
        case Rolled(inner=inner, start=start, end=end):
            return roll(lower(inner), start, end)
        case Total(terms=terms):
            return add(lower(term) for term in terms)
        case Times(coefficient=coefficient, inner=inner):
            return scaled(coefficient, lower(inner))
        case Inner(left=left, right=right):
            first, second = lower(left), lower(right)
            axes = tuple(range(1, first.rank + 1))
            return tensordot(conjugate(first), second, axes, axes)


def _parts(form: Form) -> tuple[Form, ...]:
    match form:
        case Leaf():
            return ()
        case Outer() | Dot() | Inner():
            return form.left, form.right
        case Rolled() | Times():
            return (form.inner,)
        case Total():
            return form.terms


def leaves_of(form: Form) -> tuple[Node, ...]:
    """The nodes at the leaves of a form."""
    return (form.node,) if isinstance(form, Leaf) else tuple(n for part in _parts(form) for n in leaves_of(part))


def map_leaves(form: Form, change: Callable[[Node], Node]) -> Form:
    """The same form over other nodes."""
    parts = [map_leaves(part, change) for part in _parts(form)]
    match form:
        case Leaf(node=node):
            return Leaf(change(node))
        case Outer() | Dot() | Inner():
            return replace(form, left=parts[0], right=parts[1])
        case Rolled() | Times():
            return replace(form, inner=parts[0])
        case Total():
            return Total(tuple(parts))


def value_of(form: Form, evaluate: Callable[[Node], Array]) -> Array:
    """The value of a form, each operation carried out as it is written."""
    match form:
        case Leaf(node=node):
            return evaluate(node)
        case Outer(left=left, right=right):
            return np.multiply.outer(value_of(left, evaluate), value_of(right, evaluate))
        case Dot(left=left, right=right, left_axes=left_axes, right_axes=right_axes):
            first, second = value_of(left, evaluate), value_of(right, evaluate)
            return _contracted(first, second, left_axes, right_axes)
        case Rolled(inner=inner, start=start, end=end):
            return np.moveaxis(value_of(inner, evaluate), start - 1, end - 1)
        case Total(terms=terms):
            values = [value_of(term, evaluate) for term in terms]
            return sum(values[1:], values[0])
        case Times(coefficient=coefficient, inner=inner):
            return as_float(coefficient) * value_of(inner, evaluate)
        case Inner(left=left, right=right):
            return np.real(np.sum(np.conj(value_of(left, evaluate)) * value_of(right, evaluate)))


def _contracted(left: Array, right: Array, left_axes: Sequence[int], right_axes: Sequence[int]) -> Array:
    for a, b in zip(left_axes, right_axes, strict=True):
        if left.shape[a - 1] != right.shape[b - 1]:
            raise ShapeError(f"axis {a} of {left.shape} cannot be contracted with axis {b} of {right.shape}")
    return np.tensordot(left, right, axes=([a - 1 for a in left_axes], [b - 1 for b in right_axes]))


def tensordot(left: Node, right: Node, left_axes: Sequence[int], right_axes: Sequence[int]) -> Node:
    """The contraction of listed axes, counted from 1; what is left of S, then what is left of T."""
    if len(left_axes) != len(right_axes):
        raise ShapeError(f"{len(left_axes)} axes cannot be contracted with {len(right_axes)}")
    _check_axes(left, left_axes)
    _check_axes(right, right_axes)
    left_labels = list(range(left.rank))
    right_labels = list(range(left.rank, left.rank + right.rank))
    for a, b in zip(left_axes, right_axes, strict=True):
        first, second = left.shape[a - 1], right.shape[b - 1]
        if first != second:
            raise DimensionMismatchError(
                f"axis {a} of {shape_text(left.shape)} cannot be contracted with axis {b} of "
                f"{shape_text(right.shape)}: {first} and {second} are different dimensions", first, second,
            )  # fmt: skip
        right_labels[b - 1] = left_labels[a - 1]
    kept = [x for place, x in enumerate(left_labels, 1) if place not in left_axes]
    kept += [x for place, x in enumerate(right_labels, 1) if place not in right_axes]
    return product_of([(left, left_labels), (right, right_labels)], kept)


def roll(node: Node, start: int, end: int) -> Node:
    """The axis `start` moved to place `end`, counted from 1: `roll₄→₂(A ⊗ C)[i,j,k,l] = A[i,k] C[l,j]`."""
    _check_axes(node, (start, end) if start != end else (start,))
    order = list(range(node.rank))
    moved = order.pop(start - 1)
    order.insert(end - 1, moved)
    return permute(node, order)


def _check_axes(node: Node, axes: Sequence[int]) -> None:
    for axis in axes:
        if not 1 <= axis <= node.rank:
            raise ShapeError(f"axis {axis} does not exist: the tensor has {node.rank} axes, counted from 1")
    if len(set(axes)) != len(axes):
        raise ShapeError(f"an axis is listed twice in {tuple(axes)}")

"""A derivative at a point, as a sum of products of small arrays: no axis pair is ever filled in.

Each term of the expression that is a contraction becomes a `Term`: its factors' values with their
labels, and the labels on the rows and on the columns. It is applied to a tensor, contracted with
itself on the diagonal, or written out, by contracting the factors in a good order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from gradwright.back.operators.gram import Part, gram_of
from gradwright.core.arithmetic import Array, as_float
from gradwright.core.contraction import is_simple
from gradwright.core.joining import Joined
from gradwright.core.nodes import Contract, Factor, Node, Selection
from gradwright.frozen import frozen, replace

Labels = tuple[int, ...]
PICKED = 1 << 22  # numbers that are looked at together when entries are picked one by one


@frozen
class Axis:
    """An axis of the operator: the entries from `start` on, `size` in all, belong to a label."""

    label: int
    size: int
    start: int = 0


@frozen
class Term:
    """A number times a product of arrays, as a linear map from the columns to the rows."""

    coefficient: complex
    parts: tuple[Part, ...]
    sizes: Mapping[int, int]
    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]

    @property
    def row_labels(self) -> Labels:
        """The labels of the rows."""
        return tuple(axis.label for axis in self.rows)

    @property
    def column_labels(self) -> Labels:
        """The labels of the columns."""
        return tuple(axis.label for axis in self.columns)

    @property
    def transposed(self) -> Term:
        """Rows and columns exchanged."""
        return replace(self, rows=self.columns, columns=self.rows)

    @property
    def conjugated(self) -> Term:
        """All numbers conjugated."""
        parts = tuple(Part(_conjugated(part.array), part.labels) for part in self.parts)
        return replace(self, coefficient=self.coefficient.conjugate(), parts=parts)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        kinds = [part.array.dtype for part in self.parts]
        return np.result_type(float if not kinds else kinds[0], *kinds, type(_real_if_real(self.coefficient)))

    def apply(self, matrix: Array) -> Array:
        """The map applied to a matrix with the columns' entries in each column."""
        trailing, count = max(self.sizes, default=-1) + 1, matrix.shape[1]
        inside = window(matrix.reshape(*(axis.size for axis in self.columns), count), self.columns, self.sizes)
        sizes = {**self.sizes, trailing: count}
        rows = (*self.rows, Axis(trailing, count))
        gram = gram_of(self.parts, (*self.row_labels, *self.column_labels))
        if gram is not None and gram.is_large:
            value = _real_if_real(self.coefficient) * gram.times(inside)
        else:
            operands = [*self.parts, Part(inside, (*self.column_labels, trailing))]
            value = contracted(self.coefficient, operands, sizes, [a.label for a in rows])
        return _embedded(value, rows, sizes).reshape(prod(axis.size for axis in self.rows), count)

    def entries(self) -> Array:
        """All entries, with the rows' axes and then the columns'."""
        axes = (*self.rows, *self.columns)
        value = contracted(self.coefficient, self.parts, self.sizes, [a.label for a in axes])
        return _embedded(value, axes, self.sizes)

    def diagonal(self) -> Array:
        """The entries on the diagonal of the matrix."""
        if not _same_axes(self.rows, self.columns, self.sizes):
            return self._picked_diagonal()
        joined = Joined()
        for pair in zip(self.row_labels, self.column_labels, strict=True):
            joined.join(pair)
        parts = [Part(part.array, tuple(map(joined.root, part.labels))) for part in self.parts]
        rows = tuple(replace(axis, label=joined.root(axis.label)) for axis in self.rows)
        value = contracted(self.coefficient, parts, self.sizes, [a.label for a in rows])
        return _embedded(value, rows, self.sizes).reshape(-1)

    def _picked_diagonal(self) -> Array:
        """The diagonal where rows and columns have different axes: so many entries at once."""
        count = prod(axis.size for axis in self.rows)
        inner = {x for part in self.parts for x in part.labels} - {*self.row_labels, *self.column_labels}
        step = max(1, PICKED // prod(self.sizes[label] for label in inner))
        return np.concatenate([self._picked(np.arange(s, min(s + step, count))) for s in range(0, count, step)])

    def _picked(self, places: Array) -> Array:
        """The entries on the diagonal at some places: each factor at the places of its axes, then contracted."""
        index: dict[int, Array] = {}
        there = np.ones(len(places), dtype=bool)
        for axes in (self.rows, self.columns):
            for axis, found in zip(axes, _unravelled(places, [axis.size for axis in axes]), strict=True):
                inside = found - axis.start
                there &= (0 <= inside) & (inside < self.sizes[axis.label])
                there &= inside == index.setdefault(axis.label, inside)
        kept = {label: inside[there] for label, inside in index.items()}
        batch, count = max(self.sizes, default=-1) + 1, int(np.sum(there))
        parts = [_at_places(part, kept, batch) for part in self.parts]
        value = contracted(self.coefficient, parts, {**self.sizes, batch: count}, [batch])
        result = np.zeros(len(places), dtype=value.dtype)
        result[there] = value
        return result


def term_of(node: Node, rows: int, values: Mapping[Node, Array], size_of: Any) -> Term:
    """A contraction, or any other node as its only factor, at a point."""
    if not isinstance(node, Contract):
        labels = tuple(range(node.rank))
        sizes = dict(enumerate(values[node].shape))
        axes = [Axis(label, sizes[label]) for label in labels]
        return Term(1.0, (Part(values[node], labels),), sizes, tuple(axes[:rows]), tuple(axes[rows:]))
    sizes = {label: size_of(dim) for label, dim in enumerate(node.dims)}
    axes, factors = _windows(node, sizes, size_of)
    parts = [_part(factor, values, sizes) for factor in factors]
    split = sum(len(group) for group in node.output[:rows])
    output = tuple(axis.label for axis in axes)
    coefficient, parts = _without_loose(as_float(node.coefficient), parts, output)
    coefficient, parts = _merged(coefficient, parts)
    return Term(coefficient, tuple(parts), sizes, tuple(axes[:split]), tuple(axes[split:]))


def factors_of(node: Node) -> tuple[Node, ...]:
    """The nodes whose values a term needs: a selection that only says where an axis stands is none of them."""
    if not isinstance(node, Contract):
        return (node,)
    return tuple(factor.node for factor in node.factors if not _is_window(factor, node))


def contracted(coefficient: complex, parts: Sequence[Part], sizes: Mapping[int, int], output: Sequence[int]) -> Array:
    """A product of arrays summed over the labels not in the output; one axis for every output label."""
    reduced = [_reduced(place, parts, output) for place in range(len(parts))]
    carried = [x for x in dict.fromkeys(output) if any(x in part.labels for part in reduced)]
    value = _einsum(reduced, carried) if reduced else np.ones(())
    if coefficient != 1:
        value = _real_if_real(coefficient) * value
    return _spread(value, carried, output, sizes)


def _einsum(parts: Sequence[Part], output: Sequence[int]) -> Array:
    gram = gram_of(parts, output)
    if gram is not None and gram.is_half_a_product:
        return gram.entries()
    numbers = {label: n for n, label in enumerate(dict.fromkeys(x for p in parts for x in p.labels))}
    operands: list[Any] = []
    for part in parts:
        operands += [part.array, [numbers[x] for x in part.labels]]
    return np.einsum(*operands, [numbers[x] for x in output], optimize=len(parts) > 1)


def _reduced(place: int, parts: Sequence[Part], output: Sequence[int]) -> Part:
    """A part summed over the labels that stand nowhere else, its repeated labels taken once."""
    part = parts[place]
    elsewhere = {*output, *(x for p, other in enumerate(parts) if p != place for x in other.labels)}
    kept = tuple(x for x in dict.fromkeys(part.labels) if x in elsewhere)
    return part if kept == part.labels else Part(_einsum([part], kept), kept)


def _spread(value: Array, carried: list[int], output: Sequence[int], sizes: Mapping[int, int]) -> Array:
    """One axis for each output label: copies for labels that nothing carries, diagonals for repeated ones."""
    distinct = list(dict.fromkeys(output))
    shaped = value.reshape([sizes[x] if x in carried else 1 for x in distinct])
    full = np.broadcast_to(shaped, [sizes[x] for x in distinct])
    if len(distinct) == len(output):
        return full
    result = np.zeros([sizes[x] for x in output], dtype=value.dtype)
    diagonal_view(result, output, distinct)[...] = full
    return result


def diagonal_view(array: Array, labels: Sequence[int], distinct: Sequence[int]) -> Array:
    """An axis for each distinct label: the entries whose indices agree on axes with the same label, as a view."""
    strides = [sum(s for s, x in zip(array.strides, labels, strict=True) if x == label) for label in distinct]
    shape = [array.shape[list(labels).index(label)] for label in distinct]
    return np.lib.stride_tricks.as_strided(array, shape, strides)


def _embedded(value: Array, axes: Sequence[Axis], sizes: Mapping[int, int]) -> Array:
    """The value put in its window of a tensor of zeros."""
    if all(axis.size == sizes[axis.label] for axis in axes):
        return value
    result = np.zeros([axis.size for axis in axes], dtype=value.dtype)
    window(result, axes, sizes)[...] = value
    return result


def window(array: Array, axes: Sequence[Axis], sizes: Mapping[int, int]) -> Array:
    """The entries of a tensor that belong to the axes' labels, as a view; further axes are kept."""
    # With the ellipsis the entry of a scalar is a view too, not a number.
    return array[(*(slice(a.start, a.start + sizes[a.label]) for a in axes), ...)]


def _windows(node: Contract, sizes: dict[int, int], size_of: Any) -> tuple[list[Axis], list[Factor]]:
    """The axes; a selection that only says where an axis stands in a longer one becomes a window."""
    output = node.free_labels
    axes = [Axis(label, sizes[label]) for label in output]
    kept: list[Factor] = []
    for factor in node.factors:
        selection = factor.node
        if not isinstance(selection, Selection) or not _is_window(factor, node):
            kept.append(factor)
            continue
        whole, *inner = factor.labels
        label = inner[0] if inner else max(sizes) + 1
        sizes.setdefault(label, 1)
        axes[output.index(whole)] = Axis(label, sizes[whole], size_of(selection.offset))
    return axes, kept


def _is_window(factor: Factor, node: Contract) -> bool:
    """Whether a factor of a contraction is a selection that stands at an axis of its value, and nowhere else."""
    if not isinstance(factor.node, Selection) or not is_simple(factor.groups):
        return False
    whole = factor.labels[0]
    output = node.free_labels
    return output.count(whole) == 1 and sum(f.labels.count(whole) for f in node.factors) == 1


def _unravelled(places: Array, sizes: Sequence[int]) -> tuple[Array, ...]:
    """The index along each axis of some entries."""
    return tuple(np.unravel_index(places, tuple(sizes))) if sizes else ()


def _at_places(part: Part, index: Mapping[int, Array], batch: int) -> Part:
    """A part at so many places at once: their axes become one, `batch`, the others stay."""
    inner = [place for place, x in enumerate(part.labels) if x not in index]
    outer = [place for place, x in enumerate(part.labels) if x in index]
    if not outer:
        return part
    moved = part.array.transpose([*outer, *inner])
    return Part(moved[tuple(index[part.labels[place]] for place in outer)], (batch, *(part.labels[p] for p in inner)))


def _part(factor: Factor, values: Mapping[Node, Array], sizes: Mapping[int, int]) -> Part:
    array = values[factor.node].reshape([sizes[x] for x in factor.labels])
    return Part(_conjugated(array) if factor.conj else array, factor.labels)


def _conjugated(array: Array) -> Array:
    """The conjugate; a real array itself, which NumPy would copy."""
    return np.conj(array) if np.iscomplexobj(array) else array


def _without_loose(coefficient: complex, parts: Sequence[Part], output: Labels) -> tuple[complex, list[Part]]:
    """Factors that reach no axis are a number."""
    joined = Joined()
    for part in parts:
        joined.join(part.labels)
    reached = set(map(joined.root, output))
    loose = [part for part in parts if part.labels and joined.root(part.labels[0]) not in reached]
    if not loose:
        return coefficient, list(parts)
    number = contracted(coefficient, loose, {}, ()).item()
    return number, [part for part in parts if not any(part is other for other in loose)]


def _merged(coefficient: complex, parts: Iterable[Part]) -> tuple[complex, list[Part]]:
    """Scalars go in front, and parts over the same labels are multiplied entry by entry."""
    found: list[Part] = []
    for part in parts:
        place = next((p for p, other in enumerate(found) if _same_labels(part, other)), None)
        if not part.labels:
            coefficient *= part.array.item()
        elif place is None:
            found.append(part)
        else:
            labels = found[place].labels
            aligned = part.array.transpose([part.labels.index(x) for x in labels])
            found[place] = Part(found[place].array * aligned, labels)
    return coefficient, found


def _same_labels(left: Part, right: Part) -> bool:
    return len(set(left.labels)) == len(left.labels) and sorted(left.labels) == sorted(right.labels)


def _same_axes(rows: Sequence[Axis], columns: Sequence[Axis], sizes: Mapping[int, int]) -> bool:
    return [(a.size, a.start, sizes[a.label]) for a in rows] == [(a.size, a.start, sizes[a.label]) for a in columns]


def _real_if_real(number: complex) -> complex:
    return number.real if isinstance(number, complex) and not number.imag else number

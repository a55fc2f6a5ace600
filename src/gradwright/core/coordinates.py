"""Constant spaces in numbers: the entries that determine a tensor, the tensor with given entries, projections.

Coordinates are real numbers: a complex tensor has two for each entry, so that an operator which contains
conjugates needs no case of its own.
"""

from __future__ import annotations

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.spaces import Space


def coordinate_count(space: Space, shape: tuple[int, ...], complex_entries: bool) -> int:
    """How many real numbers determine a tensor of the space."""
    return len(to_coordinates(space, np.zeros(shape, dtype=complex if complex_entries else float)))


def to_coordinates(space: Space, tensor: Array) -> Array:
    """The entries that determine a tensor, real parts first."""
    real, imaginary = _kept(space, tensor.shape)
    parts = [np.real(tensor)[real].ravel()]
    if np.iscomplexobj(tensor):
        parts.append(np.imag(tensor)[imaginary].ravel())
    return np.concatenate(parts)


def from_coordinates(space: Space, coordinates: Array, shape: tuple[int, ...], complex_entries: bool) -> Array:
    """The tensor of the space with these entries."""
    real, imaginary = _kept(space, shape)
    tensor = np.zeros(shape, dtype=complex if complex_entries else float)
    count = int(np.sum(real))
    tensor[real] = coordinates[:count]
    if complex_entries:
        tensor[imaginary] += 1j * coordinates[count:]
    return _mirrored(space, tensor)


def space_basis(space: Space, shape: tuple[int, ...], complex_entries: bool) -> Array:
    """A basis over the real numbers: one tensor along the first axis."""
    count = coordinate_count(space, shape, complex_entries)
    tensors = [from_coordinates(space, unit, shape, complex_entries) for unit in np.eye(count)]
    return np.reshape(tensors, (count, *shape))


def projected(space: Space, tensor: Array) -> Array:
    """The orthogonal projection on the space."""
    if space is Space.FREE:
        return tensor
    if space.mirror_sign:
        other = tensor.conj() if space.conjugated else tensor
        return (tensor + space.mirror_sign * other.T) / 2
    return np.where(_kept(space, tensor.shape)[0], tensor, 0)


def _kept(space: Space, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Where the real and the imaginary parts are free."""
    if space is Space.FREE:
        return np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
    rows, columns = np.indices(shape)
    with_diagonal, without = rows >= columns, rows > columns
    match space:
        case Space.SYMMETRIC:
            return with_diagonal, with_diagonal
        case Space.SKEW:
            return without, without
        case Space.HERMITIAN:
            return with_diagonal, without
        case Space.SKEW_HERMITIAN:
            return without, with_diagonal
        case _:
            below, on, above = space.weights or (1, 1, 1)
            kept = np.where(rows > columns, below, np.where(rows == columns, on, above)).astype(bool)
            return kept, kept


def _mirrored(space: Space, lower: Array) -> Array:
    """The whole matrix from its lower triangle."""
    if not space.mirror_sign:
        return lower
    strict = np.tril(lower, -1)
    other = strict.conj() if space.conjugated else strict
    return lower + space.mirror_sign * other.T

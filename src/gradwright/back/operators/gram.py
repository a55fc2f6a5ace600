"""Products `Xᵀ D X` with a diagonal D: Hessians of generalised linear models and of least squares."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.frozen import frozen

# Entries of X that stay in the cache, and how many X has to have for that to matter.
BLOCK = 1 << 18
LARGE = 1 << 20


@frozen
class Part:
    """An array with a label on each axis."""

    array: Array
    labels: tuple[int, ...]


@frozen
class Gram:
    """`Xᵀ D X`.

    Attributes:
        matrix: X.
        weights: the diagonal of D, or factors whose product it is; none for the identity.
    """

    matrix: Array
    weights: tuple[Array, ...]

    @property
    def is_half_a_product(self) -> bool:
        """Whether it is Rᵀ R for a real R = √D X, of which BLAS computes one half."""
        arrays = (self.matrix, *self.weights)
        return all(np.isrealobj(array) for array in arrays) and all(bool(np.all(w >= 0)) for w in self.weights)

    @property
    def is_large(self) -> bool:
        """Whether X has to come from memory for either product with it, and rows of it stand together there."""
        return self.matrix.size >= LARGE and self.matrix.flags.c_contiguous

    @property
    def _diagonal(self) -> Array | None:
        """The diagonal of D; None for the identity."""
        return prod(self.weights[1:], start=self.weights[0]) if self.weights else None

    def entries(self) -> Array:
        """The matrix, where it is half a product."""
        diagonal = self._diagonal
        root = self.matrix if diagonal is None else self.matrix * np.sqrt(diagonal)[:, None]
        return root.T @ root

    def times(self, right: Array) -> Array:
        """`Xᵀ (D (X V))`, some rows of X at a time: for the second product they are still in the cache."""
        X, diagonal = self.matrix, self._diagonal
        step = max(1, BLOCK // X.shape[1])
        total = np.zeros((X.shape[1], right.shape[1]), dtype=np.result_type(X, right, *self.weights))
        for start in range(0, len(X), step):
            rows = X[start : start + step]
            image = rows @ right
            total += rows.T @ (image if diagonal is None else diagonal[start : start + step, None] * image)
        return total


def gram_of(parts: Sequence[Part], output: Sequence[int]) -> Gram | None:
    """A product as `Xᵀ D X`; None for other products."""
    matrices = [part for part in parts if part.array.ndim == 2]
    weights = [part for part in parts if part.array.ndim != 2]
    if len(output) != 2 or len(matrices) != 2 or not _is_view_of(matrices[0].array, matrices[1].array):
        return None
    left, right = (part.labels for part in matrices)
    place = 0 if left[0] == right[0] else 1
    if left[place] != right[place] or {left[1 - place], right[1 - place]} != set(output):
        return None
    if any(part.labels not in ((), (left[place],)) for part in weights):
        return None
    matrix = matrices[0].array
    return Gram(matrix if place == 0 else matrix.T, tuple(part.array for part in weights))


def _is_view_of(array: Array, other: Array) -> bool:
    """Whether two arrays are the same entries in the same order, by where they stand."""
    return array.shape == other.shape and array.__array_interface__ == other.__array_interface__

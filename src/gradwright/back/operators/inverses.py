"""Inverses of structured matrices: what `solve` and `logdet` of an operator are made of.

Low rank plus diagonal is inverted by the Woodbury identity and the determinant lemma (Golub & Van Loan, Matrix
Computations, §2.1.4); Kronecker products and sums have a module of their own, `kronecker`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import Protocol

import numpy as np

from gradwright.back.operators.factorised import Determinant, factored, ratio, require_regular, unwrapped
from gradwright.back.systems.krylov import KrylovInverse
from gradwright.core.arithmetic import Array, largest
from gradwright.errors import ConditionError
from gradwright.frozen import frozen


class Inverse(Protocol):
    """A square matrix of which linear systems are solved: `right` has one right side a column."""

    @property
    def structure(self) -> str:
        """What the matrix was recognised as."""
        ...

    def solve(self, right: Array) -> Array:
        """The solution of `matrix @ solution = right`."""
        ...

    def slogdet(self) -> Determinant:
        """The sign (or phase) of the determinant, and the logarithm of its absolute value."""
        ...


@frozen
class DiagonalInverse:
    """A diagonal matrix."""

    entries: Array

    @property
    def structure(self) -> str:
        """`diagonal`, or a multiple of the identity."""
        same = self.entries.size > 0 and bool(np.all(self.entries == self.entries.flat[0]))
        return "scaled identity" if same else "diagonal"

    def solve(self, right: Array) -> Array:
        """Division, which is accurate for each entry, however small it is beside the others."""
        self._require_no_zero()
        return right / self.entries[:, None]

    def slogdet(self) -> Determinant:
        """The product of the entries."""
        self._require_no_zero()
        size = np.abs(self.entries)
        return unwrapped(np.prod(self.entries / size)), float(np.sum(np.log(size)))

    @cached_property
    def reciprocal(self) -> float:
        """The reciprocal of the condition number."""
        return ratio(np.abs(self.entries))

    def _require_no_zero(self) -> None:
        require_regular(1.0 if np.all(self.entries) else 0.0)


@frozen
class DenseInverse:
    """A matrix, or diagonal blocks of one size, by Cholesky factors where positive definite, else by LU.

    Attributes:
        count: how many blocks there are.
        form: the blocks, along the first axis; called when they are first needed.
    """

    count: int
    form: Callable[[], Array]

    @property
    def structure(self) -> str:
        """`dense`, or `block diagonal`."""
        return "dense" if self.count == 1 else "block diagonal"

    def solve(self, right: Array) -> Array:
        """One solution a block."""
        if self.count == 1:
            return self._factored[0][0](right)
        parts = right.reshape(self.count, len(right) // self.count, right.shape[1])
        solved = [solve(part) for (solve, _), part in zip(self._factored, parts, strict=True)]
        return np.concatenate(solved).reshape(right.shape)

    def slogdet(self) -> Determinant:
        """From the factors."""
        signs, logarithms = zip(*(determinant for _, determinant in self._factored), strict=True)
        return prod(signs), sum(logarithms)

    @cached_property
    def _factored(self) -> list[tuple[Callable[[Array], Array], Determinant]]:
        return [factored(block) for block in self.form()]


@frozen
class Window:
    """A block of a matrix: its inverse, and where its rows and its columns stand."""

    inverse: Inverse
    rows: Array
    columns: Array


@frozen
class BlockInverse:
    """A matrix with one block in each of its block rows and block columns."""

    blocks: tuple[Window, ...]

    @property
    def structure(self) -> str:
        """The structures of the blocks."""
        return f"blocks ({', '.join(block.inverse.structure for block in self.blocks)})"

    def solve(self, right: Array) -> Array:
        """Each block by itself."""
        solved = [block.inverse.solve(right[block.rows]) for block in self.blocks]
        result = np.empty(right.shape, dtype=np.result_type(*solved))
        for block, part in zip(self.blocks, solved, strict=True):
            result[block.columns] = part
        return result

    def slogdet(self) -> Determinant:
        """The product of the blocks' determinants, and the sign of their places."""
        found = [block.inverse.slogdet() for block in self.blocks]
        rows = np.concatenate([block.rows for block in self.blocks])
        columns = np.concatenate([block.columns for block in self.blocks])
        sign = prod(s for s, _ in found) * permutation_sign(rows) * permutation_sign(columns)
        return sign, sum(logarithm for _, logarithm in found)


def permutation_sign(order: Array) -> int:
    """The sign of a permutation: even or odd, by its cycles."""
    seen, cycles = np.zeros(len(order), dtype=bool), 0
    for start in range(len(order)):
        cycles += not seen[start]
        while not seen[start]:
            seen[start] = True
            start = order[start]
    return -1 if (len(order) - cycles) % 2 else 1


@frozen
class WoodburyInverse:
    """`D + U Vᵀ` with a diagonal D: (D + U Vᵀ)⁻¹ = D⁻¹ − D⁻¹ U (I + Vᵀ D⁻¹ U)⁻¹ Vᵀ D⁻¹."""

    diagonal: DiagonalInverse
    left: Array
    right: Array

    @property
    def structure(self) -> str:
        """`low rank plus diagonal`."""
        return "low rank plus diagonal"

    def solve(self, right: Array) -> Array:
        """Two divisions and a small system."""
        divided = self.diagonal.solve(right)
        return divided - self.diagonal.solve(self.left @ self._capacitance[0](self.right.T @ divided))

    def slogdet(self) -> Determinant:
        """det(D + U Vᵀ) = det(D) det(I + Vᵀ D⁻¹ U)."""
        (sign, size), (more, rest) = self.diagonal.slogdet(), self._capacitance[1]
        return sign * more, size + rest

    @cached_property
    def _capacitance(self) -> tuple[Callable[[Array], Array], Determinant]:
        inner = self.right.T @ self.diagonal.solve(self.left)
        scale = 1 + largest(inner)
        matrix = np.eye(len(inner)) + inner
        require_regular(float(np.min(np.linalg.svd(matrix, compute_uv=False))) / scale)
        return factored(matrix)


@frozen
class IterationFirst:
    """A matrix that is cheap to apply and dear to write out: written out only if it has to be.

    Conjugate gradients need a few dozen products where the matrix is well conditioned, and forming and
    factoring it costs as much as hundreds.
    """

    iteration: KrylovInverse
    direct: Inverse

    @property
    def structure(self) -> str:
        """`matrix-free`."""
        return "matrix-free"

    def solve(self, right: Array) -> Array:
        """By iteration; from the factors where it does not converge soon."""
        try:
            return self.iteration.solve(right)
        except ConditionError:
            return self.direct.solve(right)

    def slogdet(self) -> Determinant:
        """From the factors."""
        return self.direct.slogdet()

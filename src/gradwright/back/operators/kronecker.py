"""Inverses of Kronecker products and sums.

Products are inverted factor by factor, sums by the Bartels–Stewart algorithm (Golub & Van Loan, Matrix Computations,
§7.6.3, §12.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod

import numpy as np
import scipy.linalg

from gradwright.back.operators.factorised import (
    Determinant,
    Factored,
    by_parts,
    factored,
    ratio,
    require_regular,
    unwrapped,
)
from gradwright.back.operators.inverses import Inverse
from gradwright.back.systems import two_sided
from gradwright.back.systems.two_sided import TwoSided
from gradwright.core.arithmetic import Array, largest
from gradwright.frozen import frozen
from gradwright.prims.schur import solve_plain


@frozen
class Group:
    """A factor of a Kronecker product: its inverse, and the axes that it maps from and to."""

    inverse: Inverse
    rows: tuple[int, ...]
    columns: tuple[int, ...]


@frozen
class KroneckerInverse:
    """A Kronecker product with its axes in any order."""

    groups: tuple[Group, ...]
    row_sizes: tuple[int, ...]
    column_sizes: tuple[int, ...]

    @property
    def structure(self) -> str:
        """The structures of the factors, joined by ⊗."""
        return " ⊗ ".join(group.inverse.structure for group in self.groups)

    def solve(self, right: Array) -> Array:
        """Each factor solved along its own axes."""
        value = right.reshape(*self.row_sizes, right.shape[1])
        names: list[tuple[str, int]] = [*(("row", r) for r in range(len(self.row_sizes))), ("trailing", 0)]
        for group in self.groups:
            own = [names.index(("row", r)) for r in group.rows]
            others = [axis for axis in range(len(names)) if axis not in own]
            moved = value.transpose([*own, *others])
            inside, rest = moved.shape[: len(own)], moved.shape[len(own) :]
            solved = group.inverse.solve(moved.reshape(prod(inside), prod(rest)))
            value = solved.reshape(*(self.column_sizes[c] for c in group.columns), *rest)
            names = [*(("column", c) for c in group.columns), *(names[axis] for axis in others)]
        order = [names.index(("column", c)) for c in range(len(self.column_sizes))]
        return value.transpose([*order, names.index(("trailing", 0))]).reshape(right.shape)

    def slogdet(self) -> Determinant:
        """det(A ⊗ B) = det(A)^m det(B)^n, and the sign of the reordering of the axes."""
        total = prod(self.row_sizes)
        sign: complex = _parity([r for g in self.groups for r in g.rows], self.row_sizes)
        sign *= _parity([c for g in self.groups for c in g.columns], self.column_sizes)
        logarithm = 0.0
        for group in self.groups:
            own_sign, own = group.inverse.slogdet()
            times = total // max(prod(self.row_sizes[r] for r in group.rows), 1)
            sign, logarithm = sign * own_sign**times, logarithm + times * own
        return sign, logarithm


# Condition numbers above this cost half of the digits where a matrix is inverted on the way.
INVERTIBLE = 1e8


@frozen
class KroneckerSumInverse:
    """`A₁ ⊗ B₁ + A₂ ⊗ B₂`, as a map of matrices X with the columns' axes: A₁ X B₁ᵀ + A₂ X B₂ᵀ.

    Attributes:
        left: A₁ and A₂.
        right: B₁ and B₂.
    """

    left: tuple[Array, Array]
    right: tuple[Array, Array]

    @property
    def structure(self) -> str:
        """`Kronecker sum`."""
        return "Kronecker sum"

    def solve(self, right: Array) -> Array:
        """All right sides from the same Schur forms."""
        if not right.shape[1]:
            return right
        sides = right.T.reshape(right.shape[1], len(self.left[0]), len(self.right[0]))
        return self._equation.solve(sides).reshape(right.T.shape).T

    def slogdet(self) -> Determinant:
        """The product of the numbers that the solution divides by."""
        sign, logarithm = self._equation.slogdet()
        return unwrapped(sign), logarithm

    @cached_property
    def _equation(self) -> _Sylvester | TwoSided:
        """Sylvester's equation, by the inverses that are better conditioned; without inverses where none is."""
        (a, c), (b, d) = self.left, self.right
        lost, other = np.linalg.cond(c) * np.linalg.cond(b), np.linalg.cond(a) * np.linalg.cond(d)
        if min(lost, other) < INVERTIBLE:
            return _Sylvester((a, c), (b, d)) if lost <= other else _Sylvester((c, a), (d, b))
        equation = two_sided.factored(a, b.T, c, d.T)
        require_regular(equation.reciprocal)
        return equation


@frozen
class _Sylvester:
    """`A₁ X B₁ᵀ + A₂ X B₂ᵀ = C` with A₂ and B₁ invertible: M X + X N = A₂⁻¹ C B₁⁻ᵀ, M = A₂⁻¹ A₁, N = (B₁⁻¹ B₂)ᵀ."""

    left: tuple[Array, Array]
    right: tuple[Array, Array]

    def solve(self, sides: Array) -> Array:
        """The solutions for several C along the first axis, by Bartels and Stewart's algorithm."""
        solve = by_parts(self._solve_one, self._is_real)
        return np.stack([solve(side) for side in sides])

    def slogdet(self) -> Determinant:
        """det(A₂ ⊗ B₁) Π (λᵢ(M) + λⱼ(N))."""
        pairs = self._sums
        size = np.abs(pairs)
        (_, (sign_a, log_a)), (_, (sign_b, log_b)) = self._outer
        count_m, count_n = pairs.shape
        phase = np.prod(pairs / size)
        phase = float(np.sign(np.real(phase))) if self._is_real else phase
        logarithm = count_n * log_a + count_m * log_b + float(np.sum(np.log(size)))
        return sign_a**count_n * sign_b**count_m * phase, logarithm

    def _solve_one(self, side: Array) -> Array:
        (m, u), (n, w) = self._schur
        (solve_a, _), (solve_b, _) = self._outer
        scaled = solve_b(solve_a(side).T).T
        return u @ _triangular_sylvester(m, n, u.conj().T @ scaled @ w) @ w.conj().T

    @cached_property
    def _outer(self) -> tuple[Factored, Factored]:
        return factored(self.left[1]), factored(self.right[0])

    @cached_property
    def _schur(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        (solve_a, _), (solve_b, _) = self._outer
        left = _schur(solve_a(self.left[0]), self._is_real)
        right = _schur(solve_b(self.right[1]).T, self._is_real)
        require_regular(ratio(np.abs(_sums(left[0], right[0]))))
        return left, right

    @property
    def _sums(self) -> Array:
        (m, _), (n, _) = self._schur
        return _sums(m, n)

    @property
    def _is_real(self) -> bool:
        return all(np.isrealobj(a) for a in (*self.left, *self.right))


def _schur(matrix: Array, is_real: bool) -> tuple[Array, Array]:
    """A Schur form; diagonal for a symmetric matrix."""
    scale = largest(matrix)
    if np.allclose(matrix, matrix.conj().T, rtol=0, atol=1e-13 * scale):
        values, vectors = np.linalg.eigh(matrix)
        return np.diag(values), vectors
    form, vectors = scipy.linalg.schur(matrix, output="real" if is_real else "complex")
    return form, vectors


def _sums(m: Array, n: Array) -> Array:
    """All sums of an eigenvalue of each Schur form."""
    return np.linalg.eigvals(m)[:, None] + np.linalg.eigvals(n)[None, :]


def _triangular_sylvester(m: Array, n: Array, side: Array) -> Array:
    """`m X + X n = side` for Schur forms; two diagonal ones divide."""
    if not (np.any(m - np.diag(np.diag(m))) or np.any(n - np.diag(np.diag(n)))):
        return side / (np.diag(m)[:, None] + np.diag(n)[None, :])
    return solve_plain(m, n, side)


def _parity(order: Sequence[int], sizes: Sequence[int]) -> int:
    """The sign of the permutation of a tensor's entries when its axes are reordered."""
    odd = 0
    for place, axis in enumerate(order):
        for later in order[place + 1 :]:
            if later < axis:
                pairs = sizes[axis] * (sizes[axis] - 1) // 2 * (sizes[later] * (sizes[later] - 1) // 2)
                odd += pairs * (prod(sizes) // max(sizes[axis] * sizes[later], 1))
    return -1 if odd % 2 else 1

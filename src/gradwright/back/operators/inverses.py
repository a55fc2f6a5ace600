"""Inverses of structured matrices: what `solve` and `logdet` of an operator are made of.

Kronecker products are inverted factor by factor, Kronecker sums by the Bartels–Stewart algorithm,
low rank plus diagonal by the Woodbury identity and the determinant lemma (Golub & Van Loan, Matrix
Computations, §2.1.4, §7.6.3, §12.3). A matrix that is singular to working precision is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod
from typing import Any, Protocol

import numpy as np
import scipy.linalg

from gradwright.back.systems import two_sided
from gradwright.back.systems.two_sided import TwoSided
from gradwright.core.arithmetic import Array
from gradwright.errors import ConditionError
from gradwright.frozen import frozen

SINGULAR = 1e-14  # reciprocal condition numbers below this leave no correct digit
Determinant = tuple[complex, float]


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
        return _unwrapped(np.prod(self.entries / size)), float(np.sum(np.log(size)))

    @cached_property
    def reciprocal(self) -> float:
        """The reciprocal of the condition number."""
        return _ratio(np.abs(self.entries))

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
        scale = 1 + np.max(np.abs(inner), initial=0.0)
        matrix = np.eye(len(inner)) + inner
        require_regular(float(np.min(np.linalg.svd(matrix, compute_uv=False))) / scale)
        return factored(matrix)


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


@frozen
class KroneckerSumInverse:
    """`A₁ ⊗ B₁ + A₂ ⊗ B₂`, as a map of matrices X with the columns' axes: A₁ X B₁ᵀ + A₂ X B₂ᵀ.

    With A₂ and B₁ invertible it is the Sylvester equation M X + X N = A₂⁻¹ C B₁⁻ᵀ with
    M = A₂⁻¹ A₁ and N = (B₁⁻¹ B₂)ᵀ.
    """

    left: tuple[Array, Array]
    right: tuple[Array, Array]

    @property
    def structure(self) -> str:
        """`Kronecker sum`."""
        return "Kronecker sum"

    def solve(self, right: Array) -> Array:
        """Bartels and Stewart's algorithm, from Schur forms that are computed once."""
        solve = _by_parts(self._solve_one, self._is_real)
        columns = [solve(column) for column in right.T]
        return np.stack(columns, axis=1) if columns else right

    def slogdet(self) -> Determinant:
        """det(A₂ ⊗ B₁) Π (λᵢ(M) + λⱼ(N))."""
        pairs = self._sums
        size = np.abs(pairs)
        (_, (sign_a, log_a)), (_, (sign_b, log_b)) = self._outer
        count_m, count_n = pairs.shape
        phase = np.prod(pairs / size)
        phase = float(np.sign(np.real(phase))) if self._is_real else phase
        sign = sign_a**count_n * sign_b**count_m * phase
        return _unwrapped(sign), count_n * log_a + count_m * log_b + float(np.sum(np.log(size)))

    def _solve_one(self, column: Array) -> Array:
        (m, u), (n, w) = self._schur
        (solve_a, _), (solve_b, _) = self._outer
        side = solve_b(solve_a(column.reshape(len(m), len(n))).T).T
        solved = _triangular_sylvester(m, n, u.conj().T @ side @ w)
        return (u @ solved @ w.conj().T).reshape(-1)

    @cached_property
    def _outer(self) -> tuple[Factored, Factored]:
        return factored(self.left[1]), factored(self.right[0])

    @cached_property
    def _schur(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        (solve_a, _), (solve_b, _) = self._outer
        left = _schur(solve_a(self.left[0]), self._is_real)
        right = _schur(solve_b(self.right[1]).T, self._is_real)
        require_regular(_ratio(np.abs(_sums(left[0], right[0]))))
        return left, right

    @property
    def _sums(self) -> Array:
        (m, _), (n, _) = self._schur
        return _sums(m, n)

    @property
    def _is_real(self) -> bool:
        return all(np.isrealobj(a) for a in (*self.left, *self.right))


@frozen
class PencilSumInverse:
    """`A₁ ⊗ B₁ + A₂ ⊗ B₂` where neither A₂ and B₁ nor A₁ and B₂ can be inverted, from generalised Schur forms."""

    left: tuple[Array, Array]
    right: tuple[Array, Array]

    @property
    def structure(self) -> str:
        """`Kronecker sum`."""
        return "Kronecker sum"

    def solve(self, right: Array) -> Array:
        """All right sides from the same forms."""
        sides = right.T.reshape(right.shape[1], len(self.left[0]), len(self.right[0]))
        return self._equation.solve(sides).reshape(right.T.shape).T

    def slogdet(self) -> Determinant:
        """The product of the numbers that the solution divides by."""
        sign, logarithm = self._equation.slogdet()
        return _unwrapped(sign), logarithm

    @cached_property
    def _equation(self) -> TwoSided:
        (a, c), (b, d) = self.left, self.right
        equation = two_sided.factored(a, b.T, c, d.T)
        require_regular(equation.reciprocal)
        return equation


Factored = tuple[Callable[[Array], Array], Determinant]


def factored(matrix: Array) -> Factored:
    """A solver and the determinant of a matrix, from one factorisation.

    Raises:
        ConditionError: the matrix is singular to working precision.
    """
    norm = float(np.max(np.sum(np.abs(matrix), axis=0), initial=0.0))
    if _is_hermitian(matrix):
        factor, info = _lapack(("potrf",), (matrix,))[0](matrix, lower=1)
        if info == 0:
            return _from_cholesky(factor, norm)
    return _from_lu(matrix, norm)


def _lapack(names: Sequence[str], arrays: Sequence[Array]) -> Any:
    """LAPACK's routines for the type of the arrays."""
    return scipy.linalg.get_lapack_funcs(names, arrays)


def require_regular(reciprocal_condition: float) -> None:
    """Refuse a matrix that is singular to working precision."""
    if not reciprocal_condition > SINGULAR:
        raise ConditionError(
            f"the operator is singular to working precision at these inputs (reciprocal condition number "
            f"{reciprocal_condition:.1e}), so that it has neither an inverse nor the logarithm of a determinant"
        )


def _from_cholesky(factor: Array, norm: float) -> Factored:
    condition, solver = _lapack(("pocon", "potrs"), (factor,))
    require_regular(float(condition(factor, norm, uplo="L")[0]))
    logarithm = 2 * float(np.sum(np.log(np.real(np.diag(factor)))))
    return _by_parts(lambda right: solver(factor, right, lower=1)[0], np.isrealobj(factor)), (1.0, logarithm)


def _from_lu(matrix: Array, norm: float) -> Factored:
    factorise, condition, solver = _lapack(("getrf", "gecon", "getrs"), (matrix,))
    factor, pivots, _ = factorise(matrix)
    require_regular(float(condition(factor, norm)[0]))
    diagonal = np.diag(factor)
    swaps = int(np.sum(pivots != np.arange(len(pivots))))
    sign = (-1) ** swaps * np.prod(diagonal / np.abs(diagonal))
    logarithm = float(np.sum(np.log(np.abs(diagonal))))
    return _by_parts(lambda right: solver(factor, pivots, right)[0], np.isrealobj(factor)), (
        _unwrapped(sign),
        logarithm,
    )


def _is_hermitian(matrix: Array) -> bool:
    scale = float(np.max(np.abs(matrix), initial=0.0))
    return bool(
        np.all(np.real(np.diag(matrix)) > 0) and np.allclose(matrix, matrix.conj().T, rtol=0, atol=1e-13 * scale)
    )


def _schur(matrix: Array, is_real: bool) -> tuple[Array, Array]:
    """A Schur form; diagonal for a symmetric matrix."""
    scale = float(np.max(np.abs(matrix), initial=0.0))
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
    (solver,) = _lapack(("trsyl",), (m, n, side))
    solved, scale, _ = solver(m, n, side)
    return solved / scale  # LAPACK solves for the right side times `scale`, so that nothing overflows


def _by_parts(solver: Callable[[Array], Array], is_real: bool) -> Callable[[Array], Array]:
    """A solver of a real matrix for complex right sides too."""

    def solve(right: Array) -> Array:
        if is_real and np.iscomplexobj(right):
            return solver(np.real(right).copy()) + 1j * solver(np.imag(right).copy())
        return solver(right)

    return solve


def _parity(order: Sequence[int], sizes: Sequence[int]) -> int:
    """The sign of the permutation of a tensor's entries when its axes are reordered."""
    odd = 0
    for place, axis in enumerate(order):
        for later in order[place + 1 :]:
            if later < axis:
                pairs = sizes[axis] * (sizes[axis] - 1) // 2 * (sizes[later] * (sizes[later] - 1) // 2)
                odd += pairs * (prod(sizes) // max(sizes[axis] * sizes[later], 1))
    return -1 if odd % 2 else 1


def _ratio(size: Array) -> float:
    """The smallest absolute value over the largest."""
    largest = float(np.max(size, initial=0.0))
    return float(np.min(size, initial=largest)) / largest if largest else float(not size.size)


def _unwrapped(value: Any) -> complex:
    number = complex(value)
    return number.real if not number.imag else number

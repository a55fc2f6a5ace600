"""Matrix equations in which the unknown has a factor on each side, `A X B + C X D = E`, from Schur forms.

With `A = Q S Zᴴ`, `C = Q T Zᴴ` and `B = U P Vᴴ`, `D = U R Vᴴ`, all of S, T, P, R upper triangular, and
`X = Z Y Uᴴ`, the equation is `S Y P + T Y R = Qᴴ E V`. It is halved along its longer side until it is small,
and then solved column by column: of order n³ where the system of all entries takes n⁶ (Bartels & Stewart
1972; Gardiner, Laub, Amato & Moler 1992, ACM Trans. Math. Softw. 18, 223-231; Jonsson & Kågström 2002 for
the recursion). Sylvester's, Lyapunov's and Stein's equations are special cases, and the adjoint equation
needs no new forms. More terms, `A X B + C X D + … = E`, are solved in the same way where one unitary matrix makes
all of A, C, … triangular, and one all of B, D, …: as it does for polynomials in one matrix, `H Y² + Y H Y + Y² H = C`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
from scipy.linalg import lapack

from gradwright.core.arithmetic import Array, is_finite, largest
from gradwright.errors import ConditionError
from gradwright.frozen import frozen
from gradwright.prims.precision import ROUNDING

SINGULAR = ROUNDING * np.finfo(float).eps  # smaller divisors, relative to the largest possible one, mean nothing
COMMUTING = 1e-12  # larger entries below the diagonal, relative to the others, are no rounding
TINY = float(np.finfo(float).tiny)
SMALL = 32


Forms = tuple[Array | None, ...]
"""Upper triangular matrices; None stands for the identity."""


class Pencil(NamedTuple):
    """Matrices `left S rightᴴ`, `left T rightᴴ`, … with the same unitary factors."""

    left: Array
    right: Array
    forms: Forms

    def adjoint(self) -> Pencil:
        """The adjoint matrices: reversed, so that their forms are upper triangular again."""
        forms = tuple(None if m is None else m.conj().T[::-1, ::-1] for m in self.forms)
        return Pencil(self.right[:, ::-1], self.left[:, ::-1], forms)

    @property
    def phase(self) -> complex:
        """The determinant of the unitary factors together."""
        return complex(np.linalg.det(self.left) * np.conj(np.linalg.det(self.right)))

    def swapped(self) -> Pencil:
        """The matrices in the other order."""
        return Pencil(self.left, self.right, self.forms[::-1])

    @property
    def diagonals(self) -> list[Array]:
        """The diagonals of the forms."""
        return [np.ones(len(self.left)) if m is None else np.diag(m) for m in self.forms]


@frozen
class TwoSided:
    """The equation `A X B + C X D + … = E`, factored."""

    rows: Pencil
    columns: Pencil
    real: bool

    def adjoint(self) -> TwoSided:
        """The equation `Aᴴ X Bᴴ + Cᴴ X Dᴴ + … = E`."""
        return TwoSided(self.rows.adjoint(), self.columns.adjoint(), self.real)

    def solve(self, right: Array) -> Array:
        """The solution; further axes of the right side, in front, are further equations.

        Raises:
            ConditionError: the equation has no unique solution, or nearly so.
        """
        self._require_regular()
        inside = self.rows.left.conj().T @ right @ self.columns.right
        found = _triangular(self.rows.forms, self.columns.forms, inside.reshape(-1, *inside.shape[-2:]))
        result = self.rows.right @ found.reshape(inside.shape) @ self.columns.left.conj().T
        return np.real(result) if self.real and not np.iscomplexobj(right) else result

    def slogdet(self) -> tuple[complex, float]:
        """The phase of the determinant of `A ⊗ Bᵀ + C ⊗ Dᵀ + …`, and the logarithm of its absolute value."""
        self._require_regular()
        divisors = self._divisors
        size = np.abs(divisors)
        n, m = divisors.shape
        phase = np.prod(divisors / size) * self.rows.phase**m * self.columns.phase**n
        return complex(np.sign(np.real(phase)) if self.real else phase), float(np.sum(np.log(size)))

    @property
    def reciprocal(self) -> float:
        """The smallest number that is divided by, relative to the largest possible one."""
        return self._smallest / self._largest if self._largest else 0.0

    @property
    def _diagonals(self) -> list[tuple[Array, Array]]:
        return list(zip(self.rows.diagonals, self.columns.diagonals, strict=True))

    @property
    def _divisors(self) -> Array:
        first, *others = (np.outer(*pair) for pair in self._diagonals)
        return sum(others, start=first)

    def _require_regular(self) -> None:
        if not self.reciprocal > SINGULAR:
            raise ConditionError(
                f"the matrix equation for the unknown has no unique solution at these inputs: an eigenvalue of it is "
                f"{self._smallest:.1e}, beside terms of size {self._largest:.1e}"
            )

    @property
    def _smallest(self) -> float:
        return float(np.min(np.abs(self._divisors), initial=np.inf))

    @property
    def _largest(self) -> float:
        return float(sum(largest(r) * largest(c) for r, c in self._diagonals))


def factored_together(before: Forms, behind: Forms) -> TwoSided | None:
    """The forms of a sum of `A X B`, from all A and all B; None if they are not seen to be triangular together.

    Raises:
        ConditionError: a matrix has an infinite entry, or NaN.
    """
    if len(before) == 2:
        return factored(before[0], behind[0], before[1], behind[1])
    _require_finite(*before, *behind)
    rows, columns = _triangular_together(before), _triangular_together(behind)
    real = not any(m is not None and np.iscomplexobj(m) for m in (*before, *behind))
    return None if rows is None or columns is None else TwoSided(rows, columns, real)


def _triangular_together(matrices: Forms) -> Pencil | None:
    """The Schur vectors of a generic sum of commuting matrices are those of all of them."""
    given = [m for m in matrices if m is not None]
    weights = np.random.default_rng(5).uniform(0.5, 1.0, len(given))
    _, vectors = _schur(sum((w * m for w, m in zip(weights, given, strict=True)), start=np.zeros_like(given[0])))
    forms = [None if m is None else vectors.conj().T @ m @ vectors for m in matrices]
    below = [largest(np.tril(form, -1)) / max(largest(form), TINY) for form in forms if form is not None]
    if max(below) > COMMUTING:
        return None
    return Pencil(vectors, vectors, tuple(None if form is None else np.triu(form) for form in forms))


def factored(A: Array | None, B: Array | None, C: Array | None, D: Array | None) -> TwoSided:
    """The forms of `A X B + C X D`; None stands for the identity.

    Raises:
        ConditionError: a matrix has an infinite entry, or NaN.
    """
    _require_finite(A, B, C, D)
    real = not any(m is not None and np.iscomplexobj(m) for m in (A, B, C, D))
    rows = _pencil(A, C)
    if _is_adjoint(A, D) and _is_adjoint(C, B):
        return TwoSided(rows, rows.adjoint().swapped(), real)
    return TwoSided(rows, _pencil(B, D), real)


def _require_finite(*matrices: Array | None) -> None:
    if not all(m is None or is_finite(m) for m in matrices):
        raise ConditionError("a matrix in the equation for the unknown is not finite at these inputs")


def _is_adjoint(left: Array | None, right: Array | None) -> bool:
    if left is None or right is None:
        return left is right
    return left.shape == right.shape and bool(np.array_equal(left, right.conj().T))


def _pencil(first: Array | None, second: Array | None) -> Pencil:
    """Generalised Schur forms; a Schur form where one of the matrices is the identity."""
    if first is not None and second is not None:
        S, T, left, right = scipy.linalg.qz(first, second, output="complex")
        return Pencil(left, right, (S, T))
    matrix = second if first is None else first
    assert matrix is not None
    form, vectors = _schur(matrix)
    pencil = Pencil(vectors, vectors, (form, None))
    return pencil.swapped() if first is None else pencil


def _schur(matrix: Array) -> tuple[Array, Array]:
    if np.array_equal(matrix, matrix.conj().T):
        values, vectors = np.linalg.eigh(matrix)
        return np.diag(values).astype(complex), vectors.astype(complex)
    form, vectors = scipy.linalg.schur(matrix, output="complex")
    return form, vectors


def _triangular(rows: Forms, columns: Forms, right: Array) -> Array:
    """`S Y P + T Y R + … = F` for several F along the first axis."""
    _, n, m = right.shape
    if max(n, m) <= SMALL:
        return _small(rows, columns, right)
    top, bottom = slice(0, max(n, m) // 2), slice(max(n, m) // 2, None)
    if n >= m:
        lower = _triangular(_blocks(rows, bottom, bottom), columns, right[:, bottom])
        rest = right[:, top] - _image(_blocks(rows, top, bottom), columns, lower)
        return np.concatenate([_triangular(_blocks(rows, top, top), columns, rest), lower], axis=1)
    first = _triangular(rows, _blocks(columns, top, top), right[:, :, top])
    rest = right[:, :, bottom] - _image(rows, _blocks(columns, top, bottom), first)
    return np.concatenate([first, _triangular(rows, _blocks(columns, bottom, bottom), rest)], axis=2)


def _blocks(forms: Forms, rows: slice, columns: slice) -> Forms:
    """A block of each; off the diagonal, that of the identity is zero."""
    return tuple(None if m is None and rows == columns else _block(m, rows, columns) for m in forms)


def _block(matrix: Array | None, rows: slice, columns: slice) -> Array:
    return np.zeros((1, 1)) if matrix is None else matrix[rows, columns]


def _image(rows: Forms, columns: Forms, tensor: Array) -> Array | float:
    """`S Y P + T Y R + …`; a 1 × 1 zero stands for a block of zeros."""
    total: Array | float = 0.0
    for left, right in zip(rows, columns, strict=True):
        if any(m is not None and m.shape == (1, 1) and not m[0, 0] for m in (left, right)):
            continue
        image = tensor if left is None else left @ tensor
        total = total + (image if right is None else image @ right)
    return total


def _small(rows: Forms, columns: Forms, right: Array) -> Array:
    if len(rows) == 2 and rows[1] is None and columns[0] is None:
        return np.stack([_sylvester(rows[0], columns[1], side) for side in right])
    return _by_columns(rows, columns, right)


def _sylvester(S: Array | None, R: Array | None, right: Array) -> Array:
    """`S Y + Y R = F`, by LAPACK."""
    found, scale, _ = lapack.ztrsyl(S, R, right)
    return found / scale


def _by_columns(rows: Forms, columns: Forms, right: Array) -> Array:
    """One triangular system a column, for all right sides at once."""
    count, n, m = right.shape
    before = [np.eye(n, dtype=complex) if form is None else form for form in rows]
    behind = [np.eye(m, dtype=complex) if form is None else form for form in columns]
    found = np.zeros((m, n * count), dtype=complex)
    sides = right.transpose(2, 1, 0)
    for k in range(m):
        known = [(form[:k, k] @ found[:k]).reshape(n, count) for form in behind]
        side = sides[k] - sum(S @ part for S, part in zip(before, known, strict=True))
        matrix = sum(P[k, k] * S for S, P in zip(before, behind, strict=True))
        solved, _ = lapack.ztrtrs(np.asfortranarray(matrix), side)
        found[k] = solved.ravel()
    return found.reshape(m, n, count).transpose(2, 1, 0)

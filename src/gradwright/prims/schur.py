"""Schur forms `A = Z T Zᴴ`, and the equations and square roots that they leave.

Z is unitary and T upper triangular, where real matrices have blocks of two rows on the diagonal for pairs of
eigenvalues. The form is most of the work of `sqrtm`, `sylvester` and `lyapunov`, and one serves the matrix, its
adjoint and its square root. The primitives are for code that is emitted, no functions of the language:
`gradwright.optimise.schur_forms` puts them where one matrix has several uses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradwright.core.primitive import Primitive, Sample
from gradwright.prims.precision import require_finite, require_separate
from gradwright.prims.sqrtm import square_root

# Rows up to which LAPACK, which takes one entry after the other, is as fast as products of blocks.
LEAF = 64


def schur_form(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangle T and the unitary matrix Z of `A = Z T Zᴴ`; real for a real matrix."""
    import scipy.linalg

    require_finite(A)
    return scipy.linalg.schur(A, check_finite=False)


def solve_between_triangles(S: np.ndarray, T: np.ndarray, C: np.ndarray, left: int, right: int) -> np.ndarray:
    """The X with `S X + X T = C` for triangles of Schur forms; Sᴴ in place of S where `left` is 1, Tᴴ where `right` is.

    Beside complex numbers the blocks of real triangles are made triangular, too.
    """
    field = np.result_type(S, T, C, np.float32)
    rows, columns = eigenvalues_of_triangle(S), eigenvalues_of_triangle(T)
    require_separate(rows.conj() if left else rows, columns.conj() if right else columns, field)
    if S.dtype == T.dtype == field:
        return solve_by_halves(S, T, C.astype(field), left, right)
    (first, U), (second, V) = triangle_in_field(S, field), triangle_in_field(T, field)
    return U @ solve_by_halves(first, second, U.conj().T @ C @ V, left, right) @ V.conj().T


def triangle_in_field(T: np.ndarray, field: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The triangle S and the unitary U of `T = U S Uᴴ`, where T is the triangle of a Schur form, maybe a real one."""
    import scipy.linalg

    if np.issubdtype(field, np.complexfloating) and not np.iscomplexobj(T):
        return scipy.linalg.rsf2csf(T, np.eye(len(T)))
    return T.astype(field), np.eye(len(T), dtype=field)


def solve_by_halves(S: np.ndarray, T: np.ndarray, C: np.ndarray, left: int, right: int) -> np.ndarray:
    """The X of `solve_between_triangles` in one field.

    Halves of the larger triangle one after the other, so that most of the work is products of matrices (Jonsson &
    Kågström 2002, ACM Trans. Math. Softw. 28, 392-415).
    """
    import scipy.linalg

    m, n = C.shape
    if not C.size:
        return np.zeros_like(C)
    if max(m, n) <= LEAF:
        kind = scipy.linalg.blas.find_best_blas_type((S, T, C))[0]  # s, d, c or z
        solve = getattr(scipy.linalg.lapack, f"{kind}trsyl")
        X, scale, _ = solve(S, T, C, trana="NC"[left], tranb="NC"[right])
        return X / scale
    if m >= n:
        k = middle(S)
        S11, S12, S22 = S[:k, :k], S[:k, k:], S[k:, k:]
        if left:  # [S₁₁ᴴ 0; S₁₂ᴴ S₂₂ᴴ]: the upper rows first
            upper = solve_by_halves(S11, T, C[:k], left, right)
            lower = solve_by_halves(S22, T, C[k:] - S12.conj().T @ upper, left, right)
        else:
            lower = solve_by_halves(S22, T, C[k:], left, right)
            upper = solve_by_halves(S11, T, C[:k] - S12 @ lower, left, right)
        return np.concatenate([upper, lower])
    k = middle(T)
    T11, T12, T22 = T[:k, :k], T[:k, k:], T[k:, k:]
    if right:  # [T₁₁ᴴ 0; T₁₂ᴴ T₂₂ᴴ]: the right columns first
        last = solve_by_halves(S, T22, C[:, k:], left, right)
        first = solve_by_halves(S, T11, C[:, :k] - last @ T12.conj().T, left, right)
    else:
        first = solve_by_halves(S, T11, C[:, :k], left, right)
        last = solve_by_halves(S, T22, C[:, k:] - first @ T12, left, right)
    return np.concatenate([first, last], axis=1)


def solve_plain(S: np.ndarray, T: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The X with `S X + X T = C`."""
    return solve_between_triangles(S, T, C, 0, 0)


def solve_both_adjoint(S: np.ndarray, T: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The X with `Sᴴ X + X Tᴴ = C`."""
    return solve_between_triangles(S, T, C, 1, 1)


def solve_right_adjoint(S: np.ndarray, T: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The X with `S X + X Tᴴ = C`."""
    return solve_between_triangles(S, T, C, 0, 1)


def solve_left_adjoint(S: np.ndarray, T: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The X with `Sᴴ X + X T = C`."""
    return solve_between_triangles(S, T, C, 1, 0)


def middle(T: np.ndarray) -> int:
    """The middle of a triangle, at which no block of two rows is cut."""
    k = len(T) // 2
    return k + 1 if T[k, k - 1] != 0 else k


def eigenvalues_of_triangle(T: np.ndarray) -> np.ndarray:
    """The diagonal; of blocks of two rows, `[a b; c a]`, LAPACK makes the eigenvalues a ± √(b c)."""
    values = np.diagonal(T) + 0j
    for k in np.flatnonzero(np.diagonal(T, -1)):
        values[k : k + 2] += np.sqrt(T[k, k + 1] * T[k + 1, k] + 0j) * np.array([1, -1])
    return values


def moduli_of_eigenvalues(T: np.ndarray) -> np.ndarray:
    """The absolute values of the eigenvalues."""
    return np.abs(eigenvalues_of_triangle(T)).astype(np.finfo(T.dtype).dtype)


schur = Primitive(
    name="schur",
    signature="A: n n -> T: n n, Z: n n",
    summary="the triangle T and the unitary Z of A = Z T Zᴴ",
    numpy=schur_form,
    samples=(Sample("A: n n"), Sample("A: n n complex")),
)
schur_root = Primitive(
    name="schur_root",
    signature="T: n n -> R: n n",
    summary="the principal square root of the triangle of a Schur form, a triangle with blocks in the same places",
    value_name="root",
    numpy=square_root,
)

schur_moduli = Primitive(
    name="schur_moduli",
    signature="T: n n -> moduli: n real",
    summary="how large the eigenvalues are, from the triangle of a Schur form",
    field="real",
    numpy=moduli_of_eigenvalues,
)


def _between_triangles(name: str, equation: str, solution: Callable[..., np.ndarray]) -> Primitive:
    return Primitive(
        name=name,
        signature="S: n n, T: m m, C: n m -> X: n m",
        summary=f"the solution X of {equation} for triangles of Schur forms",
        value_name="solved",
        numpy=solution,
    )


# The equations between triangles, by whether the adjoints of the first and of the second are meant.
BETWEEN_TRIANGLES = {
    (False, False): _between_triangles("triangular_sylvester", "S X + X T = C", solve_plain),
    (True, True): _between_triangles("triangular_sylvester_adjoint", "Sᴴ X + X Tᴴ = C", solve_both_adjoint),
    (False, True): _between_triangles("triangular_lyapunov", "S X + X Tᴴ = C", solve_right_adjoint),
    (True, False): _between_triangles("triangular_lyapunov_adjoint", "Sᴴ X + X T = C", solve_left_adjoint),
}

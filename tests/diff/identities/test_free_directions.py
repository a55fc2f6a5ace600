"""What an identity leaves free has a name where there is one."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.errors import GradwrightError

FREE = {
    "a length": ("A @ v = w * v", "v: n, w: ", "A: n n symmetric", "1 of 4 directions is left free: 'v' may be scaled"),
    "a kernel": ("A @ x = b", "x: n", "A: m n, b: m", "'x' may be moved along the directions D with A D = 0"),
    "a left kernel": ("Y @ A = eye(m)", "Y: m n", "A: n m", "'Y' may be moved along the directions D with D A = 0"),
    "a hyperplane": ("dot(a, x) = b", "x: n", "a: n, b: ", "'x' may be moved orthogonally to a"),
    "a sphere": ("dot(x, x) = r", "x: n", "r: positive", "'x' may be turned, its length kept"),
    "the skew part": ("Y + Y.T = A", "Y: n n", "A: n n symmetric", "the skew part of 'Y'"),
    "a sum": ("x + y = a", "x: n, y: n", "a: n", "added to 'x' may be taken from 'y'"),
    "numbers": ("x + y = a", "x: , y: ", "a: ", "at a generic solution, 1 of 2 directions is left free: what is added"),
    "entries": ("u * v = a", "u: n, v: n", "a: n", "may be replaced by c ∘ u and v / c with any numbers c"),
    "everything": ("sin(2*x) = 2*sin(x)*cos(x)", "x: n", "a: n", "3 directions are left free: every direction of 'x'"),
    "too little and too much": (["x + y = a", "x + y = b"], "x: n, y: n", "a: n, b: n",
                                "may be taken from 'y'; besides, they contradict each other: when the inputs move"),
    "shifts": (["exp(u) * (K @ exp(v)) = a", "exp(v) * (K.T @ exp(u)) = b"], "u: n, v: m",
               "K: n m positive, a: n positive, b: m positive",
               "a number may be added to every entry of 'u' and taken from 'v'; besides, they contradict each other"),
    "a rotation of two": (["P @ V = A @ V", "U = V + 0 * V", "P = U @ V.T"], "P: n n, U: n 2, V: n 2", "A: n n spd",
                          "replaced by U Q and V Q"),
    "an imaginary part": ("z + conj(z) = a", "z: n complex", "a: n", "3 of 6 .* left free: the imaginary part of 'z'"),
    "phases of entries": ("z * conj(z) = a", "z: n complex", "a: n positive", "every entry of 'z' may be turned by a"),
    "the skew-Hermitian part": ("Y + Y.H = A", "Y: n n complex", "A: n n hermitian", "the skew-Hermitian part of 'Y'"),
    "all that is symmetric": ("Y.T @ inv(Y) = A", "Y: n n symmetric", "A: n n", "every direction of 'Y'"),
    "a form's own rotations": ("Y.T @ A @ Y = B", "Y: n n", "A: n n spd, B: n n spd",
                               "replaced by Q Y with any Q for which Qᵀ A Q = A"),
    "a narrow input": ("x / norm(x) = a", "x: n", "a: n", "'x' may be scaled; besides, it restricts the inputs: when"),
    "factors": ("L @ U = A", "L: n n lower, U: n n upper", "A: n n", "L D and D⁻¹ U with any invertible diagonal D"),
    "a common scale": ("p = s * exp(z)", "p: n, s: ", "z: n", "'p' and 's' may be scaled together"),
    "opposite scales": (["u * (K @ v) = ones(n)", "v * (K.T @ u) = ones(n)"], "u: n positive, v: n positive",
                        "K: n n positive", "do not determine 'u' and 'v': .* c u and v / c with any number c"),
    "what is similar": ("A @ X = X @ S", "X: n 2, S: 2 2", "A: n n", "by X M and M⁻¹ S M with any invertible M;"),
    "what is orthogonally similar": ("A @ Q = Q @ H", "Q: n n orthogonal, H: n n", "A: n n",
                                     "by Q O and Oᵀ H O with any orthogonal O;"),
    "rotations on both sides": ("U @ S @ V.T = A", "U: n n orthogonal, S: n n, V: n n orthogonal", "A: n n",
                                "by U Q and Qᵀ S with any orthogonal Q, and 'S' and 'V' may be replaced by S Q and V"),
    "kernels on both sides": ("A @ X @ B = C", "X: m k", "A: n m, B: k l, C: n l", "with A D = 0, and .* D B = 0;"),
    "shared phases": ("U @ diag(s) @ V.H = A", "U: n n unitary complex, s: n positive, V: n n unitary complex",
                      "A: n n complex", "by U D and V D with any diagonal matrix D of phases"),
    "a trace": ("trace(Y) = a", "Y: n n", "a: ", "along the directions D with tr.D. = 0"),
    "the trace of a diagonal": ("trace(Y) = a", "Y: n n diagonal", "a: ", "along the directions D with "),
    "a determinant": ("det(Y) = a", "Y: n n", "a: positive", "along the directions D with tr.Y⁻¹ D. = 0"),
    "a shift": ("softmax(x) = p", "x: n", "p: n positive", "a number may be added to every entry of 'x'"),
    "an inner product": ("dot(u, v) = a", "u: n, v: n", "a: ", "by M u and M⁻ᵀ v with any invertible M"),
    "a complex length": ("H @ v = w * v", "v: n complex, w: ", "H: n n hermitian complex", "by any complex number"),
    "a part of a matrix": ("tril(Y) = tril(A)", "Y: n n", "A: n n", "3 of 9 .* left free: all dY with tril.dY. = 0;"),
    "what no family spans": ("X @ Y = A", "X: n n symmetric, Y: n n symmetric", "A: n n",
                             r"left free: all dX \(symmetric\), dY \(symmetric\) with dX Y . X dY = 0;"),
    "what keeps columns orthonormal": ("P @ x = y", "P: n n orthogonal", "x: n, y: n",
                                       "1 of 9 .* is left free: all dP with dP x = 0 and dPᵀ P . Pᵀ dP = 0;"),
    "a letter that is taken": ("Q @ Q.T = A", "Q: n n", "A: n n spd", "by Q O with any orthogonal O "),
}  # fmt: skip


@pytest.mark.parametrize("name", FREE)
def test_the_free_directions_are_named(name: str) -> None:
    identity, unknown, given, words = FREE[name]
    with pytest.raises(GradwrightError, match=words):
        gw.define("f", identity, unknown=unknown, given=given)


def test_sizes_at_which_directions_are_free_are_excluded_and_no_others() -> None:
    squares = gw.define("f", "A.T @ A @ X = A.T @ B", unknown="X: n k", given="A: m n, B: m k")
    assert squares.primitive.size_orders == (("m", "n"),)
    plain = gw.define("f", "A @ Y + Y @ B = C", unknown="Y: n m", given="A: n n, B: m m, C: n m")
    assert not plain.primitive.size_orders


def test_sizes_that_have_to_be_smaller_together_are_told_without_those_that_need_not() -> None:
    """The gradients of two constraints are independent where there are fewer constraints than unknowns."""
    nearest = gw.define("f", ["P @ x + C @ q + A.T @ l + B.T @ z = zeros(n)", "A @ x = a", "B @ x = b"],
                        unknown="x: n, l: m, z: k",
                        given="P: n n spd, C: n j, q: j, A: m n, B: k n, a: m, b: k")  # fmt: skip
    assert nearest.primitive.size_orders == (("n", "k + m"),)
    with pytest.raises(GradwrightError, match=r"f takes .* with n ≥ k \+ m, and these are"):
        gw.parse("f(P, C, q, A, B, a, b).x", P="3 3 spd", C="3 1", q="1", A="2 3", B="2 3", a="2", b="2")

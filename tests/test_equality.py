"""Equality as a user asks for it: proved, refuted at a point, or undecided with the reason."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

import gradwright as gw
from gradwright.simplify.agreement import agreement

VARIABLES = {
    "A": "n n", "B": "n n", "X": "n n", "U": "n m", "V": "m n", "C": "m m", "K": "n n spd", "S": "n n symmetric",
    "L": "n n lower", "Q": "n n orthogonal", "P": "n m stiefel", "M": "n m", "x": "n", "y": "n", "p": "n positive",
    "q": "n positive", "a": "", "b": "", "z": "n complex", "Z": "n n complex", "N": "m n", "W": "m m",
    "D": "n n diagonal spd", "O": "n n skew",
}  # fmt: skip
PROVED = [
    ("inv(A + U @ C @ V)", "inv(A) - inv(A) @ U @ inv(inv(C) + V @ inv(A) @ U) @ V @ inv(A)"),
    ("inv(eye(n) + U @ V) @ U", "U @ inv(eye(m) + V @ U)"), ("inv(A + B) @ (A + B)", "eye(n)"),
    ("det(eye(n) + U @ V)", "det(eye(m) + V @ U)"), ("det(A @ B)", "det(A) * det(B)"),
    ("logdet(eye(n) + U @ U.T)", "logdet(eye(m) + U.T @ U)"), ("inv(A) - inv(B)", "inv(A) @ (B - A) @ inv(B)"),
    ("trace(A @ B)", "trace(B @ A)"), ("exp(x + y)", "exp(x) * exp(y)"), ("log(p * q)", "log(p) + log(q)"),
    ("sin(x)**2 + cos(x)**2", "1"), ("softplus(x) - softplus(-x)", "x"), ("logsumexp(x + a)", "logsumexp(x) + a"),
    ("softmax(x + a)", "softmax(x)"), ("sum(softmax(x))", "1"), ("sigmoid(-x)", "1 - sigmoid(x)"),
    ("kron(A, C) @ kron(U, V)", "kron(A @ U, C @ V)"), ("vec(A @ U @ C)", "kron(C.T, A) @ vec(U)"),
    ("cholesky(K) @ cholesky(K).T", "K"), ("qr(M).Q @ qr(M).R", "M"), ("qr(M).Q.T @ qr(M).Q", "eye(m)"),
    ("svd(M).U @ diag(svd(M).S) @ svd(M).Vh", "M"), ("lu(X).L @ lu(X).U", "X"),
    ("eigh(S).eigenvectors @ diag(eigh(S).eigenvalues) @ eigh(S).eigenvectors.T", "S"),
    ("log(det(K))", "2 * sum(log(diagonal(cholesky(K))))"), ("sqrtm(K) @ sqrtm(K)", "K"),
    ("lyapunov(A, S)", "sylvester(A, A.T, S)"), ("pinv(M)", "inv(M.T @ M) @ M.T"),
    ("adjugate(X) @ X", "det(X) * eye(n)"),
    ("Q @ Q.T", "eye(n)"), ("P.T @ P", "eye(m)"), ("norm(x)**2", "x @ x"), ("abs(z)**2", "real(z * conj(z))"),
    ("maximum(x, y) + minimum(x, y)", "x + y"), ("inv(Z.H)", "inv(Z).H"), ("S.T", "S"),
    ("cumsum(x)", "tril(ones(n, n)) @ x"),
    ("slogdet(X).sign * exp(slogdet(X).logabsdet)", "det(X)"),
    ("abs(67 * x)", "67 * abs(x)"), ("norm(a * x)", "abs(a) * norm(x)"), ("sqrt(61 * p)", "sqrt(61) * sqrt(p)"),
    ("det(2 * A)", "2**n * det(A)"), ("logdet(a * K)", "n * log(a) + logdet(K)"), ("det(Q)**2", "1"),
    ("(p * q)**a", "p**a * q**a"), ("p**(a * b)", "(p**a)**b"), ("det(adjugate(A))", "det(A)**(n - 1)"),
    ("sum(p * log(p / q))", "sum(p * (log(p) - log(q)))"), ("exp(sum(log(p)))", "det(diag(p))"),
    ("sum(softmax(x) * log(softmax(x)))", "softmax(x) @ x - logsumexp(x)"),
    ("sum(eigvalsh(S)**2)", "norm(S)**2"), ("sum(log(eigvalsh(K)))", "logdet(K)"),
    ("eigvalsh(A @ A.T)", "eigvalsh(A.T @ A)"),
    ("eigvalsh(2 * S + a * eye(n))", "2 * eigvalsh(S) + a"), ("sum(svdvals(M)**4)", "norm(M.T @ M)**2"),
    ("sum(eigvalsh(M @ M.T))", "norm(M)**2"), ("sqrtm(K @ K)", "K"), ("sqrtm(inv(K))", "inv(sqrtm(K))"),
    ("sqrtm(D @ D)", "D"),
    ("signm(S)", "polar(S).U"), ("polar(A).P", "sqrtm(A.T @ A)"), ("svd(A).U @ svd(A).Vh", "polar(A).U"),
    ("svd(Z).U @ diag(svd(Z).S**2) @ svd(Z).U.H", "Z @ Z.H"),
    ("pinv(M)", "svd(M).Vh.T @ diag(1 / svd(M).S) @ svd(M).U.T"),
    ("sin(a * (x + y))", "sin(a * x) * cos(a * y) + cos(a * x) * sin(a * y)"),
    ("tan(2 * x)", "2 * tan(x) / (1 - tan(x)**2)"), ("tan(a / 2)", "sin(a) / (1 + cos(a))"),
    ("cos(a + pi / 2)", "-sin(a)"), ("cos(pi / 5)", "(1 + sqrt(5)) / 4"), ("sin(pi)", "0"),
    ("cos(pi / 7) * cos(2 * pi / 7) * cos(3 * pi / 7)", "1 / 8"), ("cos(2 * arctan(a))", "(1 - a**2) / (1 + a**2)"),
    ("real(exp(z))", "exp(real(z)) * cos(imag(z))"), ("abs(exp(z))", "exp(real(z))"),
    ("matrix_exp(2 * A)", "matrix_exp(A) @ matrix_exp(A)"),
    ("matrix_exp(a * A) @ matrix_exp(b * A)", "matrix_exp((a + b) * A)"),
    ("inv(matrix_exp(A + B))", "matrix_exp(-A - B)"), ("matrix_exp(A + a * eye(n))", "exp(a) * matrix_exp(A)"),
    ("matrix_exp(X @ diag(x) @ inv(X))", "X @ diag(exp(x)) @ inv(X)"), ("matrix_exp(logm(K) + K)", "K @ matrix_exp(K)"),
    ("matrix_exp(kron(A, eye(m)) + kron(eye(n), C))", "kron(matrix_exp(A), matrix_exp(C))"),
    ("logm(3 / 2 * inv(K @ K))", "(log(3) - log(2)) * eye(n) - 2 * logm(K)"), ("logm(matrix_exp(S))", "S"),
    ("sqrtm(kron(K, D))", "kron(sqrtm(K), sqrtm(D))"), ("matrix_exp(logm(K) / 2)", "sqrtm(K)"),
    ("sqrtm(matrix_exp(S))", "matrix_exp(S / 2)"), ("trace(logm(K @ K))", "2 * logdet(K)"), ("exp(z / 2)**2", "exp(z)"),
    ("real(sqrt(z))", "sqrt((abs(z) + real(z)) / 2)"), ("sqrt(z)**2", "z"), ("max(2 * x + a)", "2 * max(x) + a"),
    ("min(x)", "-max(-x)"), ("maximum(x, maximum(y, p))", "maximum(maximum(p, y), x)"),
    ("relu(abs(x) - p)", "relu(x - p) + relu(-x - p)"), ("minimum(maximum(x, -p), p)", "maximum(minimum(x, p), -p)"),
    ("x - sign(x) * relu(abs(x) - p)", "minimum(maximum(x, -p), p)"),
    ("logm(kron(K, D))", "kron(logm(K), eye(n)) + kron(eye(n), logm(D))"),
    ("einsum('ij,jk', A, B)", "transpose(B.T @ A.T)"),
    ("sigmoid(z)", "1 / (1 + exp(-z))"), ("z**conj(z)", "exp(conj(z) * log(z))"), ("matrix_power(A, 0)", "eye(n)"),
    ("size(n) * x", "n * x + imag(y)"), ("svd(A, full_matrices=True).U", "svd(A).U"),
    ("spectral_map('x**3', S)", "S @ S @ S"), ("spectral_difference('x**2', S, eye(n))", "2 * S"),
    ("einsum('kij,ij->k', elimination(n), A)", "vech(A)"), ("+concatenate([x, y])", "concatenate(x, y)"),
]  # fmt: skip
REFUTED = [
    ("inv(eye(n) + U @ V) @ U", "U @ inv(eye(m) + U.T @ V.T)"), ("trace(A @ B @ X)", "trace(A @ X @ B)"),
    ("P @ P.T", "A @ inv(A)"), ("x", "y"), ("A.T", "A"), ("log(p * q)", "log(p) - log(q)"), ("sqrt(x**2)", "x"),
    ("exp(x)", "exp(x) + 1/10**9"), ("3", "4"),
    ("matrix_exp(A + B)", "matrix_exp(A) @ matrix_exp(B)"), ("matrix_exp(logm(K) + S)", "K @ matrix_exp(S)"),
    ("cos(pi / 5)", "(1 - sqrt(5)) / 4"), ("logm(K @ K @ K)", "logm(K)"), ("tan(a / 2)", "sin(a) / (1 - cos(a))"),
    ("sqrt(z**2)", "z"), ("sqrt(z * z * z)", "sqrt(z)**3"), ("max(a * x)", "a * max(x)"),
    ("minimum(maximum(x, y), q)", "maximum(minimum(x, q), y)"), ("sum(relu(relu(x) - y))", "sum(relu(x - y))"),
    ("where(outer(x, ones(n)) > outer(ones(n), x), 1, 0)", "1 - where(outer(x, ones(n)) < outer(ones(n), x), 1, 0)"),
]  # fmt: skip


def parsed(text: str) -> gw.Expression:
    names = {name: d for name, d in VARIABLES.items() if name in _names(text)}
    return gw.parse(text, **names)


def _names(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", text))


@pytest.mark.sampled
@pytest.mark.parametrize(("left", "right"), PROVED)
def test_identities_are_proved(left: str, right: str) -> None:
    found = gw.equal(parsed(left), parsed(right))
    assert found.status == "proved", found
    assert found


@pytest.mark.parametrize(("left", "right"), REFUTED)
def test_differences_are_refuted_with_a_point(left: str, right: str) -> None:
    a, b = parsed(left), parsed(right)
    found = gw.equal(a, b)
    assert found.status == "refuted" and not found
    assert set(found.point) == {*a.variables, *b.variables}
    values = [e.evaluate(**{v: found.point[v] for v in e.variables}) for e in (a, b)]
    assert np.max(np.abs(values[0] - values[1])) > 0


@pytest.mark.parametrize("right", ["A + B", "B + A", "A"])
def test_an_answer_is_equal_to_itself_and_can_be_pickled(right: str) -> None:
    found = gw.equal(parsed("A + B"), parsed(right))
    again = pickle.loads(pickle.dumps(found))
    assert found in [again, found] and found in {found}
    assert (again.status, list(again.point)) == (found.status, list(found.point))


@pytest.mark.parametrize(
    ("left", "right", "declared"),
    [
        ("sum(svdvals(S))", "trace(S)", "n n symmetric"),
        ("polar(S).P", "S", "n n symmetric"),
        ("signm(S)", "eye(n)", "n n"),
        ("sqrtm(S @ S)", "S", "n n"),
        ("sqrtm(S @ S)", "S", "n n symmetric"),
        ("svdvals(S)", "eigvalsh(S)", "n n symmetric"),
        ("abs(det(S))", "det(S)", "n n"),
        ("sqrt(trace(S)**2)", "trace(S)", "n n"),
    ],
)
def test_what_holds_for_positive_eigenvalues_only_is_refuted(left: str, right: str, declared: str) -> None:
    assert gw.equal(gw.parse(left, S=declared), gw.parse(right, S=declared)).status == "refuted"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("abs(a)", "a"),
        ("norm(a * x)", "a * norm(x)"),
        ("relu(a * x)", "a * relu(x)"),
        ("where(a > 0, a, b)", "a"),
        ("relu(a) * relu(-b)", "0 * a"),
        ("exp(sum(log(p)))", "sum(p)"),
        ("eigvalsh(a * S)", "a * eigvalsh(S)"),
        ("svdvals(K)", "eigvalsh(K)"),
        ("eigh(S).eigenvectors", "eigh(S @ S).eigenvectors"),
        ("abs(67 * x)", "-67 * abs(x)"),
        ("abs(0.044715 * x)", "-0.044715 * abs(x)"),
        ("svdvals(a * X)", "a * svdvals(X)"),
        ("det(Q)", "1"),
        ("det(-A)", "-det(A)"),
        ("(n - 2) * (n - 3) * (n - 5) * x", "0 * x"),
        ("(n - m - 1) * (m - n - 1) * sum(U)", "0"),
        ("trace(A)**3 - 3 * trace(A) * trace(A @ A) + 2 * trace(A @ A @ A)", "6 * det(A)"),
    ],
)
def test_what_holds_for_one_sign_or_for_some_sizes_only_is_refuted(left: str, right: str) -> None:
    assert gw.equal(parsed(left), parsed(right)).status == "refuted"


@pytest.mark.slow
def test_what_holds_for_most_patterns_of_signs_is_not_proved() -> None:
    left = gw.parse("relu(a - b) * relu(b - c) * relu(c - d) * relu(d - e)", **dict.fromkeys("abcde", ""))
    assert gw.equal(left, 0 * left).status != "proved"
    assert gw.equal(abs(left), left).status == "proved"


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("det(diag(relu(x - y)))", {"x": "12", "y": "12"}),
        ("det(diag(vec(relu(A - B))))", {"A": "n m", "B": "n m"}),
        ("det(diag(relu(A @ x)))", {"A": "9 9", "x": "9"}),
        pytest.param("det(sqrtm(S @ S) + S)", {"S": "14 14 symmetric"}, marks=pytest.mark.slow),
    ],
)
def test_what_one_pattern_of_many_signs_refutes(text: str, declared: dict[str, str]) -> None:
    assert gw.equal(gw.parse(text, **declared), gw.parse("0")).status == "refuted"


def test_primes_do_not_know_which_eigenvalue_is_larger() -> None:
    first, second = (gw.parse(f"eigvalsh(S)[{place}]", S="2 2 symmetric") for place in (0, 1))
    for gap in (first - second, second - first):
        assert not agreement(abs(gap).node, gap.node)


def test_roots_of_matrices_with_complex_eigenvalues_are_not_those_of_symmetric_ones() -> None:
    assert gw.equal(parsed("sqrtm(matrix_power(S, 4))"), parsed("S @ S")).status == "proved"
    assert gw.equal(parsed("sqrtm(matrix_power(A, 4))"), parsed("A @ A")).status != "proved"


def test_what_is_not_known_is_undecided_and_says_why() -> None:
    found = gw.equal(parsed("max(p * p)"), parsed("max(p)**2"))
    assert found.status == "undecided" and not found
    assert "max may be any function" in found.reason


@pytest.mark.parametrize(
    "zero",
    ["trace(logm(K)) - logdet(K)", "sin(a)**2 + cos(a)**2 - 1", "max(p * p) - max(p)**2", "L", "diag(x)", "A - A.T"],
)
def test_the_sign_of_what_is_zero_is_not_taken_for_one(zero: str) -> None:
    node = parsed(zero)
    one = gw.ones(*node.shape) if node.ndim else 1
    assert gw.equal(gw.sign(node) ** 2, gw.eye(1)[0, 0] * one if node.ndim else gw.parse("1")).status != "proved"


def test_equal_derivatives_are_proved_so_whatever_the_route() -> None:
    def gradient(text: str, wrt: str) -> gw.Expression:
        return gw.derive(parsed(text), wrt=wrt).gradient

    assert gw.equal(gradient("log(det(K))", "K"), gradient("2 * sum(log(diagonal(cholesky(K))))", "K"))
    assert gw.equal(gradient("norm(A @ x - y)**2", "x"), gradient("(A @ x - y) @ (A @ x - y)", "x"))
    assert gw.equal(gradient("trace(inv(X) @ A)", "X"), gradient("trace(solve(X, A))", "X"))
    assert gw.equal(gradient("logsumexp(A @ x)", "x"), gradient("log(sum(exp(A @ x)))", "x"))
    left, right = (gw.define(name, text, unknown="Y: n n", given="X: n n") for name, text in
                   (("left", "Y @ X = eye(n)"), ("right", "X @ Y = eye(n)")))  # fmt: skip
    M = gw.matrix("X", "n", "n")
    jacobians = [gw.derive(f(M), wrt="X").jacobian for f in (left, right, gw.inv)]
    assert gw.equal(jacobians[0], jacobians[1]) and gw.equal(jacobians[1], jacobians[2])


def test_a_function_is_known_by_its_identity_and_not_by_its_name() -> None:
    once = gw.define("left_inverse", "Y @ X = eye(n)", unknown="Y: n n", given="X: n n")
    twice = gw.define("left_inverse", "Y @ X = 2 * eye(n)", unknown="Y: n n", given="X: n n")
    M = gw.matrix("X", "n", "n")
    assert gw.equal(once(M), gw.inv(M)).status == "proved"
    assert gw.equal(twice(M), 2 * gw.inv(M)).status == "proved"
    assert gw.equal(twice(M), gw.inv(M)).status == "refuted"


def test_expressions_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(gw.ShapeError):
        gw.equal(parsed("x"), parsed("A"))
    with pytest.raises(gw.ShapeError):
        gw.equal(parsed("x"), "x")
    with pytest.raises(gw.DeclarationError):
        gw.equal(parsed("x"), gw.parse("x", x="n positive"))


def test_sums_of_three_complex_numbers_are_compared() -> None:
    a, b = (
        gw.parse(text, x="n complex", y="n complex", c=" complex")
        for text in ("x @ x + y @ y + c", "c + y @ y + x @ x")
    )
    assert gw.equal(a + a, 2 * b).status == "proved"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("matrix_exp(-A)", "inv(matrix_exp(A))"),
        ("logdet(kron(K, K))", "2 * n * logdet(K)"),
        ("eigvalsh(outer(x, x))[0]", "0 * a"),
        ("trace(P.T @ O @ P)", "0 * a"),
    ],
)
def test_what_is_true_and_lost_in_rounding_is_not_refuted(left: str, right: str) -> None:
    """Of e^A large numbers cancel in the inverse; the determinant of a Kronecker product is one of a large matrix.

    An eigenvalue that is zero is as small as the rounding errors of the others, as is a sum of terms that cancel.
    """
    assert gw.equal(parsed(left), parsed(right)).status != "refuted"

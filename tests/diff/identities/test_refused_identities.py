"""Identities that define nothing: the message says what is wrong, where, and what is left free."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import gradwright as gw
from gradwright.errors import GradwrightError

REFUSED = {
    "orthogonal freedom": ("Y @ Y.T = A", "Y: n n", "A: n n spd", r"3 of 9 directions .*'Y' may be replaced by Y Q"),
    "what commutes": ("Y @ X = X @ Y", "Y: n n", "X: n n", "any polynomial in X"),
    "a phase": ("L @ L.H = A", "L: n n lower complex", "A: n n complex spd", "columns of 'L' may be turned by phases"),
    "a left inverse": ("Y @ A = eye(m)", "Y: m n", "A: n m", "3 of 12 directions are left free"),
    "a sum": ("x + y = a", "x: n, y: n", "a: n", "not determine 'x' and 'y'.*added to 'x' may be taken from 'y'"),
    "only zero": ("Y @ X = Y", "Y: n n", "X: n n", "only Y = 0 solves"),
    "nothing": ("Y + X = X + Y", "Y: n n", "X: n n", "both sides of 'Y . X = X . Y' are the same"),
    "no unknown": ("X @ X = X", "Y: n n", "X: n n", "the unknown 'Y' does not occur"),
    "too many": (["A @ y = b", "B @ y = b"], "y: n", "A: n n, B: n n, b: n", "6 scalar equations for 3 unknown"),
    "a contradiction": (["Y @ X = eye(n)", "Y @ X = 2 * eye(n)"], "Y: n n", "X: n n", "may contradict each other"),
    "not kept": ("W @ W = A", "W: n n skew", "A: n n symmetric", "when the inputs move 'W @ W = A' cannot be kept"),
    "at infinity": ("exp(x) = 0 * a", "x: ", "a: ", "holds at generic inputs only in a limit, where 'x' grows"),
    "at the boundary": (
        ["S = X.T @ diag(1 / diagonal(X @ inv(S) @ X.T)) @ X", "trace(S) = 1"],
        "S: n n spd",
        "X: m n",
        "hold at generic inputs only in a limit, where 'S' .* If not, give forward= or a starting",
    ),
    "a triple root": ("Y = tanh(Y)", "Y: n n", "A: n n", "vanishes to more than first order"),
    "cancelling terms": (
        "inv(Y) @ Y = X",
        "Y: n n",
        "X: n n",
        "9 of 9 directions are left free: every direction of 'Y'",
    ),
    "a size of its own": (
        ["A @ V = V @ S", "V.T @ V = eye(m)"],
        "V: n m, S: m m symmetric",
        "A: n n symmetric",
        "'V' is n × m, and no given has the dimension 'm', .* as in 'V: n 2'",
    ),
    "sizes of which the sum is known": (
        "A @ concatenate(x, y) = b",
        "x: n, y: m",
        "A: n+m n+m, b: n+m",
        "'x' is n, and no given has the dimension 'n' but in .*, so that nothing says how large 'x' is",
    ),
    "a size that nothing tells": ("y + exp(y) = a", "y: m", "a: ", "nothing says how large 'y' is"),
    "phases of rows": (
        "L @ A @ L.H = eye(n)",
        "L: n n lower complex",
        "A: n n complex spd",
        "the rows of 'L' may be turned by phases",
    ),
    "phases between factors": (
        "Q @ R = A",
        "Q: n m stiefel complex, R: m m upper complex",
        "A: n m complex",
        "replaced by Q D and D⁻¹ R with any diagonal matrix D of phases",
    ),
    "no equation": ("Y @ X", "Y: n n", "X: n n", "is not an equation"),
    "an equation of Python": ("Y @ X == eye(n)", "Y: n n", "X: n n", "is not an equation: write '=' for '=='"),
    "an inequality": ("Y <= A", "Y: n n", "A: n n", "'Y <= A' is not an equation: of inequalities, only those count"),
    "a direction": ("Y + dY = A", "Y: n n", "A: n n", "the direction 'dY' in it: .* goes to gauge="),
    "a real unknown of complex equations": (
        "A @ z = b",
        "z: n",
        "A: n n complex, b: n complex",
        "or 'z' is declared real and should be complex",
    ),
    "two in one text": ("Y @ X = Z, Z = eye(n)", "Y: n n, Z: n n", "X: n n", "several equations as a list of texts"),
    "a number for the identity": (
        "Y @ X = 2",
        "Y: n n",
        "X: n n",
        r"write 2 \* eye\(n\) for the identity matrix, or 2",
    ),
    "shapes": ("Y @ X = b", "Y: n n", "X: n n, b: n", "the shapes are n × n and n"),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n == "at the boundary" else ()) for n in REFUSED]
)
def test_the_message_says_what_is_wrong(name: str) -> None:
    identity, unknown, given, words = REFUSED[name]
    with pytest.raises(GradwrightError, match=words):
        gw.define("f", identity, unknown=unknown, given=given)


def test_a_wrong_forward_is_shown_at_a_point() -> None:
    with pytest.raises(GradwrightError, match=r"does not satisfy 'Y @ Y = A': .* with n = 3 the two sides differ"):
        gw.define("f", "Y @ Y = A", unknown="Y: n n", given="A: n n", forward=lambda A: A / 2)


def _in_wrong_order(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    U, S, Vh = np.linalg.svd(A)
    return (Vh.T * S) @ Vh, U @ Vh


def _as_numpy_has_it(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    U, S, Vh = np.linalg.svd(A)
    return U, S, Vh


MISTAKEN = {
    "upper for lower": ("L @ L.T = A", "L: n n lower", "A: n n spd", lambda A: np.linalg.cholesky(A).T,
                        r"does not satisfy 'L @ L.T = A'.*; with 'L' transposed its values would be a solution"),
    "Vh for V": ("U @ diag(s) @ V.T = A", "U: n n orthogonal, s: n, V: n n orthogonal", "A: n n", _as_numpy_has_it,
                 "with 'V' transposed its values"),
    "order": ("U @ P = A", "U: n n orthogonal, P: n n spd", "A: n n", _in_wrong_order,
              r"the declared orthonormality of 'U': .*in another order .* .the order is U, P."),
    "order of shapes": ("A @ V = V @ diag(w)", "V: n n orthogonal, w: n", "A: n n symmetric", np.linalg.eigh,
                        r"an array of shape .3,. for 'V', .*; the order is V, w"),
    "a steep equation": ("sin(10**9 * (y - a)) = 0", "y: ", "a: ", lambda a: a, "rounding errors decide"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKEN)
def test_what_would_make_a_forward_function_right_is_said(name: str) -> None:
    identity, unknown, given, forward, words = MISTAKEN[name]
    with pytest.raises(GradwrightError, match=words):
        gw.define("f", identity, unknown=unknown, given=given, forward=forward)


def _real_schur(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return scipy.linalg.schur(A)[::-1]


SCHUR = {"unknown": "Q: n n orthogonal, T: n n upper", "given": "A: n n"}


def test_a_forward_function_that_serves_at_some_points_only_is_refused_with_their_share() -> None:
    words = r"at 4 of 5 generic points only: .* 'T' is not upper, .*: it has entries below .* raise numpy.linalg.LinAlg"
    with pytest.raises(GradwrightError, match=words):
        gw.define("f", "Q @ T @ Q.T = A", **SCHUR, forward=_real_schur)
    words = r"'S @ S = eye\(n\)' does not determine 'S': .* 4 of 9 directions are left free"
    with pytest.raises(GradwrightError, match=words):
        gw.define("f", "S @ S = eye(n)", unknown="S: n n", given="A: n n", forward=scipy.linalg.signm)


def test_a_forward_function_may_say_where_it_has_no_solution() -> None:
    def triangular(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        Q, T = _real_schur(A)
        if np.any(np.tril(T, -1)):
            raise np.linalg.LinAlgError("some eigenvalues are not real")
        return Q, T

    found = gw.define("f", "Q @ T @ Q.T = A", **SCHUR, forward=triangular)(gw.matrix("A", "n", "n"))
    with pytest.raises(GradwrightError, match=r"f fails at this point .some eigenvalues are not real.$"):
        found.T.evaluate(A=np.array([[0.0, 1.0], [-1.0, 0.0]]))


def test_a_forward_function_is_held_to_the_identity_where_it_is_evaluated() -> None:
    root = gw.define("root", "Y @ Y = A", unknown="Y: n n", given="A: n n", forward="scipy.linalg.sqrtm")
    found = root(gw.matrix("A", "n", "n"))
    assert np.allclose(found.evaluate(A=np.diag([1.0, 4.0])), np.diag([1.0, 2.0]))
    assert np.allclose(found.evaluate(A=np.diag([1.0, 4.0]).astype(np.float32)), np.diag([1.0, 2.0]))
    with pytest.raises(GradwrightError, match="gives no solution at these inputs: 'Y' is not real, as it is"):
        found.evaluate(A=-np.eye(2))
    cubic = gw.define("cubic", "y**3 = a", unknown="y: ", given="a: ",
                      forward=lambda a: np.where(np.abs(a) < 100, np.cbrt(a), 1.0))  # fmt: skip
    assert np.isclose(cubic(gw.scalar("a")).evaluate(a=8.0), 2)
    with pytest.raises(GradwrightError, match=r"at these inputs: the two sides of 'y\*\*3 = a' differ by 1"):
        cubic(gw.scalar("a")).evaluate(a=1000.0)


def test_of_several_orders_of_the_sizes_that_is_told_at_which_the_forward_function_runs() -> None:
    def for_tall_ones(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.linalg.solve(X.T @ X, X.T @ y) if len(X) > len(X.T) else 1 / 0

    with pytest.raises(
        GradwrightError, match=r"does not satisfy 'X.T @ X @ w = 2 \* X.T @ y': at a generic point with"
    ):
        gw.define("f", "X.T @ X @ w = 2 * X.T @ y", unknown="w: m", given="X: n m, y: n", forward=for_tall_ones)


def test_pairs_of_expressions_names_and_json() -> None:
    n = gw.dim("n")
    A, Y = gw.matrix("A", n, n), gw.matrix("Y", n, n)
    by_pair = gw.define("third", (Y @ Y @ Y, A), unknown="Y: n n", given="A: n n")
    value = np.diag([1.0, 8.0, 27.0])
    assert np.allclose(by_pair(A).evaluate(A=value), np.diag([1.0, 2.0, 3.0]))
    by_name = gw.define("root", "Y @ Y = A", unknown="Y: n n", given="A: n n", forward="scipy.linalg.sqrtm")
    derived = gw.derive(gw.trace(by_name(A) @ A), wrt="A")
    replayed = gw.Derivation.from_json(derived.to_json())
    assert str(replayed) == str(derived)
    several = gw.define("factors", "L @ U = A", unknown="L: n n unit_lower, U: n n upper", given="A: n n",
                        forward=_lu)  # fmt: skip
    assert several(A).U.shape == (n, n)


def _lu(M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return tuple(gw.parse(f"lu(A).{part}", A="n n").evaluate(A=M) for part in "LU")


def test_terms_that_cancel_are_no_contradiction() -> None:
    unit = gw.define("unit", ["Y @ Y = eye(n)", "Y @ A = A @ Y"], unknown="Y: n n", given="A: n n")
    slope = gw.derive(unit(gw.matrix("A", "n", "n")), wrt="A").vjp
    assert np.allclose(slope.evaluate(A=np.diag([1.0, 2.0, 3.0]), G=np.eye(3)), 0)


def test_an_equation_may_have_arguments_by_keyword_and_comparisons() -> None:
    weights = gw.define(
        "weights", "w * sum(A, axis=1) = where(b <= 1, b, ones(n))", unknown="w: n", given="A: n m, b: n"
    )
    found = weights(gw.matrix("A", "n", "m"), gw.vector("b", "n"))
    assert np.allclose(found.evaluate(A=np.ones((3, 2)), b=np.array([0.5, 1.0, 4.0])), [0.25, 0.5, 0.5])
    nearest = gw.optimum(
        "nearest", "norm(X - A)**2", over="X: n m", given="A: n m, b: m", subject_to="sum(X, axis=0) = b"
    )
    assert gw.derive(nearest(gw.matrix("A", "n", "m"), gw.vector("b", "m")).X, wrt="b").verify().right


def test_points_are_found_where_only_small_inputs_have_a_solution() -> None:
    series = gw.define("series", "Y = A @ Y @ A.T + Q", unknown="Y: n n spd", given="A: n n, Q: n n spd",
                       start=lambda A, Q: Q)  # fmt: skip
    derived = gw.derive(series(gw.matrix("A", "n", "n"), gw.parse("Q", Q="n n spd")), wrt="A")
    assert derived.verify().right
    assert all(step.check.passed for step in derived.steps)


def test_steps_are_checked_where_the_forward_function_gives_a_solution() -> None:
    def for_small(A: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.solve(A, b) if np.linalg.norm(b) < 1 else np.zeros_like(b)

    bounded = gw.define("bounded", "A @ x = b", unknown="x: n", given="A: n n, b: n", forward=for_small)
    assert "✗" not in str(gw.derive(bounded(gw.matrix("A", "n", "n"), gw.vector("b", "n")), wrt="b"))


def test_the_point_of_the_definition_serves_where_no_random_one_does() -> None:
    root = gw.define("far_root", "x**2 + 4 + exp(a) = b", unknown="x: ", given="a: , b: ")
    assert gw.derive(root(gw.scalar("a"), gw.scalar("b")), wrt="b").verify().right


def test_what_is_linear_in_a_direction_that_is_not_asked_for_is_left_out() -> None:
    shares = gw.define("shares", "matrix_exp(B) @ Y = A", unknown="Y: n n", given="A: n n, B: n n")
    derived = gw.derive(shares(gw.matrix("A", "n", "n"), gw.matrix("B", "n", "n")), wrt="A")
    assert "(0)" not in str(derived) and str(derived.differential) == "(e^B)⁻¹ dA"

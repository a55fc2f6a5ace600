"""Functions of one matrix commute: derivatives along them are products, and products of them have one order."""

from __future__ import annotations

import numpy as np
import pytest
from facts_in_numbers import FACTS_HOLD
from numerics import close, generic_point

import gradwright as gw
from gradwright.core.commuting import commute
from gradwright.core.contraction import is_zero
from gradwright.core.inference import facts_of
from gradwright.simplify.commuting import order_commuting
from gradwright.simplify.pipeline import simplify

VARIABLES = {
    "X": "n n", "S": "n n symmetric", "K": "n n spd", "H": "n n hermitian", "Z": "n n complex", "A": "n m", "B": "m n",
    "W": "n n skew", "a": "",
}  # fmt: skip


def expression(text: str) -> gw.Expression:
    return gw.parse(text, **{name: facts for name, facts in VARIABLES.items() if name in text})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("X", "inv(X)"), ("X @ X", "matrix_exp(X)"), ("X", "eye(n)"), ("K", "sqrtm(K) @ inv(K)"),
        ("X.T", "matrix_exp(X).T"), ("A @ A.T", "logm(eye(n) + A @ A.T)"), ("a * S", "matrix_exp(S.T)"),
        ("Z.H", "inv(Z).H"), ("H", "conj(H).T"), ("2 * X - X @ X", "signm(X)"), ("adjugate(X)", "X"),
        ("A @ B", "inv(eye(n) + A @ B)"),
    ],
)  # fmt: skip
def test_functions_of_one_matrix_commute(left: str, right: str) -> None:
    nodes = expression(left).node, expression(right).node
    assert commute(*nodes, facts_of)
    given = {name: facts for name, facts in VARIABLES.items() if name in left + right}
    both, other = gw.parse(f"({left}) @ ({right})", **given).node, gw.parse(f"({right}) @ ({left})", **given).node
    assert close(*generic_point(both, other, side=1).at(both, other))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("X", "X.T"), ("Z", "conj(Z)"), ("X", "S"), ("A @ A.T", "A @ B"), ("X", "inv(X).T"), ("X", "X + S"),
        ("X", "pinv(X)"), ("X", "exp(X)"), ("X", "tril(X)"), ("H", "conj(H)"),
    ],
)  # fmt: skip
def test_others_are_not_taken_to_commute(left: str, right: str) -> None:
    assert not commute(expression(left).node, expression(right).node, facts_of)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("text", "variable", "gradient"),
    [
        ("norm(logm(K))**2", "K", "2 K⁻¹ logm(K)"),
        ("norm(logm(K))", "K", "K⁻¹ logm(K) / ‖logm(K)‖"),
        ("trace(inv(sqrtm(K)))", "K", "−½ K⁻¹ K^(−½)"),
        ("trace(X @ matrix_exp(X))", "X", "(e^X)ᵀ Xᵀ + (e^X)ᵀ"),
        ("norm(matrix_exp(S))**2", "S", "2 (e^S)²"),
        ("trace(matrix_exp(H) @ H)", "H", "e^H + H e^H"),
        ("logdet(matrix_exp(X))", "X", "I"),
        ("det(matrix_exp(X))", "X", "exp(tr(X)) I"),
        ("norm(matrix_exp(W) - eye(n))**2", "W", "e^W − (e^W)ᵀ"),
        ("logdet(eye(n) - W @ W)", "W", "2 W (I − W²)⁻¹"),
        ("trace(matrix_exp(-a * S) @ S)", "S", "e^(−a S) − a S e^(−a S)"),
    ],
)
def test_the_derivative_along_a_function_of_the_matrix_is_a_product(text: str, variable: str, gradient: str) -> None:
    derived = gw.derive(expression(text), wrt=variable)
    assert str(derived.gradient) == gradient
    assert derived.verify().right


RESOLVENT = "inv(a * K + eye(n))"


@pytest.mark.parametrize(
    "text",
    [
        f"y @ K @ {RESOLVENT} @ K @ y - y @ {RESOLVENT} @ K @ K @ y",
        f"y @ {RESOLVENT} @ K @ K @ {RESOLVENT} @ y - y @ K @ {RESOLVENT} @ {RESOLVENT} @ K @ y",
        f"trace(K @ {RESOLVENT} @ K @ {RESOLVENT}) - trace(K @ K @ {RESOLVENT} @ {RESOLVENT})",
        "trace(X @ inv(eye(n) + X) @ X) - trace(X @ X @ inv(eye(n) + X))",
    ],
)
def test_between_equal_vectors_and_in_a_trace_every_order_is_the_same(text: str) -> None:
    given = {"K": "n n spd", "X": "n n", "y": "n", "a": "positive"}
    node = gw.parse(text, **{name: facts for name, facts in given.items() if name in text}).node
    assert is_zero(simplify(node))


@pytest.mark.parametrize(
    "text",
    [
        "z @ K @ inv(K + S) @ K @ y", "y @ X @ inv(X + eye(n)) @ X @ X @ y", "trace(K @ S @ inv(K + S) @ K @ sqrtm(K))",
        "u @ kron(inv(K), K) @ u",
    ],
)  # fmt: skip
def test_the_order_of_others_changes_no_value(text: str) -> None:
    given = {"K": "n n spd", "S": "n n spd", "X": "n n", "y": "n", "z": "n", "u": "n*n"}
    node = gw.parse(text, **{name: facts for name, facts in given.items() if name in text}).node
    assert close(*generic_point(node, simplify(node)).at(node, simplify(node)))


def test_a_second_derivative_along_a_matrix_has_its_powers() -> None:
    D = gw.derive(
        gw.parse(
            "y @ inv(a*K + b*eye(n)) @ y + logdet(a*K + b*eye(n))", K="n n spd", y="n", a="positive", b="positive"
        ),
        wrt="a",
    )
    assert str(D.hessian) == "2 yᵀ K² (a K + b I)⁻³ y − tr(K² (a K + b I)⁻²)"
    assert D.verify().right


@pytest.mark.slow
def test_round_a_cycle_no_order_is_looked_for() -> None:
    """It was, for ever: every function has a neighbour to be exchanged with."""
    assert gw.derive(expression("trace(W @ matrix_exp(a * W) @ W)"), wrt="W").verify().right
    assert gw.derive(expression("trace(K @ logm(K) @ K @ sqrtm(K))"), wrt="K").verify().right


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("matrix_exp(X) @ X", "X @ matrix_exp(X)"), ("(logm(K) @ inv(K)).T", "inv(K) @ logm(K)"),
        ("matrix_exp(X.T)", "matrix_exp(X).T"), ("logm(Z.H)", "logm(Z).H"), ("signm(conj(Z))", "conj(signm(Z))"),
        ("matrix_exp(S.T)", "matrix_exp(S)"),
    ],
)  # fmt: skip
def test_a_product_of_functions_has_one_form(left: str, right: str) -> None:
    forms = [gw.Expression(simplify(side.node), side.signature) for side in map(expression, (left, right))]
    assert str(forms[0]) == str(forms[1])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("(matrix_exp(X) + X @ matrix_exp(X)).T", "matrix_exp(X).T + (matrix_exp(X) @ X).T"),
        ("matrix_exp(inv(K) @ X @ K)", "inv(K) @ matrix_exp(X) @ K"),
        ("matrix_exp(A @ B) @ A", "A @ matrix_exp(B @ A)"),
        ("A @ sqrtm(A.T @ A)", "sqrtm(A @ A.T) @ A"),
        ("logm(Z) @ inv(Z)", "inv(Z) @ logm(Z)"),
    ],
)
def test_equality_knows_what_holds_for_all_functions_of_matrices(left: str, right: str) -> None:
    given = {name: facts for name, facts in VARIABLES.items() if name in left}
    assert gw.equal(gw.parse(left, **given), gw.parse(right, **given)).status == "proved"


@pytest.mark.parametrize(
    ("left", "right"),
    [("matrix_exp(X) @ S", "S @ matrix_exp(X)"), ("matrix_exp(X)", "matrix_exp(X).T"), ("logm(K)", "sqrtm(K)")],
)
def test_and_no_more(left: str, right: str) -> None:
    given = {name: facts for name, facts in VARIABLES.items() if name in left}
    assert gw.equal(gw.parse(left, **given), gw.parse(right, **given)).status == "refuted"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("a * W", "skew"), ("W @ W", "symmetric"), ("W @ W @ W", "skew"), ("S @ W + W @ S", "skew"),
        ("W @ S - S @ W", "symmetric"), ("K @ logm(K)", "symmetric"), ("a * S @ matrix_exp(S)", "symmetric"),
        ("H @ matrix_exp(H)", "hermitian"), ("trace(K)", "positive"),
    ],
)  # fmt: skip
def test_what_is_seen_of_such_products(text: str, fact: str) -> None:
    node = expression(text).node
    assert fact in facts_of(node)
    (value,) = generic_point(node, side=1).at(node)
    assert {known for known in facts_of(node) if not FACTS_HOLD[known](value)} == set()


@pytest.mark.parametrize("beside", ["S @ inv(S)", "inv(8 * eye(n) + S) @ inv(S)", "inv(S) @ S"])
@pytest.mark.parametrize("first", ["inv(2 * eye(n) + S)", "inv(S @ S @ S - eye(n))"])
def test_the_order_of_several_is_reached(first: str, beside: str) -> None:
    """What stands beside two that are exchanged says which is first, and not a third one that is exchanged too."""
    written = gw.parse(f"matrix_exp(T) @ {first} @ {beside} @ (S @ T + T @ S)", S="n n symmetric", T="n n symmetric")
    ordered = order_commuting(written.node)
    assert order_commuting(ordered) == ordered


@pytest.mark.parametrize("text", ["W @ S", "S @ matrix_exp(K)", "a * H @ inv(K)", "W @ X @ W"])
def test_and_of_others_nothing(text: str) -> None:
    assert not facts_of(expression(text).node) & {"symmetric", "hermitian", "skew"}


@pytest.mark.sampled
@pytest.mark.parametrize("function", ["matrix_exp", "sqrtm", "logm", "adjugate", "pinv", "inv"])
def test_a_function_of_the_diagonal_of_a_matrix_is_not_the_diagonal_of_the_function(function: str) -> None:
    """The diagonal, as a matrix, has one factor as a transpose has."""
    K = np.array([[2.0, 0.7, 0.3], [0.7, 3.0, 0.4], [0.3, 0.4, 4.0]])
    for inner, shown in (("diag(diagonal(K))", np.diag(np.diag(K))), ("diag(diagonal(K)).T", np.diag(np.diag(K)))):
        derived = gw.derive(gw.parse(f"{function}({inner})", K="n n"))
        value = gw.parse(f"{function}(B)", B="n n").evaluate(B=shown)
        assert np.allclose(derived.expression.evaluate(K=K), value)
        assert derived.verify().right

"""A right and a wrong formula, and the kinds of difference that are named."""

import pytest
import torch

import gradwright as gw
from gradwright.check.labels import LABELS
from gradwright.check.tracing.compare import compare

DECLARED = {
    "X": "n n", "G": "n n", "A": "n m", "B": "n m", "H": "n m", "S": "n n symmetric", "x": "n", "y": "n", "z": "m",
    "g": "", "C": "n n", "L": "n n lower", "u": "n", "p": "n positive", "Z": "n n complex", "W": "n n complex",
}  # fmt: skip


def node(text):
    used = {name: facts for name, facts in DECLARED.items() if name in set(gw_names(text))}
    return gw.parse(text, **used).node


def gw_names(text):
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


ROWS = [
    ("-inv(X).T @ G @ inv(X).T", "-inv(X).T @ G @ inv(X)", {"missing_transpose"}),
    ("-inv(X).T @ G @ inv(X).T", "-inv(X) @ G @ inv(X)", {"missing_transpose"}),
    ("-inv(X).T @ G @ inv(X).T", "inv(X).T @ G @ inv(X).T", {"wrong_sign"}),
    ("-inv(X).T @ G @ inv(X).T", "-X.T @ G @ X.T", {"uses_input_instead_of_output"}),
    ("-inv(X).T @ G @ inv(X).T", "-2 * inv(X).T @ G @ inv(X).T", {"wrong_factor"}),
    ("-inv(X).T @ G @ inv(X).T", "-inv(X).T @ inv(X).T @ G", {"swapped_factors"}),
    ("-inv(X).T @ G @ inv(X).T", "inv(X) @ G @ inv(X).T", {"missing_transpose", "wrong_sign"}),
    ("X.T @ G + G @ X.T", "-3 * X.T @ G + G @ X.T", {"wrong_sign", "wrong_factor"}),
    ("X.T @ G + G @ X.T", "X.T @ G", {"missing_term"}),
    ("X.T @ G + G @ X.T", "X.T @ G - G @ X.T", {"wrong_sign"}),
    ("X.T @ G + G @ X.T", "X.T @ G + G @ X", {"missing_transpose"}),
    ("X.T @ G + G @ X.T", "X.T @ G + G @ X.T + G", {"extra_term"}),
    ("2 * X @ C @ G", "X @ C @ G + X @ G", {"missing_term", "extra_term", "wrong_factor", "missing_chain_factor"}),
    ("(X + X.T) @ y", "2 * X @ y", {"missing_transpose"}),
    ("(S @ G + G.T @ S) / 2", "S @ G", {"not_symmetrised"}),
    ("g * inv(S)", "g * (2 * inv(S) - diag(diagonal(inv(S))))", {"doubled_off_diagonal"}),
    ("tril(X @ G)", "X @ G", {"missing_mask"}),
    ("tril(X @ G)", "triu(X @ G)", {"wrong_mask"}),
    ("inv(L).T @ mask(L.T @ G, 1, 1/2, 0) @ inv(L)", "inv(L).T @ tril(L.T @ G) @ inv(L)", {"wrong_factor"}),
    ("tanh(X @ A).T @ H", "(X @ A).T @ H", {"uses_input_instead_of_output"}),
    ("(H * exp(A)) @ z", "H @ z", {"missing_chain_factor"}),
    ("x / norm(x) ** 3", "x / norm(x) ** 2", {"wrong_power"}),
    ("softmax(x) * (u - dot(u, softmax(x)) * ones(n))", "softmax(x) * (u - u * softmax(x))", {"unsummed_axis"}),
    ("sum(A * H, axis=1)", "sum(A * B, axis=1)", set()),
    ("X @ G", "X * G", {"elementwise_instead_of_matrix_product"}),
    ("sum(X, axis=0)", "sum(X, axis=1)", {"wrong_axis"}),
    ("Z.H @ W", "Z.T @ W", {"missing_conj"}),
    ("u * (x > 0)", "u * (u > 0)", {"wrong_mask"}),
    ("u * (x > 0)", "u", {"missing_mask"}),
    ("sum(X, axis=0) / n", "sum(X, axis=0)", {"wrong_factor"}),
    ("outer(x, y)", "outer(y, x)", {"swapped_factors", "missing_transpose"}),
    ("sum(X)", "trace(X)", {"unsummed_axis", "elementwise_instead_of_matrix_product"}),
    ("G @ solve(X, C).T", "G @ solve(X.T, C).T", {"missing_transpose", "extra_transpose"}),
    ("G @ solve(X, y)", "G @ y", {"uses_input_instead_of_output"}),
    ("inv(X + C).T @ G", "inv(X).T @ G", {"uses_input_instead_of_output"}),
    ("-inv(X).T @ G", "-(1 / X).T @ G", {"elementwise_instead_of_matrix_product"}),
    ("inv(Z).H @ W", "inv(Z).T @ W", {"missing_conj"}),
    ("X.T @ G", "outer(X[0, :], G[0, :])", {"missing_trace_or_sum_over_batch"}),
    ("diag(diagonal(X))", "outer(diagonal(X), ones(n))", {"missing_mask"}),
    ("outer(x, ones(n)) * G", "outer(ones(n), x) * G", {"wrong_axis"}),
    ("X @ (C @ G).T", "X @ C @ G", {"missing_transpose"}),
    ("G * C", "G @ C", {"elementwise_instead_of_matrix_product"}),
    ("cumsum(u)", "triu(ones(n, n)) @ u", {"missing_transpose", "extra_transpose", "wrong_mask"}),
]  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize(("right", "written", "allowed"), ROWS)
def test_the_difference_of_two_formulas_is_named(right, written, allowed):
    found = compare(node(right), node(written))
    assert found
    labels = {difference.label for difference in found if difference.label}
    assert labels <= allowed if allowed else not labels
    assert bool(labels) == bool(allowed)
    assert labels <= LABELS.keys()


@pytest.mark.parametrize(
    ("right", "written"),
    [
        ("inv(X) @ G", "solve(X, G)"),
        ("(X + X.T) @ y", "X @ y + X.T @ y"),
        ("inv(S)", "S @ inv(S @ S)"),
        ("softmax(x) * (u - dot(u, softmax(x)) * ones(n))", "(diag(softmax(x)) - outer(softmax(x), softmax(x))) @ u"),
    ],
)
def test_formulas_with_the_same_values_do_not_differ(right, written):
    assert compare(node(right), node(written)) == ()


def test_the_place_of_a_wrong_factor_is_said():
    (found,) = compare(node("-inv(X).T @ G @ inv(X).T"), node("-inv(X).T @ G @ inv(X)"))
    assert found.words == "the last factor is X⁻¹; it should be X⁻ᵀ"
    assert (found.right, found.written) == ("−X⁻ᵀ G X⁻ᵀ", "−X⁻ᵀ G X⁻¹")


def test_the_gradient_of_another_variable_is_recognised():
    (found,) = compare(node("G @ x"), node("G.T @ y"), {"y": node("G.T @ y")})
    assert found.label == "wrong_argument_gradient_swapped"


def several_mistakes(G, X, A, C):
    Y = torch.linalg.inv(X)
    return 2 * Y.T @ G @ A.T @ Y - C @ G @ Y


@pytest.mark.slow
def test_a_check_tells_several_mistakes_term_by_term():
    square = {"X": "n n", "A": "n n", "C": "n n"}
    report = gw.check((None, several_mistakes), "inv(X) @ A + C @ X", wrt="X", variables=square)
    assert "missing_transpose" in report.labels
    assert "−C G X⁻¹ stands where Cᵀ G is due" in str(report)

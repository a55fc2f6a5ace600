"""Mathematical notation, the text language and ASCII."""

from __future__ import annotations

from string import ascii_letters

import pytest
from hypothesis import assume, given, settings
from strategies import Case, cases

import gradwright as gw
from gradwright.core.nodes import Symbol
from gradwright.core.walks import symbols
from gradwright.diff.derivatives import vjps
from gradwright.simplify.pipeline import simplify

SQUARE = {name: "n n" for name in "ABX"}
WRITTEN = [
    # text, how it reads, how it reads in ASCII
    ("A @ X.T @ B", "A Xᵀ B", "A @ X.T @ B"),
    ("inv(X).T", "X⁻ᵀ", "inv(X).T"),
    ("inv(X.T)", "X⁻ᵀ", "inv(X.T)"),
    ("X @ solve(A.T, B).T", "X Bᵀ A⁻¹", "X @ B.T @ inv(A)"),
    (
        "outer(1 / diagonal(A), diagonal(B)) / 2",
        "½ (1 / diagonal(A)) diagonal(B)ᵀ",
        "outer(1 / diagonal(A), diagonal(B)) / 2",
    ),
    ("softmax(A, axis=0)", "softmax(A, axis=0)", "softmax(A, axis=0)"),
    ("log_softmax(A.T, axis=1) @ B", "log_softmax(A, axis=0)ᵀ B", "log_softmax(A, axis=0).T @ B"),
    ("inv(X) @ inv(X)", "X⁻²", "inv(X) @ inv(X)"),
    ("inv(A + B)", "(A + B)⁻¹", "inv(A + B)"),
    ("inv(inv(A))", "A", "A"),
    ("(A + B) @ X", "(A + B) X", "(A + B) @ X"),
    ("A * B", "A ∘ B", "A * B"),
    ("A ** 2", "A∘²", "A ** 2"),
    ("A @ A", "A²", "A @ A"),
    ("trace(A @ X)", "tr(A X)", "trace(A @ X)"),
    ("tril(A @ X)", "tril(A X)", "tril(A @ X)"),
    ("triu(X, 1)", "triu(X, 1)", "triu(X, 1)"),
    ("A / 2 + A.T / 2", "½ (A + Aᵀ)", "(A + A.T) / 2"),
    ("B - A", "B − A", "B - A"),
    ("-A + B", "B − A", "-A + B"),
    ("2 * A @ B", "2 A B", "2 * A @ B"),
    ("kron(A, B)", "A ⊗ B", "kron(A, B)"),
    ("sum(A, axis=0)", "sum(A, axis=0)", "sum(A, axis=0)"),
    ("diag(diagonal(A))", "diag(diagonal(A))", "diag(diagonal(A))"),
    ("norm(A - B)**2", "‖A − B‖²", "norm(A - B) ** 2"),
    ("2 ** X", "2∘^X", "2 ** X"),
    ("A ** X ** 2", "A∘^(X∘²)", "A ** (X ** 2)"),
    ("A / 2 - 3", "½ A − 3", "A / 2 - 3 * ones(n, n)"),
    ("sum(A * A * X)", "sum(A∘² ∘ X)", "sum(A ** 2 * X)"),
    ("X ** (trace(A) - 1)", "X∘^(tr(A) − 1)", "X ** (trace(A) - 1)"),
    ("maximum(X, 1 + trace(A))", "max(X, 1 + tr(A))", "maximum(X, 1 + trace(A))"),
    ("pinv(A) @ B", "A⁺ B", "pinv(A) @ B"),
    ("sqrtm(A) @ B", "A^½ B", "sqrtm(A) @ B"),
    ("(X ** trace(A)) ** trace(B)", "(X∘^tr(A))∘^tr(B)", "(X ** trace(A)) ** trace(B)"),
    ("log(A) + logm(A)", "log(A) + logm(A)", "log(A) + logm(A)"),
    ("sign(A) + signm(A)", "sign(A) + signm(A)", "sign(A) + signm(A)"),
    ("norm(A, axis=1)", "norm(A, axis=1)", "norm(A, axis=1)"),
    ("norm(A, axis=0)", "norm(A, axis=0)", "norm(A, axis=0)"),
    ("slogdet(A).logabsdet / 2", "½ log |det A|", "slogdet(A).logabsdet / 2"),
    ("slogdet(A @ B).sign", "sign det (A B)", "slogdet(A @ B).sign"),
    # Python's hashes of -1 and -2 are equal.
    ("exp(-A) + exp(-2 * A)", "exp(−A) + exp(−2 A)", "exp(-A) + exp(-2 * A)"),
]


@pytest.mark.parametrize(("text", "shown", "plain"), WRITTEN)
def test_an_expression_reads_as_a_person_would_write_it(text: str, shown: str, plain: str) -> None:
    names = [name for name in SQUARE if name in text]
    expression = gw.parse(text, **{name: SQUARE[name] for name in names})
    assert str(gw.Expression(simplify(expression.node), expression.signature)) == shown or str(expression) == shown
    assert plain in (expression.ascii(), gw.Expression(simplify(expression.node), expression.signature).ascii())
    assert expression.ascii().isascii()


SUMS = [
    ("X - outer(ones(n), mean(X, axis=0))", "X − 1 mean(X, axis=0)ᵀ"),
    ("sum(X ** 2, axis=1) / m", "mean(X∘², axis=1)"),
    ("sum(X, axis=1) / n", "sum(X, axis=1) / n"),
    ("trace(K @ (eye(n) - ones(n, n) / n))", "tr(K (I − 1 1ᵀ / n))"),
    ("inv(diag(x) - K + 1) @ x", "(diag(x) − K + 1 1ᵀ)⁻¹ x"),
    ("1 - K ** 2", "1 − K∘²"),
    ("sum((T - S) ** 2)", "‖T − S‖²"),
    ("a * sum(T * S * S)", "a sum(T ∘ S∘²)"),
]


@pytest.mark.parametrize(("text", "shown"), SUMS)
def test_sums_and_means_read_well(text: str, shown: str) -> None:
    shapes = {"X": "n m", "K": "n n", "T": "n m k", "S": "n m k", "a": ""}
    expression = gw.parse(text, **{name: shape for name, shape in shapes.items() if name in text})
    assert str(gw.Expression(simplify(expression.node), expression.signature)) == shown


def test_a_sum_of_row_sums_is_the_sum_of_the_matrix() -> None:
    K = "(s * exp(-D / (2 * l**2)) + v * eye(n))"
    f = gw.parse(
        f"-y @ inv{K} @ y / 2 - logdet{K} / 2", y="n", D="n n symmetric", s="positive", l="positive", v="positive"
    )
    assert "axis" not in str(gw.derive(f))


def test_a_sum_of_squares_of_complex_numbers_is_no_norm() -> None:
    for text, shown in (("z @ z", "zᵀ z"), ("trace(Z.T @ Z)", "tr(Zᵀ Z)"), ("conj(z) @ z", "zᴴ z")):
        expression = gw.parse(text, **({"z": "n complex"} if "z" in text else {"Z": "n m complex"}))
        assert str(expression) == shown
        assert gw.parse(expression.text(), **{s.name: f"{'n' if s.rank == 1 else 'n m'} complex" for s in
                                              symbols(expression.node)}) == expression  # fmt: skip


def test_tensors_are_written_with_outer_products_and_rolls() -> None:
    jacobian = gw.derive(gw.parse("A @ X @ B", A="k n", X="n m", B="m p"), wrt="X").jacobian
    assert str(jacobian) == "roll₄→₂(A ⊗ B)"
    assert jacobian.ascii() == "roll(outer(A, B), 4, 2)"
    assert str(gw.derive(gw.parse("X.T @ X", X="n m"), wrt="X").jacobian).count("⊗") == 2


def test_a_dimension_or_letter_never_takes_the_name_of_a_variable() -> None:
    text = "norm(inv(S + P) @ x + inv(S + P) @ y)**2 + trace(inv(S + P))"
    expression = gw.parse(text, S="n n", P="n n", x="n", y="n")
    page = str(gw.derive(expression, wrt="S"))
    assert "where S =" not in page
    assert "P =" not in page


def test_long_results_name_what_is_repeated() -> None:
    text = "logdet(H @ (F @ P @ F.T + Q) @ H.T + R) + r @ inv(H @ (F @ P @ F.T + Q) @ H.T + R) @ r"
    shapes = {"F": "n n", "P": "n n spd", "Q": "n n spd", "H": "m n", "R": "m m spd", "r": "m"}
    shown = str(gw.derive(gw.parse(text, **shapes), wrt="Q").hvp)
    assert shown.endswith("where S = (H (F P Fᵀ + Q) Hᵀ + R)⁻¹")
    assert shown.count("F P Fᵀ") == 1
    page = str(gw.derive(gw.parse("norm(softmax(x) - y)**2", x="n", y="n"), wrt="x"))
    assert page.rpartition("∇")[2].count("softmax") == 1


@pytest.mark.slow
@given(cases(shapes=("", "n", "n m", "n n")))
@settings(max_examples=150)
def test_the_vjp_of_what_is_written_with_matrices_is_written_with_matrices(case: Case) -> None:
    expression = gw.parse(case.text, **case.declarations)
    node = simplify(expression.node)
    variables = tuple(s for s in symbols(node) if s.rank <= 2)
    assume(variables and "T" not in case.declarations)
    assume(not any(word in case.text for word in ("einsum", "reshape", "kron", "where", "vec(C[:, 0:1])")))
    assume(is_of_matrices(str(expression)))
    cotangent = Symbol("G", node.shape, frozenset() if node.real else frozenset({"complex"}))
    for slope in vjps((node,), variables, (cotangent,)).values():
        assert is_of_matrices(str(gw.Expression(slope, expression.signature)))


def is_of_matrices(text: str) -> bool:
    return not any(word in text for word in ("einsum", "reshape", "roll", "permute"))


def test_a_product_with_more_indices_than_small_letters_is_written_with_capitals() -> None:
    chain, free = ascii_letters[:15], ascii_letters[15:29]
    operands = ",".join(chain[k : k + 2] + free[k] for k in range(14))
    expression = gw.parse(f'einsum("{operands}->{free}", {", ".join("T" * 14)})', T="n n m")
    assert "zA" in expression.text()
    assert gw.parse(expression.text(), T="n n m").text() == expression.text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("reshape(X, 2, 8)", "reshape(X, 2, 8)"),
        ("vec(diag(x))", "vec(diag(x))"),
        ("reshape(diag(x), 2, 8)", "reshape(vec(diag(x)), 2, 8)"),
        ("kron(diag(x), X)", "diag(x) ⊗ X"),
    ],
)
def test_entries_in_another_shape_are_written_as_what_they_are(text: str, shown: str) -> None:
    declared = {name: words for name, words in {"X": "4 4", "x": "4"}.items() if name in text.replace("reshape", "")}
    expression = gw.parse(text, **declared)
    assert str(expression) == shown
    assert gw.equal(gw.parse(expression.text(), **declared), expression)


def test_the_smaller_of_two_dimensions_reads_back() -> None:
    """The number of singular values is `min(m, n)`, and stands in what is derived from them."""
    hessian = gw.derive(gw.parse("sum(svdvals(A))", A="n m"), wrt="A").hessian
    assert "ones(min(m,n))" in hessian.text()
    assert gw.parse(hessian.text(), A="n m") == hessian


def test_a_triangle_of_a_product_stays_one_before_a_vector() -> None:
    assert str(gw.parse("tril(A @ B) @ x", A="n m", B="m n", x="n")) == "tril(A B) x"


@pytest.mark.parametrize("rows", ["m", "n"])
def test_only_a_square_triangle_gives_running_sums(rows: str) -> None:
    expression = gw.parse(f"tril(ones({rows}, m)) @ x", x="m")
    assert str(expression) == ("cumsum(x)" if rows == "m" else "tril(1 1ᵀ) x")
    assert gw.parse(expression.text(), x="m") == expression

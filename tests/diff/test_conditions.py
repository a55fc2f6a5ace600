"""Conditions in words: what has to be invertible, for functions that a user defined as well."""

import pytest

import gradwright as gw
from gradwright.core.registry import FUNCTIONS
from gradwright.diff.conditions.implications import GRANTED

USER_DEFINED = {
    "an inverse": (("Z @ M = eye(p)", "Z: p p", "M: p p"), "M", ("M is invertible",)),
    "a reflexive inverse": (("Y @ X @ Y = Y", "Y: n n invertible", "X: n n"), "X", ("X is invertible",)),
    "a resolvent": (("Y @ (A - s * B) = eye(n)", "Y: n n", "A: n n, B: n n, s: "), "s", ("A − s B is invertible",)),
    "a square root": (("Y @ Y = A", "Y: n n", "A: n n"), "A", ("no two eigenvalues of f(A) add up to zero",)),
    "a Sylvester equation": (
        ("A @ X + X @ B = C", "X: n m", "A: n n, B: m m, C: n m"),
        "A",
        ("A and −B share no eigenvalue",),
    ),
    "a generalised Sylvester equation": (
        ("A @ X @ B + C @ X @ E = F", "X: n m", "A: n n, B: m m, C: n n, E: m m, F: n m"),
        "A",
        ("the map H ↦ A H B + C H E is invertible",),
    ),
    "a discrete Sylvester equation": (
        ("A @ X @ B + C = X", "X: n m", "A: n n, B: m m, C: n m"),
        "A",
        ("no eigenvalues of A and B multiply to one",),
    ),
    "an equation for many right sides": (
        ("A @ X + X @ A.T + B @ X @ outer(c, c) = Q", "X: n n", "A: n n, B: n n, c: n, Q: n n"),
        "Q",
        (
            "no two eigenvalues of A add up to zero",
            'I + einsum("acb,c->ab", lyapunov(A, roll₂→₃(B ⊗ c)), c) is invertible',
        ),
    ),
    "a cube root": (
        ("Y @ Y @ Y = A", "Y: n n symmetric", "A: n n symmetric"),
        "A",
        ("the map H ↦ f(A)² H + f(A) H f(A) + H f(A)² of symmetric matrices is invertible",),
    ),
    "a logarithm": (
        ("matrix_exp(Y) = A", "Y: n n", "A: n n"),
        "A",
        ("A has no eigenvalue on the closed negative real axis",),
    ),
}


@pytest.mark.parametrize("name", USER_DEFINED)
def test_the_conditions_of_a_user_s_function_are_the_pivots_of_its_solution(name):
    (identity, unknown, given), wrt, wanted = USER_DEFINED[name]
    function = gw.define("f", identity, unknown=unknown, given=given)
    inputs = {d.name: str(d).partition(":")[2].strip() for d in function.primitive.inputs}
    D = gw.derive(function(*(gw.parse(name, **{name: words}) for name, words in inputs.items())), wrt=wrt)
    assert D.conditions == wanted


def test_a_defined_function_states_its_conditions_in_the_names_of_its_identity():
    assert gw.define("f", "Z @ M = eye(p)", unknown="Z: p p", given="M: p p").conditions == ("M is invertible",)
    assert gw.define("f", "Y @ Y = A", unknown="Y: n n", given="A: n n").conditions == (
        "no two eigenvalues of Y add up to zero",
    )


def test_what_is_known_of_an_argument_is_no_condition():
    lefty = gw.define("lefty", "Z @ M = eye(p)", unknown="Z: p p", given="M: p p")
    assert gw.derive(lefty(gw.matrix("S", "n", "n", facts="spd")), wrt="S").conditions == ()


@pytest.mark.parametrize(
    ("text", "declared", "wanted"),
    [
        ("logdet(A)", "n n positive", ("det(A) > 0",)),
        # Positive numbers in front do not matter, nor does how a number is squared.
        ("logdet(A / n)", "n n", ("det(A) > 0",)),
        ("log(sum(A**2) / n)", "n n", ("A ≠ 0",)),
        ("log(norm(A @ A[0]))", "n n", ("A A[0, :] ≠ 0",)),
        ("sum(log(sinh(A) / cosh(A)))", "n n", ("A > 0",)),
        ("arctan(A[0, 0] / A[1, 1])", "n n", ("A[1, 1] ≠ 0",)),
        ("sqrt(A[0] @ (A @ A.T + eye(n)) @ A[0])", "n n", ("A[0, :] ≠ 0",)),
        ("sum(log(diagonal(A)**2))", "n n", ("diagonal(A) ≠ 0",)),
        ("sum(log((1 + erf(A)) / 2))", "n n", ("1 + erf(A) > 0",)),
        ("norm(vec(A))**4", "n n", ()),
        # If a product is invertible, so is each of its square factors.
        ("logdet(A @ matrix_exp(A))", "n n", ("det(A e^A) > 0",)),
        ("logdet(A @ A.T)", "n n", ("det(A Aᵀ) > 0",)),
        ("logdet(kron(A, A))", "n n", ("det(A ⊗ A) > 0",)),
        ("logdet(kron(A, A))", "n n spd", ()),
        ("logdet(A)", "n n spd", ()),
        ("lu(A).U", "n n invertible", ("every leading minor of A is invertible",)),
        ("lu(A).U", "n n spd", ()),
        ("sum(log1p(A))", "n m positive", ()),
        ("norm(A)", "n positive", ()),
        ("sum(pinv(A))", "n k stiefel", ()),
        ("signm(A)", "n n spd", ()),
        # Numbers that are positive for every definite matrix; what is not zero as a whole may have zeros.
        ("log(sum(inv(A)))", "n n spd", ()),
        ("log(A[0, 0])", "n n spd", ()),
        ("logdet(A[1:, 1:])", "n n spd", ()),
        ("log(norm(A)) + sqrt(sum(A**2))", "n n invertible", ()),
        ("sum(1 / A**2)", "n n invertible", ("A ≠ 0",)),
        ("sum(log(diagonal(cholesky(A))))", "n n symmetric", ("A is positive definite",)),
        # A comparison grants the entries that it guards what it says, and those alone.
        ("sum(where(A > 0, A * log(A), 0))", "n n", ()),
        ("where(A[0, 0] > 0, 1, 0) * sum(log(A))", "n n", ("A > 0",)),
        ("sum(where(A > 0, A @ log(A), 0))", "n n", ("A > 0",)),
        ("where(A > 0, log(A) * sum(1 / A), 0)", "", ()),
        ("sum(where(A <= 0, 0, A * log(A)))", "n n", ()),
        ("sum(where(A > 1, log(A), 0))", "n n", ()),
        ("sum(where(A > 1, log(A - 1) + log(2 * A - 1), 0))", "n n", ()),
        ("sum(where(A > 1, log(A - 2), 0))", "n n", ("A − 2 > 0",)),
        ("sum(where(A >= 1, sqrt(A - 1), 0))", "n n", ("A − 1 ≠ 0",)),
        ("sum(where(A < 2, log(A), 1 / (A - 1)))", "n n positive", ()),
        ("sum(where(A > 1, log(A.T - 1), 0))", "n n", ("A − 1 > 0",)),
        ("where(A < 1, log(1 - A), A)", "", ()),
        # What is positive in a product does not matter to its sign.
        ("sum(log(A.T**2 * (1 + A.T**2)))", "n m", ("A ≠ 0",)),
        ("sum(log(diag(exp(A[:, 0])) @ A))", "n m", ("A > 0",)),
        ("sum(where(A >= 0, A**(5/2), A))", "n n", ()),
        ("sum(where(A < 0, A, sqrt(A)))", "n n", ("A ≠ 0",)),
        ("sum(where(A < 0, log(-A) / A, A))", "n n", ()),
        ("sum(where(A >= 0, log(1 + A), -log(1 - A)))", "n n", ()),
        ("sum(where(A <= 0, sqrt(-A), 0))", "n n", ("−A ≠ 0",)),
        ("sum(where(A < 1, log(1 - A) + (1 - A)**(3/2), 0))", "n n", ()),
        ("sum(where(A > A.T, log(A - A.T), 0))", "n n", ()),
    ],
)
def test_a_condition_is_left_out_where_what_is_declared_makes_just_it_true(text, declared, wanted):
    """Positive entries make no determinant positive, and an invertible matrix may have singular leading minors."""
    assert gw.derive(gw.parse(text, A=declared), wrt="A").conditions == wanted


def test_what_a_record_states_covers_the_systems_of_its_derivative():
    transport = gw.parse("sinkhorn(K, a, b).u", K="n m positive", a="n positive", b="m positive")
    programme = gw.parse("qp(P, q, A, b).x", P="n n spd", q="n", A="m n", b="m")
    assert gw.derive(transport, wrt="K").conditions == ()
    assert gw.derive(programme, wrt="q").conditions == (
        "no active constraint has a zero multiplier", "the active rows of A are linearly independent",
    )  # fmt: skip


def test_every_sentence_that_facts_make_true_is_one_that_a_record_states():
    records = [primitive for function in FUNCTIONS.values() for primitive in function.primitives]
    names = {declared.name for primitive in records for declared in primitive.inputs}
    stated = {condition for primitive in records for condition in primitive.conditions}
    sentences = {condition.replace(f"{{{name}}}", "{}") for condition in stated for name in names}
    assert GRANTED.keys() - sentences == set()


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("sum(log(Z))", "Z does not meet the closed negative real axis"),
        ("sum(Z**(1/2))", "Z does not meet the closed negative real axis"),
        ("logdet(Z)", "det(Z) does not meet the closed negative real axis"),
        ("sum(1 / Z)", "Z ≠ 0"),
    ],
)
def test_complex_numbers_are_not_compared_with_zero(text: str, condition: str) -> None:
    assert gw.derive(gw.parse(text, Z="n n complex"), wrt="Z").conditions == (condition,)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("det(L)", "L is invertible"), ("logdet(L @ L.T)", "det(L Lᵀ) > 0"), ("logdet(L.T @ A @ L)", "det(Lᵀ A L) > 0")],
)
def test_a_triangular_matrix_with_an_inverse_has_no_zero_on_its_diagonal(text: str, wanted: str) -> None:
    assert gw.derive(gw.parse(text, L="n n lower", A="n n"), wrt="L").conditions == (wanted,)


def test_what_is_positive_is_not_said_to_be_other_than_zero_too():
    assert gw.derive(gw.parse("sum(log(A @ x))", A="n m", x="m"), wrt="x").conditions == ("A x > 0",)
    assert gw.derive(gw.parse("sum(log(x + y)) / dot(x, y)", x="n", y="n"), wrt="x").conditions == (
        "x + y > 0", "xᵀ y ≠ 0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # xᵀ (K + W) x = xᵀ K x > 0
        ("inv(eye(n) - W / 2) @ A", ()),
        ("solve(K - 3 * W, A)", ()),
        ("inv(K + A) @ A", ("K + A is invertible",)),
        # det(K S) = det K det S > 0
        ("logdet(2 * K @ S)", ()),
        ("logdet(K @ A)", ("det(K A) > 0",)),
        ("logdet(-K @ S)", ("det(−K S) > 0",)),
    ],
)
def test_what_always_holds_is_no_condition(text, wanted):
    declarations = {"K": "n n spd", "S": "n n spd", "W": "n n skew", "A": "n n"}
    expression = gw.parse(
        text, **{name: words for name, words in declarations.items() if name in text.replace("eye", "")}
    )
    assert gw.derive(expression, wrt=expression.variables[0]).conditions == wanted


@pytest.mark.parametrize(
    ("text", "declarations", "wrt", "wanted"),
    [
        ("log(1 - norm(x)**2)", {"x": "n"}, "x", ("1 − ‖x‖² > 0",)),
        ("sum(log1p(x))", {"x": "n"}, "x", ("1 + x > 0",)),
        ("log(1 + x @ K @ x)", {"x": "n", "K": "n n spd"}, "x", ()),
        ("a**(2/3)", {"a": ""}, "a", ("a > 0",)),
        ("a**(3/2) / sqrt(a + 1)", {"a": ""}, "a", ("a + 1 > 0", "a > 0")),
        ("det(F)**(-2/3)", {"F": "3 3"}, "F", ("det(F) > 0",)),
    ],
)
def test_roots_and_logarithms_need_what_is_positive(text, declarations, wrt, wanted):
    assert gw.derive(gw.parse(text, **declarations), wrt=wrt).conditions == wanted

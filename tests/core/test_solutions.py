"""Linear equations in the text language: `solution("H: n n", A @ H + H @ B == C)`."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DerivationError, GradwrightError, ShapeError

RNG = np.random.default_rng(3)
A0, B0, C0 = (RNG.normal(size=(3, 3)) for _ in range(3))
SQUARE = {"A": "n n", "B": "n n", "C": "n n"}


def test_the_solution_satisfies_its_equation() -> None:
    H = gw.parse('solution("H: n n", A @ H @ B + H.T == C)', **SQUARE).evaluate(A=A0, B=B0, C=C0)
    assert np.allclose(A0 @ H @ B0 + H.T, C0)


def test_an_unknown_lives_in_its_space() -> None:
    H = gw.parse('solution("H: n n skew", A @ H + H @ A.T == C - C.T)', A="n n", C="n n").evaluate(A=A0, C=C0)
    assert np.allclose(H, -H.T)
    assert np.allclose(A0 @ H + H @ A0.T, C0 - C0.T)


def test_a_hermitian_unknown_is_complex() -> None:
    A = A0 + 1j * B0
    Q = C0 + C0.T + 1j * (B0 - B0.T)
    H = gw.parse('solution("H: n n hermitian", A @ H + H @ A.H == Q)', A="n n complex", Q="n n hermitian")
    value = H.evaluate(A=A, Q=Q)
    assert np.allclose(value, value.conj().T)
    assert np.allclose(A @ value + value @ A.conj().T, Q)
    assert gw.derive(H).verify().right


@pytest.mark.slow
@pytest.mark.parametrize("equation", ["A @ X + conj(X)", "A @ X @ A + X.H", "A @ X + real(X)"])
def test_a_solution_with_conjugates_has_no_one_jacobian(equation: str) -> None:
    expression = gw.parse(f'solution("X: n n complex", {equation} == B)', A="n n complex", B="n n complex")
    for variable in ("A", "B"):
        D = gw.derive(expression, wrt=variable)
        with pytest.raises(DerivationError, match="conjugate, so that no single Jacobian"):
            print(D.jacobian)
        assert D.verify().right


def test_one_of_several_unknowns_is_picked_by_its_name() -> None:
    text = 'solution("H: n n, h: n", A @ H == C, B @ h + H @ x == x)'
    H, h = (gw.parse(f"{text}.{name}", **SQUARE, x="n") for name in ("H", "h"))
    values = {"A": A0, "B": B0, "C": C0, "x": C0[0]}
    assert np.allclose(A0 @ H.evaluate(A=A0, C=C0, B=B0, x=C0[0]), C0)
    assert np.allclose(B0 @ h.evaluate(**values) + np.linalg.solve(A0, C0) @ C0[0], C0[0])


def test_within_names_the_spaces_of_the_equations() -> None:
    text = 'solution("H: n n lower, K: n n upper", H + K == C, diag(diagonal(H)) == A, within="free, diagonal")'
    expression = gw.parse(f"{text}.H", A="n n", C="n n")
    assert np.allclose(expression.evaluate(A=A0, C=C0), np.tril(C0, -1) + np.diag(np.diag(A0)))
    assert 'within="free, diagonal"' in expression.text()
    assert gw.parse(expression.text(), A="n n", C="n n") == expression


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ('solution("h: n", A @ h == c)', "m equations for n unknown entries"),
        (
            'solution("H: n n lower", S @ H == S, within="free")',
            r"n\*\*2 equations for n\*\*2/2 \+ n/2 unknown entries",
        ),
        ('solution("H: n n, h: n", S @ H == S).h', r"n\*\*2 equations for n\*\*2 \+ n unknown entries"),
    ],
)
def test_as_many_equations_as_unknown_entries_are_needed(text: str, counts: str) -> None:
    with pytest.raises(ShapeError, match=counts):
        gw.parse(text, A="m n", S="n n", c="m")


def test_the_unknown_is_named_apart_from_the_variables() -> None:
    D = gw.derive(gw.parse("stein(H / 3, K) @ h", H="n n", K="n n", h="n"), wrt="H")
    text = gw.parse('solution("M: n n", H @ M @ K + M == K)', H="n n", K="n n").text()
    assert text == 'solution("M: n n", H @ M @ K + M == K)'
    assert gw.parse(D.vjp.text(), H="n n", K="n n", h="n", G="n").text() == D.vjp.text()


def test_a_letter_takes_no_unknown_out_of_its_equation() -> None:
    expression = gw.parse(
        'solution("H: n n", A @ H @ A.T @ B + H == C) @ solution("H: n n", A @ H @ A.T @ B + H == B)', **SQUARE
    )
    written, _, letters = str(expression).partition(", where ")
    assert "A H Aᵀ B + H" in written
    assert "H" not in letters


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('solution("H: n n", A @ H @ H == C)', "not linear"),
        ('solution("H: n n", A @ H + A == C)', "not linear"),
        ('solution("H: n n", A @ C == C)', "no unknown"),
        ('solution("H: n n", A @ H == C - H)', "bring its terms to the left"),
        ('solution("H: n n", A @ H, C)', "two sides with =="),
        ('solution("H: n n")', "at least one equation"),
        ('solution("A: n n", A @ A == C)', "declared already"),
        ('solution("H: n m skew", A @ H == C)', "square"),
        ('solution("H: n n skew lower", A @ H == C)', "one space"),
        ('solution("H: n n, H: n n", A @ H == C)', "twice"),
        ('solution("H", A @ H == C)', "a colon and dimensions"),
        ('solution("H: n n", A @ H == C, within="blue")', "names a space"),
        ('solution("H: n n", A @ H == C, axis=0)', "one keyword"),
        ('solution("H: n n", A @ H == C[0, :])', "right side"),
        ("solution(A)", "declares its unknowns"),
    ],
)
def test_what_is_no_linear_equation_is_refused(text: str, told: str) -> None:
    with pytest.raises(GradwrightError, match=told):
        gw.parse(text, **SQUARE)


def test_a_right_side_with_further_axes_stands_for_many_equations() -> None:
    J = gw.derive(gw.parse("sylvester(A, B, C)", **SQUARE), wrt="C").jacobian
    again = gw.parse(J.text(), **SQUARE)
    assert again.text() == J.text() == 'sylvester(A, B, einsum("ac,bd->abcd", eye(n), eye(n)))'
    direct = np.kron(A0, np.eye(3)) + np.kron(np.eye(3), B0.T)
    assert np.allclose(again.evaluate(A=A0, B=B0, C=C0).reshape(9, 9), np.linalg.inv(direct))


def test_the_equation_of_an_unlisted_identity_is_read_again() -> None:
    cube_root = gw.define("cube_root", "Y @ Y @ Y = A", unknown="Y: n n", given="A: n n", start=lambda A: A)
    vjp = gw.derive(cube_root(gw.matrix("A", "n", "n")), wrt="A").vjp
    assert vjp.text().startswith('solution("H: n n", ')
    assert gw.parse(vjp.text(), A="n n", G="n n").text() == vjp.text()


def test_a_square_in_front_belongs_to_both_sides_of_steins_equation() -> None:
    assert gw.parse("stein(A / 6, C)", A="n n", C="n n").text() == "stein(A / 6, C)"


@pytest.mark.parametrize(
    "text",
    [
        'solution("H: n n", A @ H + H.T == A @ solution("H: n n", A @ H + H.T == C))',
        'solution("H: n n", solution("H: n n", A @ H + H.T == B) @ H + H @ A == C)',
    ],
)
def test_a_solution_in_another_has_unknowns_of_its_own(text: str) -> None:
    H = gw.parse(text, **{name: d for name, d in SQUARE.items() if name in text})
    other = gw.parse(text.replace("H", "K", text.count("H")), **{n: d for n, d in SQUARE.items() if n in text})
    assert H == other
    assert gw.parse(H.text(), **{d.name: "n n" for d in H.signature}) == H


def test_an_unknown_stays_on_the_left() -> None:
    with pytest.raises(GradwrightError, match="stands on the right"):
        gw.parse('solution("H: n n", A @ H == solution("K: n n", A @ K == H))', A="n n")


def test_an_unknown_has_no_name_that_is_declared() -> None:
    """One of the two equations does not contain H, which is declared where the text is read again."""
    declared = {"x": "n", "H": "n n complex hermitian"}
    found = gw.derive(gw.parse("x @ stein(outer(x, x) / 9, abs(H) ** 2) @ x", **declared), wrt="x").gradient
    assert 'solution("' in found.text()
    x, H = np.array([0.3, -0.2, 0.5]), np.diag([1.0 + 0j, 2, 3]) + 0.5
    np.testing.assert_allclose(gw.parse(found.text(), **declared).evaluate(x=x, H=H), found.evaluate(x=x, H=H))

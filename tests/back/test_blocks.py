"""Block matrices in print, and equations of which only some entries count."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

SHOWN = {
    "sum(x[:2]**2) + sum(x[4:]**3)": "[2 x[:2]; 0; 3 x[4:]∘²]",
    "sum(x[1:]**2) + sum(x[2:]**3)": "3 [0; x[2:]∘²] + 2 [0; x[1:]]",
    "sum(x[:n - 1] * x[1:])": "[0; x[:n - 1]] + [x[1:]; 0]",
}
ENTRIES = {
    "x[0] * x[1] + x[2]**2": ("x", "[x[1]; x[0]; 2 x[2]]"),
    "x @ inv(block([[s * eye(n), outer(u, v)], [outer(v, u), eye(n)]])) @ concatenate(u, v)":
        ("x", "[s I, u vᵀ; v uᵀ, I]⁻¹ [u; v]"),
}  # fmt: skip


@pytest.mark.parametrize("text", SHOWN)
def test_parts_with_a_gap_or_an_overlap_do_not_stand_side_by_side(text: str) -> None:
    gradient = gw.derive(gw.parse(text, x="n"), wrt="x").gradient
    assert str(gradient) == SHOWN[text]
    again = gw.parse(gradient.text(), x="n")
    x = np.arange(1.0, 8.0)
    assert np.allclose(again.evaluate(x=x), gradient.evaluate(x=x))


@pytest.mark.parametrize("text", ENTRIES)
def test_all_entries_and_outer_products_stand_side_by_side(text: str) -> None:
    wrt, shown = ENTRIES[text]
    declared = {"x": "2*n", "u": "n", "v": "n", "s": ""} if "block" in text else {"x": "3"}
    gradient = gw.derive(gw.parse(text, **declared), wrt=wrt).gradient
    assert str(gradient) == shown
    assert gw.equal(gw.parse(gradient.text(), **declared), gradient)


@pytest.mark.parametrize("text", [
    "block([[cos(t), -sin(t)], [sin(t), 0]])", "block([[t, x], [reshape(x, 2, 1), outer(x, x)]])",
    "block([t, x, 2 * t])", "block([[t], [1]])", "block([[t, -2 * t]])",
])  # fmt: skip
def test_numbers_and_rows_stand_in_blocks_as_they_are(text: str) -> None:
    assert gw.parse(text, t="", x="2").text() == text


def test_a_column_beside_a_matrix_is_read_again() -> None:
    given = {"q": "4", "v": "3"}
    jacobian = gw.derive(gw.parse("(2 * q[0]**2 - 1) * v + 2 * (q[1:] @ v) * q[1:]", **given), wrt="q").jacobian
    assert str(jacobian) == "[4 q[0] v, 2 (q[1:] vᵀ + (q[1:]ᵀ v) I)]"
    again = gw.parse(jacobian.text(), **given)
    assert again.text() == jacobian.text() and gw.equal(again, jacobian)


def test_a_matrix_bordered_by_vectors() -> None:
    eigen = gw.define("eigen", ["A @ v = w * v", "dot(c, v) = 1"], unknown="v: n, w: ", given="A: n n symmetric, c: n")
    found = eigen(gw.parse("A", A="n n symmetric"), gw.vector("c", "n"))
    derived = gw.derive(found.v, wrt="A")
    assert "[A − w I, −v; cᵀ, 0]" in str(derived)
    assert r"-v \\ c^{\mathsf{T}} & 0" in derived.latex()
    vjp = derived.vjp
    again = gw.parse(vjp.text(), A="n n symmetric", c="n", G="n")
    assert gw.equal(again, vjp)


@pytest.mark.slow
def test_a_system_of_blocks_is_written_with_columns_of_blocks() -> None:
    given = {"P": "n n spd", "q": "n", "A": "m n", "b": "m"}
    gw.optimum("programmed", "x @ P @ x / 2 + q @ x", over="x: n", given=given, subject_to="A @ x = b")
    inputs = {wrt: str(gw.derive(gw.parse("programmed(P, q, A, b).x", **given), wrt=wrt)) for wrt in ("P", "A", "b")}
    assert "[P, Aᵀ; A, 0] [dx; dl1] = [−dP x; 0] " in inputs["P"]
    assert "[P, Aᵀ; A, 0] [dx; dl1] = [−dAᵀ l1; −dA x] " in inputs["A"]
    assert "[P, Aᵀ; A, 0] [dx; dl1] = [0; db] " in inputs["b"]
    longer = gw.parse("concatenate(-A @ x, zeros(n))", A="m n", x="n")
    assert (str(longer), longer.text()) == ("[−A x; 0]", "concatenate(-A @ x, zeros(n))")
    assert gw.parse(longer.text(), A="m n", x="n") == longer


def test_a_matrix_of_rows() -> None:
    null = gw.define("null", ["A @ x = zeros(n)", "dot(x, x) = 1", "dot(b, x) = c"], unknown="x: n+2",
                     given="A: n n+2, b: n+2, c: ", start=lambda A, b, c: np.ones(A.shape[1]))  # fmt: skip
    vjp = gw.derive(null(gw.parse("A", A="n n+2"), gw.parse("b", b="n+2"), gw.scalar("c")), wrt="c").vjp
    assert "[A; 2 null(A, b, c)ᵀ; bᵀ]" in str(vjp)
    assert gw.equal(gw.parse(vjp.text(), A="n n+2", b="n+2", c="", G="n+2"), vjp)
    gw.define("turn", ["q[0] * q[1] = a", "dot(q, q) = 1"], unknown="q: 2", given="a: ", start=lambda a: np.eye(2)[0])
    assert "; 2 qᵀ]" in str(gw.derive(gw.parse("turn(a)", a=""), wrt="a"))


def test_an_equation_of_triangles_shows_which_entries_count() -> None:
    solvent = gw.define("solvent", "L @ A + A.T @ L.T = B", unknown="L: n n lower", given="A: n n, B: n n symmetric")
    found = solvent(gw.matrix("A", "n", "n"), gw.parse("B", B="n n symmetric"))
    vjp = gw.derive(found, wrt="B").vjp
    assert str(vjp) == "solve(H: 2 triu(A H)ᵀ = tril(G); H symmetric)"
    assert gw.equal(gw.parse(vjp.text(), A="n n", B="n n symmetric", G="n n"), vjp)

"""Selections: one in the place of two for a part of a part, and none where the places are summed over."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradwright as gw
from gradwright.back.code import LIBRARIES
from gradwright.back.code.lower import lower

DECLARED = {"A": "n n", "B": "n m", "C": "m n", "D": "m m", "z": "n+m"}
BLOCKS = "block([[A, B], [C, D]])"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "wrt", "shown"),
    [
        (f"{BLOCKS}[0, :] @ z", "A", "e_0 z[:n]ᵀ"),
        (f"{BLOCKS}[0, :] @ z", "C", "0"),
        (f"sum({BLOCKS}[:n, 0])", "A", "1 e_0ᵀ"),
        (f"sum({BLOCKS}[n:, n:] @ D)", "D", "sum(D, axis=0) 1ᵀ + 1 sum(D, axis=1)ᵀ"),
    ],
)
def test_an_entry_or_a_part_of_a_block(text: str, wrt: str, shown: str) -> None:
    derivation = gw.derive(gw.parse(text, **DECLARED), wrt=wrt)
    assert str(derivation.gradient) == shown
    assert derivation.verify().right


@pytest.mark.parametrize(
    "text",
    [
        "(x * y)[0] * (A @ x)[1]", "kron(A * C, B)[5, :] @ z", "(kron(A, B) * kron(C, B))[0, :] @ z", "vec(A * C)[5]",
        "dot(A[0, :], C[:, 1] * x)", "softmax(kron(x, w))[1]",
    ],
)  # fmt: skip
def test_picked_entries_of_products_and_of_axes_in_groups(text: str) -> None:
    given = {"A": "m m", "B": "n n", "C": "m m", "x": "m", "y": "m", "w": "n", "z": "m*n"}
    names = {name for name in given if re.search(rf"\b{name}\b", text)}
    assert gw.derive(gw.parse(text, **{name: given[name] for name in names})).verify().right


def test_a_part_of_a_part_is_one_of_the_whole() -> None:
    assert str(gw.derive(gw.parse("x[1:][1]", x="n"), wrt="x").vjp) == "G e_2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sum((s * ones(m))[1:])", 8.0),
        ("s * sum(eye(m)[:, 1:])", 8.0),
        ("sum(eye(m)[:, 1:], axis=0) + s * ones(m - 1)", [3.0, 3.0, 3.0, 3.0]),
        ("s * sum(eye(m)[1:, :], axis=0)", [0.0, 2.0, 2.0, 2.0, 2.0]),
    ],
)
def test_a_part_of_which_every_entry_is_one(text: str, value: object) -> None:
    """The sum over a selection was left out, in code and modules, and with it the size of the part."""
    expression = gw.parse(text, s="", y="m")
    arrays = {"s": np.array(2.0), "y": np.ones(5)}
    found = expression.compile("numpy")(**arrays)
    assert np.shape(found) == np.shape(value) and np.allclose(found, value)
    assert np.allclose(expression.evaluate(**arrays), value)


def test_code_of_a_selection_that_nothing_else_carries() -> None:
    expression = gw.parse("s * sum(eye(m)[:, 1:])", s="", y="m")
    body = lower({"value": expression.node}, LIBRARIES["numpy"], inputs=expression.signature.symbols).body()
    program = "\n".join(["def value(s, y):", *(f"    {line}" for line in body)])
    space: dict = {"np": np}
    exec(program, space)
    assert space["value"](np.array(2.0), np.ones(5)) == 8.0


@pytest.mark.parametrize("corner", ["kron(x, y)", "kron(y, x)", "kron(x, y) + B", "outer(u, v)"])
def test_a_block_that_is_a_kronecker_product(corner: str) -> None:
    """An axis of it has two labels, one of the whole has one."""
    declared = {"x": "1 m", "y": "n 1", "A": "n n", "B": "n m", "C": "m n", "D": "m m", "u": "n", "v": "m"}
    whole = gw.parse(f"block([[A, {corner}], [C, D]])[:n, n:]", **declared)
    assert str(gw.derive(whole, wrt="A").vjp) == "0"
    assert gw.equal(whole, gw.parse(corner, **declared))
    for part, wrt in (("[:n, :n]", "A"), ("[n:, :n]", "C")):
        other = gw.derive(gw.parse(f"block([[A, {corner}], [C, D]]){part}", **declared))
        assert str(other.vjp[wrt]) == "G"


def test_two_parts_of_an_axis_that_is_one_of_several_in_the_result() -> None:
    e = gw.parse('reshape(einsum("ca,c,b->abc", eye(m*n)[:, :n], eye(m*n)[0], y), m, n, m*n)', y="m", x="n")
    wanted = np.einsum("ca,c,b->abc", np.eye(12)[:, :4], np.eye(12)[0], np.ones(3)).reshape(3, 4, 12)
    assert np.array_equal(e.evaluate(y=np.ones(3), x=np.ones(4)), wanted)


def test_the_trace_of_a_matrix_that_is_unpacked() -> None:
    """Two labels of the part were one label of the whole, which was joined with one of them alone."""
    e = gw.parse("trace(reshape(concatenate(y, vec(E))[m:], m, m))", y="m", E="m m")
    E = np.arange(9.0).reshape(3, 3) ** 2
    assert e.evaluate(y=np.ones(3), E=E) == np.trace(E)
    assert str(gw.derive(e, wrt="E").gradient) == "I"


@pytest.mark.parametrize(
    ("text", "value"), [("trace({})", 3.0), ("s * sum(diagonal({}))", 6.0), ("sum({} * {})", 3.0), ("sum({})", 3.0)]
)
def test_a_part_that_meets_itself_in_both_axes_has_its_size(text: str, value: float) -> None:
    part = "block([[A, zeros(n, n)], [eye(n), A]])[n:, :n]"
    e = gw.parse(text.replace("{}", part), A="n n", s="")
    assert e.evaluate(A=np.zeros((3, 3)), s=2.0) == value
    assert e.compile("numpy")(A=np.zeros((3, 3)), s=2.0) == value


def test_a_mask_is_cut_with_its_matrix() -> None:
    D = gw.derive(gw.parse("b @ (tril(A * sin(A))[:, 0] * x[0])", A="n n", b="n", x="n"), wrt="b")
    assert str(D.gradient) == "x[0] tril(A ∘ sin(A))[:, 0]"
    column = gw.derive(gw.parse("eigh(S).eigenvalues[0]", S="n n symmetric"), wrt="S").hessian
    assert "V diag(off(1 / (λ 1ᵀ − 1 λᵀ + I))[:, 0]) Vᵀ" in str(column)

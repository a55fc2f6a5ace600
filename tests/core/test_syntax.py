"""What a text may look like: comments, lines, letters of other alphabets."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DeclarationError


def test_a_comment_ends_with_its_line() -> None:
    assert gw.parse("x  # the first\n + y", x="n", y="n") == gw.parse("x + y", x="n", y="n")


def test_inputs_by_name_are_read_like_declarations() -> None:
    two_epsilons = gw.parse("ϵ * x", **{"ϵ": "", "x": "n"})
    assert two_epsilons.evaluate(**{"ϵ": np.array(2.0), "x": [1, 3]}).tolist() == [2, 6]
    assert two_epsilons.compile("numpy")(**{"ϵ": np.array(2.0), "x": np.ones(2)}).tolist() == [2, 2]
    with pytest.raises(gw.GradwrightError, match="given twice"):
        two_epsilons.evaluate(**{"ϵ": 2, "ε": 3, "x": [1, 3]})


def test_a_letter_is_the_same_in_a_text_and_in_a_declaration() -> None:
    two_epsilons = gw.parse("ϵ * x", **{"ϵ": "", "x": "n"})
    assert two_epsilons.variables == ("ε", "x")
    assert gw.derive(gw.parse("ϵ * sum(x)", **{"ϵ": "", "x": "n"}), wrt="ϵ").gradient == gw.parse("sum(x)", x="n")
    with pytest.raises(DeclarationError, match="'ε' is declared twice"):
        gw.parse("ϵ * sum(x)", **{"ϵ": "", "ε": "", "x": "n"})


@pytest.mark.parametrize(
    ("name", "other", "shown"), [("gamma", "γ", "γ"), ("mu_0", "μ_0", "μ_0"), ("x1", "x_1", r"x_\{1\}")]
)
def test_two_variables_that_would_be_printed_alike_are_refused(name: str, other: str, shown: str) -> None:
    with pytest.raises(DeclarationError, match=f"'{name}' and '{other}' are printed alike, as {shown}"):
        gw.parse(f"{name} * {other}", **{name: "", other: ""})
    with pytest.raises(DeclarationError, match="are printed alike"):
        gw.scalar(name) * gw.scalar(other)
    with pytest.raises(DeclarationError, match="are printed alike"):
        gw.define("f", f"{name} * {other} = 1", unknown={name: ""}, given={other: ""})


@pytest.mark.parametrize(
    ("text", "declared", "length"),
    [
        ("x[2 * m:]", "3*m", "m"),
        ("x[m + 1:2 * m]", "3*m", "m - 1"),
        ("x[n * m:]", "n*m + 2", "2"),
        ("x[:n**2]", "n**2 + n", "n**2"),
    ],
)
def test_a_slice_is_bounded_by_sums_and_products_of_dimensions(text: str, declared: str, length: str) -> None:
    """As derivatives of blocks print it."""
    part = gw.parse(text, x=declared.replace(" ", ""))
    assert str(part.shape[0]) == length
    assert gw.parse(part.text(), x=declared.replace(" ", "")) == part


@pytest.mark.parametrize(
    "text",
    ["A[1:, 0]", "A[0, 1:3]", "A[-1, :2] @ y[:2]", "T[0, :, :]", "T[1:, 0, -1]", "T[0, :, :] * T[1, :, :]",
     "sum(T[:2, 1, :], axis=0)", "conj(Z[0, :, :]) @ y"],
)  # fmt: skip
def test_parts_are_printed_as_they_are_written(text: str) -> None:
    declared = {"A": "n n", "y": "n", "T": "n m k", "Z": "k n n complex"}
    part = gw.parse(text, **declared)
    assert part.text() == text
    assert gw.parse(part.text(), **declared) == part


def test_brackets_of_python_are_those_of_the_language() -> None:
    n, x, X = gw.dim("n"), gw.vector("x", "n"), gw.matrix("X", "n", "m")
    assert x[1 : n - 1] + x[2:] * 0 + x[:-2] == gw.parse("x[1:n-1] + x[2:] * 0 + x[:-2]", x="n")
    assert X[:2, np.int64(1)] + X[-1, :2] == gw.parse("X[:2, 1] + X[-1, :2]", X="n m")
    for place in (None, ..., True, 1.0, [0, 1], x > 0, slice(None, None, 2), slice(1.5, None)):
        with pytest.raises(gw.LanguageError, match="whole number"):
            x[place]


def test_a_slice_is_not_bounded_by_a_variable() -> None:
    with pytest.raises(gw.GradwrightError, match="cannot bound a slice"):
        gw.parse("x[y:]", x="n", y="")

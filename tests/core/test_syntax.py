"""What a text may look like: comments, lines, letters of other alphabets."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.errors import DeclarationError


def test_a_comment_ends_with_its_line() -> None:
    assert gw.parse("x  # the first\n + y", x="n", y="n") == gw.parse("x + y", x="n", y="n")


def test_a_letter_is_the_same_in_a_text_and_in_a_declaration() -> None:
    two_epsilons = gw.parse("ϵ * x", **{"ϵ": "", "x": "n"})
    assert two_epsilons.variables == ("ε", "x")
    assert gw.derive(gw.parse("ϵ * sum(x)", **{"ϵ": "", "x": "n"}), wrt="ϵ").gradient == gw.parse("sum(x)", x="n")
    with pytest.raises(DeclarationError, match="'ε' is declared twice"):
        gw.parse("ϵ * sum(x)", **{"ϵ": "", "ε": "", "x": "n"})

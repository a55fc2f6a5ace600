"""Parts of parts: one selection in the place of two."""

from __future__ import annotations

import pytest

import gradwright as gw

DECLARED = {"A": "n n", "B": "n m", "C": "m n", "D": "m m", "z": "n+m"}
BLOCKS = "block([[A, B], [C, D]])"


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

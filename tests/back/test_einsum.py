"""Products that have no matrix notation are written as `einsum`, and are read back as what they were."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.back.render import text_of

DECLARATIONS = {"T": "n n n", "X": "n n", "x": "n", "p": "n positive"}
RNG = np.random.default_rng(0)
POINT = {"T": RNG.normal(size=(3, 3, 3)), "X": RNG.normal(size=(3, 3)), "x": RNG.normal(size=3), "p": np.arange(1.0, 4)}

WRITTEN = [
    # A vector that is summed alone is a number.
    ('einsum("ijk,l->ijk", T, x)', "sum(x) * T"),
    ('einsum("iij,kj,l->ik", T, X, x)', 'sum(x) * einsum("aac,bc->ab", T, X)'),
    # A quotient of ones is a vector still.
    ('einsum("ijk,k,k->ik", T, p, 1 / p)', 'einsum("acb,b->ab", T, p / p)'),
    ("sum(p / p) * X", "sum(p / p) * X"),
]


@pytest.mark.parametrize(("text", "written"), WRITTEN)
def test_what_is_written_is_read_back(text: str, written: str) -> None:
    used = {name: declared for name, declared in DECLARATIONS.items() if name in text.replace("einsum", "")}
    point = {name: POINT[name] for name in used}
    expression = gw.parse(text, **used)
    assert text_of(expression.node) == written
    again = gw.parse(written, **used).evaluate(**point)
    np.testing.assert_allclose(again, expression.evaluate(**point))

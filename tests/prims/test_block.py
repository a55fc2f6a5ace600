"""`block` joins what `numpy.block` joins: numbers, vectors as rows, matrices."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradwright as gw

VALUES = {
    "a": np.array(2.0), "b": np.array(-3.0), "x": np.arange(1.0, 4.0), "y": np.arange(4.0, 6.0),
    "A": np.arange(12.0).reshape(4, 3), "B": np.arange(8.0).reshape(4, 2), "C": np.arange(5.0).reshape(1, 5),
}  # fmt: skip
DECLARATIONS = {"a": "", "b": "", "x": "3", "y": "2", "A": "4 3", "B": "4 2", "C": "1 5"}
BLOCKS = [
    "[a, b]",
    "[a, x, 1]",
    "[A, B]",
    "[[a, b], [0, a * b]]",
    "[[x, y], [y, x]]",
    "[[a, x], [x, b]]",
    "[[A, B], [x, y], [C]]",
    "[[A, B], [0, x, b]]",
    "[[x], [A]]",
    "[[a]]",
]


@pytest.mark.parametrize("text", BLOCKS)
def test_block_is_that_of_numpy(text: str) -> None:
    names = {name: shape for name, shape in DECLARATIONS.items() if name in text}
    expression = gw.parse(f"block({text})", **names)
    inputs = {name: VALUES[name] for name in names}
    wanted = np.block(eval(text, dict(inputs)))
    np.testing.assert_array_equal(expression.evaluate(**inputs), wanted)
    np.testing.assert_array_equal(gw.parse(expression.text(), **names).evaluate(**inputs), wanted)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            "[[A, x], [x, a]]",
            "different dimensions; a vector is a row, and outer(x, ones(1)) its column",
        ),
        ("[[a, b], [x]]", "block joins rows 1 × 2 and 1 × 3"),
        ("[]", "a list of rows"),
        ("[[]]", "rows that are not empty"),
        ("[[a], b]", "rows that are all lists"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, part: str) -> None:
    names = {name: shape for name, shape in DECLARATIONS.items() if name in text}
    with pytest.raises(gw.GradwrightError, match=re.escape(part)):
        gw.parse(f"block({text})", **names)


def test_a_rotation_reads_well() -> None:
    R = gw.parse("block([[cos(t), -sin(t)], [sin(t), cos(t)]])", t="")
    assert str(R) == "[cos(t), −sin(t); sin(t), cos(t)]"
    assert str(gw.derive(R, wrt="t").vjp) == "cos(t) G[1, 0] − sin(t) G[1, 1] − cos(t) G[0, 1] − sin(t) G[0, 0]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("block([[block([[A, B]])], [C]])", "[[A, B]; C]"),
        ("block([[block([[A], [C[:, :3]]]), ones(5, 1)]])", "[[A; C[:, :3]], 1]"),
    ],
)
def test_a_block_matrix_is_a_block_of_another(text: str, shown: str) -> None:
    declared = {name: DECLARATIONS[name] for name in "ABC" if name in text.replace("block", "")}
    assert str(gw.parse(text, **declared)) == shown

"""Sums as code: signs and numbers as they are written, and products that are added onto what is spread."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw


@pytest.mark.parametrize(
    ("text", "library", "code"),
    [
        ("(A - B)**2 + exp(A.T - B)", "numpy", "return (A - B) ** 2 + np.exp(A.T - B)"),
        ("exp(greater(A, 0) * B)", "numpy", "return np.exp(B * (A > 0))"),
        ("2 * less(A, 1) * B", "torch", "return 2 * B * (A < 1)"),
        ("greater(A, 0) * B", "torch", "return B * (A > 0)"),
        ("outer(x, ones(n)) + outer(ones(n), y) - 2 * A @ B", "torch",
         "return torch.addmm(x[:, None] + y, A, B, alpha=-2)"),
    ],
)  # fmt: skip
def test_a_sum_is_written_as_a_person_would(text: str, library: str, code: str) -> None:
    pytest.importorskip(library)
    source = gw.parse(text, A="n n", B="n n", x="n", y="n").compile(library).source
    assert source.rstrip().endswith(code)


def test_the_sums_of_a_negative_product_are_of_it() -> None:
    text = "diag(sum(A * B, axis=1)) - A * B + diag(sum(A * B, axis=0))"
    source = gw.parse(f"({text}) @ C", A="n n", B="n n", C="n n").compile("numpy").source
    assert source.count("A * B") == 1 and "+ -" not in source and "+ (-" not in source


def test_a_long_sum_is_nested_no_deeper_than_python_reads() -> None:
    total = gw.parse(" + ".join(f"sin({k} * x)" for k in range(1, 150)), x="n").compile("numpy")
    assert max(statement.count(" + ") for statement in total.source.split(" = ")) < 100
    x = np.linspace(0.1, 1.0, 3)
    assert np.allclose(total(x=x), sum(np.sin(k * x) for k in range(1, 150)))

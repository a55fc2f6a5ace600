"""`Xᵀ D X` applied a few rows of X at a time."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.back.operators import gram

DECLARED = {"X": "m n", "w": "n", "y": "m", "s": "m"}
TEXTS = [
    "sum(softplus(-y * (X @ w)))",
    "norm(X @ w - y)**2 / 2",
    "-sum(s**2 * (X @ w)**2) / 2",
    "sum(exp(X @ w) * s**2)",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("columns", [(), (3,)])
def test_products_of_blocks(text: str, columns: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    point = {"X": generator.normal(size=(11, 4)) / 2, "w": generator.normal(size=4)}
    point |= {name: generator.normal(size=11) for name in "ys"}
    used = {name: point[name] for name in point if name in text}
    declared = {name: DECLARED[name] for name in used}
    operator = gw.derive(gw.parse(text, **declared), wrt="w").hessian.operator(**used)
    right = generator.normal(size=(4, *columns))
    wanted = operator.to_dense() @ right
    calls: list[int] = []
    times = gram.Gram.times
    monkeypatch.setattr(gram, "LARGE", 1)
    monkeypatch.setattr(gram, "BLOCK", 12)
    monkeypatch.setattr(gram.Gram, "times", lambda self, V: calls.append(1) or times(self, V))
    np.testing.assert_allclose(operator @ right, wanted, rtol=1e-12, atol=1e-12)
    assert calls

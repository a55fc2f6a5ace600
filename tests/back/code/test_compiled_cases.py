"""Every derivative of the case collection, as compiled code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw

DATA = Path(__file__).parents[2] / "data" / "gradients.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


def array(value: object) -> np.ndarray:
    if isinstance(value, dict):
        return np.array(value["re"]) + 1j * np.array(value["im"])
    return np.array(value, dtype=float)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_compiled_derivative_has_the_recorded_value(row: dict) -> None:
    inputs = {name: array(value) for name, value in row["inputs"].items()}
    expression = gw.parse(row["expression"], **row["variables"])
    derived = getattr(gw.derive(expression, wrt=row["wrt"]), row["kind"])
    wanted = array(row["value"])
    for library in ("numpy", "torch"):
        value = np.asarray(derived.compile(library)(**inputs))
        assert value.shape == wanted.shape
        assert abs(value - wanted).max(initial=0) <= 1e-8 * abs(wanted).max(initial=0)

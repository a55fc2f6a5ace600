"""The case collection through the emitted functions: forward, then backward, then the recorded numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import gradwright as gw

DATA = Path(__file__).parents[2] / "data" / "gradients.jsonl"
ROWS = [row for line in DATA.read_text(encoding="utf-8").splitlines() if (row := json.loads(line))["kind"] in
        ("gradient", "vjp")]  # fmt: skip


def tensor(value: object) -> torch.Tensor:
    array = np.array(value["re"]) + 1j * np.array(value["im"]) if isinstance(value, dict) else np.array(value, float)
    return torch.from_numpy(np.array(array))


def check(row: dict) -> None:
    expression = gw.parse(row["expression"], **row["variables"])
    function = gw.derive(expression, wrt=row["wrt"]).function("torch")
    inputs = {name: tensor(value) for name, value in row["inputs"].items() if name in expression.variables}
    inputs[row["wrt"]].requires_grad_()
    value = function(**inputs)
    cotangent = tensor(row["inputs"]["G"]) if row["kind"] == "vjp" else torch.ones_like(value)
    (slope,) = torch.autograd.grad(value, inputs[row["wrt"]], cotangent.to(value.dtype))
    wanted = tensor(row["value"])
    assert slope.shape == wanted.shape
    assert (slope - wanted).abs().max() <= 1e-8 * wanted.abs().max()


@pytest.mark.sampled
@pytest.mark.parametrize("row", ROWS[::12], ids=[row["id"] for row in ROWS[::12]])
def test_a_sample_of_recorded_gradients(row: dict) -> None:
    check(row)


@pytest.mark.full
@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_recorded_gradient(row: dict) -> None:
    check(row)

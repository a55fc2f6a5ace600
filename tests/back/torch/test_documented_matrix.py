"""The page about PyTorch lists the functions and the properties that are tested, no more and no less."""

from __future__ import annotations

from pathlib import Path

from torch_properties import PROPERTIES
from torch_samples import matrix_text

PAGE = (Path(__file__).parents[3] / "docs" / "torch.md").read_text(encoding="utf-8")


def test_every_function_is_listed() -> None:
    assert matrix_text() in PAGE, f"docs/torch.md has to have this table:\n{matrix_text()}"


def test_every_property_is_listed() -> None:
    assert "\n".join(f"| {name.replace('_', ' ')} |" for name in PROPERTIES) in PAGE

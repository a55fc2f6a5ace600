"""What `gradwright emit` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradwright.app.derive import derivation_of
from gradwright.errors import EmissionError


def write_module(text: str, output: str, wrt: Sequence[str], var: Sequence[str], target: str) -> list[str]:
    """Write the module, and for PyTorch its tests beside it; return what was written, in words."""
    path = Path(output)
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise EmissionError(f"'{output}' cannot be imported: choose a name such as my_function.py")
    if not path.parent.exists():
        raise EmissionError(f"the folder '{path.parent}' does not exist")
    derivation = derivation_of(text, wrt, var)
    path.write_text(derivation.source(target), encoding="utf-8")
    lines = [f"wrote {path}"]
    if target == "torch":
        tests = path.with_name(f"test_{path.name}")
        tests.write_text(derivation.tests(target, module=path.stem), encoding="utf-8")
        lines.append(f"wrote {tests}; run it with: python -m pytest {tests}")
    return lines

"""What `gradwright emit` writes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from pathlib import Path

from gradwright.app.derive import derivation_of
from gradwright.errors import EmissionError

# What the modules and their tests import: a file of the same name would be found in its place.
LIBRARIES = ("jax", "numpy", "pytest", "scipy", "torch")


def write_module(
    text: str,
    output: str,
    wrt: Sequence[str],
    var: Sequence[str],
    target: str,
    name: str | None,
    force: bool,
) -> list[str]:
    """Write the module, and for PyTorch its tests beside it; return what was written, in words.

    Nothing is written unless all of it can be; a file that exists with another text only where that is forced.
    """
    path = Path(output)
    _require_importable(path)
    derivation = derivation_of(text, wrt, var)
    texts = {path: derivation.source(target, name=name)}
    lines = [f"wrote {path}"]
    if target == "torch":
        tests = path.with_name(f"test_{path.name}")
        texts[tests] = derivation.tests(target, module=path.stem, name=name)
        lines.append(f"wrote {tests}; run it with: python -m pytest {tests}")
    try:
        _write(texts, force)
    except OSError as error:
        raise EmissionError(f"'{error.filename or path}' cannot be written: {error.strerror or error}") from error
    return lines


def _require_importable(path: Path) -> None:
    if path.suffix != ".py" or not path.stem.isidentifier() or iskeyword(path.stem):
        raise EmissionError(f"'{path}' cannot be imported: choose a name such as my_function.py")
    if path.stem in LIBRARIES or path.stem in sys.stdlib_module_names:
        raise EmissionError(
            f"'{path}' would be imported in place of the module '{path.stem}': choose a name such as my_function.py"
        )
    if not path.parent.exists():
        raise EmissionError(f"the folder '{path.parent}' does not exist")


def _write(texts: Mapping[Path, str], force: bool) -> None:
    for path, text in texts.items():
        if path.is_dir():
            raise EmissionError(f"'{path}' is a folder: choose another name")
        if path.exists() and not force and path.read_bytes() != text.encode():
            raise EmissionError(f"'{path}' exists already: choose another name, or give --force to write over it")
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")

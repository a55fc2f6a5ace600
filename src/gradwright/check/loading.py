"""A function named on the command line: `file.py:Name`, or `package.module:Name`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from gradwright.check.report import first_line
from gradwright.errors import CheckError

_LOADED_AS = "__gradwright_checked__"


def load(target: str) -> Any:
    """What a target names.

    Raises:
        CheckError: the file is not there, does not import, or has no such name, or what it names is no function.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not name:
        raise CheckError(f"'{target}' names no function: write file and name, as in my_file.py:MyInverse")
    module = _module(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise CheckError(_missing(place, part, found))
        found = getattr(found, part)
    if not callable(found) and not isinstance(found, tuple | list):
        raise CheckError(
            f"{target} is of type {type(found).__name__}: name a function, an autograd.Function, or a pair (forward, "
            f"backward)"
        )
    return found


def _module(place: str) -> ModuleType:
    path = Path(place)
    try:
        if path.suffix == ".py" or path.exists():
            return _from_file(path)
        return importlib.import_module(place)
    except CheckError:
        raise
    except SyntaxError as error:
        raise CheckError(f"{place} does not import: line {error.lineno} is not Python ({error.msg})") from error
    except SystemExit as error:
        raise CheckError(f"{place} does not import: it ends the program (exit code {error.code})") from error
    except Exception as error:  # whatever the user's module raises while it is imported
        raise CheckError(f"{place} does not import: {type(error).__name__}: {first_line(error)}") from error


def _from_file(path: Path) -> ModuleType:
    if path.is_dir():
        raise CheckError(f"{path} is a folder: name the file in it, as in {path / 'my_file.py'}:MyInverse")
    if not path.is_file():
        raise CheckError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(_LOADED_AS, path)
    if spec is None or spec.loader is None:
        raise CheckError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_LOADED_AS] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec.loader.exec_module(module)
    return module


def _missing(place: str, name: str, owner: Any) -> str:
    known = vars(owner) if hasattr(owner, "__dict__") else {}
    public = [own for own, value in known.items() if not own.startswith("_") and not isinstance(value, ModuleType)]
    public = [own for own in public if getattr(known[own], "__module__", _LOADED_AS) == _LOADED_AS] or public
    near = get_close_matches(name, public, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else f"; it has {', '.join(public[:12]) or 'no names'}"
    return f"{place} has no '{name}'{hint}"

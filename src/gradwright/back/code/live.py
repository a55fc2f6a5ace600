"""Generated source as live functions, whose lines a traceback shows."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from gradwright.back.code.library import Library
from gradwright.back.code.program import Program


def load_source(text: str, name: str, namespace: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run a module's source; tracebacks show its lines.

    Args:
        text: the source.
        name: what the module is called in tracebacks.
        namespace: names that the source finds defined.
    """
    digest = blake2b(text.encode(), digest_size=6).hexdigest()
    filename = f"<gradwright {name} {digest}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    scope: dict[str, Any] = {"__name__": f"gradwright.generated.{name}", **(namespace or {})}
    exec(compile(text, filename, "exec"), scope)
    return scope


def compile_program(
    program: Program, library: Library, name: str, foreign: Mapping[str, Callable[..., Any]]
) -> Callable[..., Any]:
    """A function of the program's parameters, in order; it returns one value, or a tuple of them.

    Args:
        program: the code.
        library: its dialect.
        name: the function's name.
        foreign: for every foreign function of the program, what to call.
    """
    return load_source(function_source(program, library, name), name, foreign)[name]


def function_source(program: Program, library: Library, name: str) -> str:
    """The imports, the helpers and the function."""
    body = "\n".join(f"    {line}" for line in program.body())
    function = f"def {name}({', '.join(program.parameters.values())}):\n{body}\n"
    parts = [*(helper.strip() + "\n" for helper in program.helpers.values()), function]
    text = "\n\n".join(parts)
    imports = "\n".join(library.import_lines(text))
    return f"{imports}\n\n\n{text}" if imports else text

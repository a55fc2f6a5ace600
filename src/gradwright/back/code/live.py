"""Generated source as live functions, whose lines a traceback shows."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from collections.abc import Callable, Mapping
from hashlib import blake2b
from itertools import count
from types import ModuleType
from typing import Any

from gradwright.back.code.bindings import bound
from gradwright.back.code.library import Library
from gradwright.back.code.program import Program, statement_lines

_NUMBER = count(1)


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
    # A module that can be imported by its name: torch.compile does so to find what a traced function refers to.
    # It stays for as long as the program runs, for nothing tells when the last of its functions is gone.
    module = ModuleType(f"gradwright_generated_{name}_{next(_NUMBER)}")
    module.__dict__.update(namespace or {})
    sys.modules[module.__name__] = module
    exec(compile(text, filename, "exec"), module.__dict__)
    return module.__dict__


def compile_program(
    program: Program, library: Library, name: str, foreign: Mapping[str, Callable[..., Any]], out: str = ""
) -> Callable[..., Any]:
    """A function of the program's parameters, in order; it returns one value, or a tuple of them.

    Args:
        program: the code.
        library: its dialect.
        name: the function's name.
        foreign: for every foreign function of the program, what to call.
        out: the name of a further parameter, into which the result is written; empty for none.
    """
    return load_source(function_source(program, library, name, out), name, foreign)[name]


def live_function(program: Program, library: Library, name: str = "value") -> Callable[..., Any]:
    """The function of a program, which calls the record's implementation where its library lacks an algorithm."""
    return compile_program(program, library, name, bound(program, library))


def function_source(program: Program, library: Library, name: str, out: str = "") -> str:
    """The imports, the helpers and the function.

    Args:
        program: the code.
        library: its dialect.
        name: the function's name.
        out: a further parameter, an array into which the only result is written; empty for none.
    """
    lines = program.body()
    if out:
        (result,) = program.results.values()
        sizes = frozenset(s.target for s in program.statements if _SIZE.match(s.expression))
        into = written_into(result, out, library, sizes)
        lines = [*statement_lines(program.statements), *into, f"return {out}"]
    head = program.head(name, [out] if out else [])
    function = "\n".join([*head, *(f"    {line}" for line in lines), ""])
    parts = [*(helper.strip() + "\n" for helper in program.helpers.values()), function]
    text = "\n\n".join(parts)
    imports = "\n".join(library.import_lines(text))
    return f"{imports}\n\n\n{text}" if imports else text


def written_into(text: str, out: str, library: Library, numbers: frozenset[str]) -> list[str]:
    """Statements that write the value of an expression into an array, its last operation without a copy.

    Args:
        text: the expression.
        out: the array's name.
        library: the dialect.
        numbers: names that stand for Python numbers, which the functions of a library do not all take.
    """
    tree = ast.parse(text, mode="eval").body
    module = {"numpy": "np", "torch": "torch"}[library.name]
    match tree:
        case ast.BinOp(left=left, op=ast.Add(), right=ast.BinOp(left=a, op=ast.Mult(), right=b)) if (
            module == "torch" and not _has_number(numbers, left, a, b)
        ):
            more = f"{out}.addcmul_({ast.unparse(a)}, {ast.unparse(b)})"
            return [*written_into(ast.unparse(left), out, library, numbers), more]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _INTO and not _has_number(numbers, left, right):
            return [f"{module}.{_INTO[type(op)]}({ast.unparse(left)}, {ast.unparse(right)}, out={out})"]
        case ast.UnaryOp(op=ast.USub(), operand=operand) if not _has_number(numbers, operand):
            return [*written_into(ast.unparse(operand), out, library, numbers), f"{module}.negative({out}, out={out})"]
        case ast.Call(func=ast.Attribute(value=view, attr="clone"), args=[]):
            return [f"{out}[...] = {ast.unparse(view)}"]
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="array"), args=[view]):
            return [f"{out}[...] = {ast.unparse(view)}"]
        case _:
            return [f"{out}[...] = {text}"]


def _has_number(numbers: frozenset[str], *nodes: ast.expr) -> bool:
    """Whether one of some operands is a Python number."""
    return any(_is_number(node, numbers) for node in nodes)


def _is_number(node: ast.expr, numbers: frozenset[str]) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name in numbers
        case ast.UnaryOp(operand=operand):
            return _is_number(operand, numbers)
        case ast.BinOp(left=left, right=right):
            return _is_number(left, numbers) and _is_number(right, numbers)
        case _:
            return False


_INTO: dict[type, str] = {ast.Mult: "multiply", ast.Add: "add", ast.Sub: "subtract", ast.MatMult: "matmul"}
# The size of an axis, by which a size statement is told from others.
_SIZE = re.compile(r"\(?\w+\.shape\[")

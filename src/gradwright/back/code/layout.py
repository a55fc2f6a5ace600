"""Statements on lines that are not too long, broken as formatters of Python break them.

A tuple has an entry on every line, a sum of three terms or more a term. What is neither stays on one line.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

WIDTH = 120
INDENT = "    "


def assigned(target: str, expression: str, indent: int) -> list[str]:
    """The lines of `target = expression`, in a block that stands so many columns from the left."""
    line = f"{target} = {expression}"
    terms = [] if _fits(line, indent) else _terms(expression, indent)
    return [f"{target} = (", *terms, ")"] if terms else [line]


def returned(expressions: Sequence[str], indent: int) -> list[str]:
    """The lines of a `return` of one value or several, in a block that stands so many columns from the left."""
    line = f"return {', '.join(expressions)}"
    if _fits(line, indent):
        return [line]
    if len(expressions) == 1:
        terms = _terms(expressions[0], indent)
        return ["return (", *terms, ")"] if terms else [line]
    entries = [line for text in expressions for line in _entry(text, indent)]
    return ["return (", *entries, ")"]


def _entry(text: str, indent: int) -> list[str]:
    """One entry of a tuple, with the comma behind it."""
    whole = f"{INDENT}{text},"
    terms = [] if _fits(whole, indent) else _terms(text, indent)
    return [*terms[:-1], f"{terms[-1]},"] if terms else [whole]


def _terms(text: str, indent: int) -> list[str]:
    """The terms of a sum of three or more, on one line or on a line each, if they fit; else nothing."""
    node = ast.parse(text, mode="eval").body
    ends: list[int] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        node = node.left
        end = _end(text, node)
        ends.insert(0, end + len(text[end:]) - len(text[end:].lstrip(") ")))
        if ")" in text[end : ends[0]]:
            break
    parts = [text[a:b].strip() for a, b in zip([0, *ends], [*ends, len(text)], strict=True)]
    lines = [INDENT + part for part in parts]
    if len(lines) > 2 and _fits(f"{INDENT}{text},", indent):
        return [INDENT + text]
    return lines if len(lines) > 2 and all(_fits(f"{line},", indent) for line in lines) else []


def _end(text: str, node: ast.expr) -> int:
    """Where an operand ends, without parentheses around it; the parser counts bytes."""
    assert node.end_col_offset is not None
    return len(text.encode()[: node.end_col_offset].decode())


def _fits(line: str, indent: int) -> bool:
    return indent + len(line) <= WIDTH

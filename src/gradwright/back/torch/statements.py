"""Straight-line code taken apart: what a statement needs, and which part of a program a result needs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradwright.back.code.program import Statement


def names_in(expression: str) -> set[str]:
    """The identifiers that an expression reads."""
    return {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}


def targets_of(statement: Statement) -> tuple[str, ...]:
    """The identifiers that a statement binds."""
    return tuple(name.strip() for name in statement.target.split(","))


def is_size(statement: Statement) -> bool:
    """Whether a statement only reads lengths: it is repeated where it is needed, never saved."""
    tree = ast.parse(statement.expression, mode="eval").body
    computes = any(isinstance(node, ast.Call | ast.MatMult) for node in ast.walk(tree))
    return ".shape" in statement.expression and not computes


def needed(statements: Sequence[Statement], expressions: Iterable[str]) -> list[Statement]:
    """The statements that some expressions need, in order."""
    wanted = {name for text in expressions for name in names_in(text)}
    kept: list[Statement] = []
    for statement in reversed(statements):
        if wanted.intersection(targets_of(statement)):
            kept.append(statement)
            wanted |= names_in(statement.expression)
    return kept[::-1]


@dataclass(frozen=True)
class Halves:
    """A program cut in two: what computes the values, and what uses that to compute derivatives.

    Attributes:
        first: the statements of the first half.
        second: those of the second half.
        carried: what the second half needs of the first one.
    """

    first: tuple[Statement, ...]
    second: tuple[Statement, ...]
    carried: tuple[str, ...]


def cut(statements: Sequence[Statement], values: Iterable[str], others: Sequence[str]) -> Halves:
    """Cut a program after what its values need; lengths are read again in the second half."""
    first = needed(statements, values)
    second = [s for s in needed(statements, others) if s not in first or is_size(s)]
    bound = [name for statement in first if not is_size(statement) for name in targets_of(statement)]
    read = {name for text in (*others, *(s.expression for s in second)) for name in names_in(text)}
    return Halves(tuple(first), tuple(second), tuple(name for name in bound if name in read))

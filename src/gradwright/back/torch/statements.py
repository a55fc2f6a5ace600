"""Straight-line code taken apart: what a statement needs, and which part of a program a result needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence

from gradwright.back.code.program import Statement, entries_in
from gradwright.frozen import frozen, replace


@frozen
class Piece:
    """Statements, and the expressions of the results that they lead to."""

    statements: tuple[Statement, ...]
    results: tuple[str, ...]

    @property
    def text(self) -> str:
        """All the code as one text."""
        return "\n".join([*map(str, self.statements), *self.results])

    @property
    def reads(self) -> set[str]:
        """Every identifier that is read."""
        return {name for text in self._expressions for name in names_in(text)}

    @property
    def reads_entries_of(self) -> set[str]:
        """Every identifier of which more is read than the shape, the type or the device."""
        return {name for text in self._expressions for name in entries_in(text)}

    @property
    def _expressions(self) -> tuple[str, ...]:
        return (*(s.expression for s in self.statements), *self.results)


def rename(text: str, names: Mapping[str, str]) -> str:
    """Code with other identifiers."""
    if not names:
        return text
    pattern = r"(?<![\w.])(" + "|".join(map(re.escape, names)) + r")(?!\w)"
    return re.sub(pattern, lambda match: names[match.group(1)], text)


def renamed(statement: Statement, names: Mapping[str, str]) -> Statement:
    """A statement with other identifiers."""
    return replace(statement, target=rename(statement.target, names), expression=rename(statement.expression, names))


def names_in(expression: str) -> set[str]:
    """The identifiers that an expression reads."""
    return {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}


def targets_of(statement: Statement) -> tuple[str, ...]:
    """The identifiers that a statement binds."""
    return tuple(name.strip() for name in statement.target.split(","))


def constants(statements: Sequence[Statement], inputs: Iterable[str]) -> set[Statement]:
    """The statements that use no entry of an input, but its shape, type or device at most.

    They are repeated where they are needed, never saved: their values have no batch axes.
    """
    varying = set(inputs)
    found: set[Statement] = set()
    for statement in statements:
        if varying.isdisjoint(entries_in(statement.expression)):
            found.add(statement)
        else:
            varying.update(targets_of(statement))
    return found


def is_size(statement: Statement) -> bool:
    """Whether a statement reads a size off a shape: every size has one of its own."""
    calls = (node for node in ast.walk(ast.parse(statement.expression)) if isinstance(node, ast.Call))
    return ".shape[" in statement.expression and next(calls, None) is None


def needed(statements: Sequence[Statement], expressions: Iterable[str]) -> list[Statement]:
    """The statements that some expressions need, in order; a shape or a type needs no projection of what has it."""
    texts = list(expressions)
    wanted = {name for text in texts for name in names_in(text)}
    entries = {name for text in texts for name in entries_in(text)}
    kept: list[Statement] = []
    for statement in reversed(statements):
        read = names_in(statement.expression)
        if (entries if statement.target in read else wanted).intersection(targets_of(statement)):
            kept.append(statement)
            wanted |= read
            entries |= entries_in(statement.expression)
    return kept[::-1]


@frozen
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


def cut(statements: Sequence[Statement], values: Iterable[str], others: Sequence[str], inputs: Iterable[str]) -> Halves:
    """Cut a program after what its values need; constants are computed again in the second half.

    Args:
        statements: the program.
        values: the results of the first half.
        others: those of the second.
        inputs: the names of what varies.
    """
    repeated = constants(statements, inputs)
    first = needed(statements, values)
    second = [s for s in needed(statements, others) if s not in first or s in repeated]
    bound = [name for statement in first if statement not in repeated for name in targets_of(statement)]
    read = {name for text in (*others, *(s.expression for s in second)) for name in names_in(text)}
    return Halves(tuple(first), tuple(second), tuple(name for name in bound if name in read))

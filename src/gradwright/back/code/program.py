"""The result of lowering: straight-line code, and what it needs around it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gradwright.back.code.wrapping import INDENT, in_block
from gradwright.core.nodes import Parameter
from gradwright.core.primitive import Primitive
from gradwright.frozen import frozen


@frozen
class Statement:
    """`target = expression`; several targets are separated by commas."""

    target: str
    expression: str


@frozen
class Foreign:
    """A function that the program calls by name and the library does not have.

    Attributes:
        name: the name that the program calls.
        primitive: the record, whose `numpy` implementation says what to compute.
        parameters: constants that the implementation takes after the tensors.
    """

    name: str
    primitive: Primitive
    parameters: tuple[Parameter, ...] = ()


@frozen
class Program:
    """Straight-line code.

    Attributes:
        parameters: for every input the identifier that the code uses for it.
        statements: in order.
        results: for every root the expression of its value, in terms of parameters and targets.
        helpers: the library's helper functions that the code calls, by name.
        foreign: the functions that the code calls and the library lacks.
        library: the name of the library.
        decorator: the line above a function of the program; empty for none.
    """

    parameters: Mapping[str, str]
    statements: tuple[Statement, ...]
    results: Mapping[str, str]
    library: str
    helpers: Mapping[str, str] = MappingProxyType({})
    foreign: tuple[Foreign, ...] = ()
    decorator: str = ""

    @property
    def reads_entries_of(self) -> set[str]:
        """Every identifier of which more is read than the shape, the type or the device."""
        texts = (*(s.expression for s in self.statements), *self.results.values())
        return {name for text in texts for name in entries_in(text)}

    def head(self, name: str, further: Iterable[str] = ()) -> list[str]:
        """The lines above the body of a function of that name, which takes further parameters behind the program's."""
        return [
            *filter(None, [self.decorator]),
            f"def {name}({', '.join([*self.parameters.values(), *further])}):",
        ]

    def body(self) -> list[str]:
        """The lines of the statements and of the `return`, for a function's body."""
        return [*statement_lines(self.statements), *in_block(f"return {', '.join(self.results.values())}")]


def statement_lines(statements: Iterable[Statement], indent: int = len(INDENT)) -> list[str]:
    """The lines of statements, in a block that stands so many columns from the left."""
    return [line for s in statements for line in in_block(f"{s.target} = {s.expression}", indent)]


_LOOKED_AT = ("shape", "dtype", "device", "new_zeros")


def entries_in(expression: str) -> set[str]:
    """The identifiers of which an expression reads entries, not only the shape, the type or the device."""
    names: set[str] = set()
    pending: list[ast.AST] = [ast.parse(expression, mode="eval").body]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Attribute) and node.attr in _LOOKED_AT:
            continue
        if isinstance(node, ast.Name):
            names.add(node.id)
        pending.extend(ast.iter_child_nodes(node))
    return names

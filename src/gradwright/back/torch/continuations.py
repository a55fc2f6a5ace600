"""Whether a program that is handed some values is another one from where that has computed them.

The fast backward of a least-squares loss is handed `r = X w − y`; the exact one computes r and goes on in the same way.
Names of what is between may differ, operations may not.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from gradwright.back.code.program import Statement
from gradwright.back.torch.statements import Piece, needed, renamed, targets_of


def beginning(whole: Piece, rest: Piece, handed: Sequence[str]) -> tuple[Statement, ...] | None:
    """The statements after which the rest of a program is the whole, or None where it is another program.

    Args:
        whole: the program.
        rest: what may be its end.
        handed: the names that the rest takes over.
    """
    comparison = _Comparison(whole, rest, handed)
    if not all(comparison.agrees(_parsed(r), _parsed(w)) for r, w in zip(rest.results, whole.results, strict=True)):
        return None
    names = {comparison.names[name]: name for name in handed if name in comparison.names}
    statements = needed(whole.statements, names)
    others = {name for statement in statements for name in targets_of(statement) if name not in names}
    if len(names) < len(handed) or not others.isdisjoint(handed):
        return None
    return tuple(renamed(statement, names) for statement in statements)


class _Comparison:
    """Of two programs, name by name.

    Attributes:
        names: for what the rest computes or is handed, the name of the same in the whole.
    """

    def __init__(self, whole: Piece, rest: Piece, handed: Sequence[str]) -> None:
        self._whole, self._rest, self._handed = _computed(whole), _computed(rest), handed
        self.names: dict[str, str] = {}

    def agrees(self, rest: object, whole: object) -> bool:
        """Whether two parts of expressions are the same operations on the same values."""
        match rest, whole:
            case ast.Name(id=name), ast.Name(id=other):
                return self._same(name, other)
            case ast.AST(), ast.AST():
                parts = zip(ast.iter_fields(rest), ast.iter_fields(whole), strict=True)
                return type(rest) is type(whole) and all(self.agrees(a, b) for (_, a), (_, b) in parts)
            case list(), list():
                return len(rest) == len(whole) and all(map(self.agrees, rest, whole))
            case _:
                return type(rest) is type(whole) and rest == whole

    def _same(self, name: str, other: str) -> bool:
        if name not in self.names and (name in self._handed or name in self._rest):
            if other not in self._whole or (name not in self._handed and not self._computed_alike(name, other)):
                return False
            self.names[name] = other
        return self.names.get(name, name) == other and (name in self.names or other not in self._whole)

    def _computed_alike(self, name: str, other: str) -> bool:
        (text, place), (other_text, other_place) = self._rest[name], self._whole[other]
        return place == other_place and self.agrees(_parsed(text), _parsed(other_text))


def _computed(piece: Piece) -> dict[str, tuple[str, int]]:
    """For every name that is computed, the expression, and which of its values it is."""
    return {name: (s.expression, k) for s in piece.statements for k, name in enumerate(targets_of(s))}


def _parsed(text: str) -> ast.AST:
    return ast.parse(text, mode="eval").body

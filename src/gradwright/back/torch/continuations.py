"""Whether a program that is handed some values is another one from where that has computed them.

The fast backward of a least-squares loss is handed `r = X w − y`; the exact one computes r and goes on in the same way.
Names of what is between may differ, operations may not.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache

from gradwright.back.code.program import Statement
from gradwright.back.torch.statements import Piece, needed, rename, renamed, targets_of


def beginning(whole: Piece, rest: Piece, handed: Sequence[str]) -> tuple[Statement, ...] | None:
    """The statements after which the rest of a program is the whole, or None where it is another program.

    Args:
        whole: the program.
        rest: what may be its end.
        handed: the names that the rest may take over.
    """
    comparison = _Comparison(whole, rest, handed)
    pairs = zip(rest.results, whole.results, strict=True)
    if not all(comparison.agrees(_parsed(result), _parsed(other), other) for result, other in pairs):
        return None
    meaning = comparison.handed
    statements = needed(whole.statements, meaning.values())
    computed = {name for statement in statements for name in targets_of(statement)}
    names = {text: name for name, text in meaning.items() if text in computed}
    others = computed - names.keys()
    if len({*meaning.values()}) < len(meaning) or not others.isdisjoint(handed):
        return None
    own = [(name, text) for name, text in meaning.items() if text not in {name, *computed}]
    return (*(renamed(s, names) for s in statements), *(Statement(name, rename(text, names)) for name, text in own))


class _Comparison:
    """Of two programs, expression by expression; a name stands for what was computed under it.

    Attributes:
        handed: for what the rest is handed, the name or the expression that has its place in the whole.
    """

    def __init__(self, whole: Piece, rest: Piece, handed: Sequence[str]) -> None:
        self._whole, self._rest, self._names = _computed(whole), _computed(rest), handed
        self._same: set[tuple[str, str]] = set()
        self.handed: dict[str, str] = {}

    def agrees(self, rest: object, whole: object, text: str) -> bool:
        """Whether two expressions are the same operations on the same values; the whole one is a part of a text."""
        match rest, whole:
            case ast.Name(id=name), ast.expr() if name in self._names:
                part = ast.get_source_segment(text, whole) or ""
                return self.handed.setdefault(name, part) == part
            case ast.Name(id=name), ast.Name(id=other) if name in self._rest and other in self._whole:
                return self._computed_alike(name, other)
            case ast.Name(id=name), ast.AST() if name in self._rest:
                inner, place = self._rest[name]
                return place is None and self.agrees(_parsed(inner), whole, text)
            case ast.AST(), ast.Name(id=name) if name in self._whole:
                inner, place = self._whole[name]
                return place is None and self.agrees(rest, _parsed(inner), inner)
            case ast.AST(), ast.AST():
                parts = zip(ast.iter_fields(rest), ast.iter_fields(whole), strict=True)
                return type(rest) is type(whole) and all(self.agrees(a, b, text) for (_, a), (_, b) in parts)
            case list(), list():
                return len(rest) == len(whole) and all(
                    self.agrees(a, b, text) for a, b in zip(rest, whole, strict=True)
                )
            case _:
                return type(rest) is type(whole) and rest == whole

    def _computed_alike(self, name: str, other: str) -> bool:
        if (name, other) not in self._same:
            (text, place), (other_text, other_place) = self._rest[name], self._whole[other]
            if place != other_place or not self.agrees(_parsed(text), _parsed(other_text), other_text):
                return False
            self._same.add((name, other))
        return True


def _computed(piece: Piece) -> dict[str, tuple[str, int | None]]:
    """For every name that is computed, the expression, and which of its values it is if there are several."""
    found: dict[str, tuple[str, int | None]] = {}
    for statement in piece.statements:
        names = targets_of(statement)
        found |= {name: (statement.expression, place if len(names) > 1 else None) for place, name in enumerate(names)}
    return found


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.AST:
    return ast.parse(text, mode="eval").body

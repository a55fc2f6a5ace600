"""Whether a program that is handed some values is another one from where that has computed them.

The fast backward of a least-squares loss is handed `r = X w − y`; the exact one computes r and goes on in the same way.
Names of what is between may differ, operations may not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gradwright.back.code.program import Statement
from gradwright.back.torch.statements import Piece, needed, rename, renamed, targets_of

_Pair = tuple[object, object, str]  # a part of the rest, one of the whole, and the text that the latter stands in


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

    def agrees(self, rest: ast.AST, whole: ast.AST, text: str) -> bool:
        """Whether two expressions are the same operations on the same values; the whole one is a part of a text."""
        pending: list[_Pair] = [(rest, whole, text)]
        while pending:  # long sums are nested deeply
            parts = self._parts(*pending.pop())
            if parts is None:
                return False
            pending.extend(parts)
        return True

    def _parts(self, rest: object, whole: object, text: str) -> Iterable[_Pair] | None:
        """What has to agree for two expressions to agree; None where they differ."""
        match rest, whole:
            case ast.Name(id=name), ast.expr() if name in self._names:
                part = ast.get_source_segment(text, whole) or ""
                return () if self.handed.setdefault(name, part) == part else None
            case ast.Name(id=name), ast.Name(id=other) if name in self._rest and other in self._whole:
                return self._computed_alike(name, other)
            case ast.Name(id=name), ast.AST() if name in self._rest:
                inner, place = self._rest[name]
                return [(_parsed(inner), whole, text)] if place is None else None
            case ast.AST(), ast.Name(id=name) if name in self._whole:
                inner, place = self._whole[name]
                return [(rest, _parsed(inner), inner)] if place is None else None
            case ast.AST(), ast.AST() if type(rest) is type(whole):
                parts = zip(ast.iter_fields(rest), ast.iter_fields(whole), strict=True)
                return [(a, b, text) for (_, a), (_, b) in parts]
            case list(), list() if len(rest) == len(whole):
                return [(a, b, text) for a, b in zip(rest, whole, strict=True)]
            case _:
                return () if type(rest) is type(whole) and rest == whole else None

    def _computed_alike(self, name: str, other: str) -> Iterable[_Pair] | None:
        (text, place), (other_text, other_place) = self._rest[name], self._whole[other]
        if (name, other) in self._same:
            return ()
        self._same.add((name, other))
        return [(_parsed(text), _parsed(other_text), other_text)] if place == other_place else None


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

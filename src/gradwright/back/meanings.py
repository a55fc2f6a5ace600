"""What letters stand for, as equations; unknowns of one system have one: `(P, r) = solve(H, h: …)`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeGuard

from gradwright.back.formula import Call, Formula, Name
from gradwright.back.latex import latex
from gradwright.back.sharing import Letter, whole_of
from gradwright.back.text import ascii_text, unicode
from gradwright.frozen import replace


def told_together(letters: Iterable[Letter]) -> Iterator[tuple[tuple[Formula, ...], Formula, Formula]]:
    """The names of letters, these as a left side, and what they stand for."""
    systems: dict[Hashable, list[tuple[Formula, Formula]]] = {}
    for letter in letters:
        key = whole_of(letter.value) if _is_solution(letter.value) else letter.name.key
        systems.setdefault(key, []).append((letter.name, letter.value))
    for found in systems.values():
        (name, value), *others = found
        yield _in_one_equation(found) if others else ((name,), name, value)


def _is_solution(value: Formula) -> TypeGuard[Call]:
    """Whether a formula is one of the unknowns of equations that are written out."""
    return isinstance(value, Call) and bool(value.binds)


def _in_one_equation(found: Sequence[tuple[Formula, Formula]]) -> tuple[tuple[Formula, ...], Formula, Formula]:
    solutions = [(name, value) for name, value in found if _is_solution(value)]
    in_order = sorted(solutions, key=lambda named: named[1].binds.index(named[1].output))
    names, values = zip(*in_order, strict=True)
    unknowns = [value.arguments[0] for value in values]
    system = replace(values[0], arguments=(_listed(unknowns, "{}"), *values[0].arguments[1:]))
    return names, _listed(names, "({})"), system


def _listed(names: Sequence[Formula], around: str) -> Formula:
    text, plain, written = (around.format(", ".join(map(write, names))) for write in (unicode, ascii_text, latex))
    return Name(0, True, text, plain, written)

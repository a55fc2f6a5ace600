"""Names for intermediate values: readable, deterministic, and never taken already."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from keyword import iskeyword, issoftkeyword

LONGEST = 14


class Names:
    """The identifiers of one program."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def fresh(self, base: str) -> str:
        """The base itself if it is free, else the base with the first number that makes it so."""
        candidate, count = base, 1
        while candidate in self._taken or _reserved(candidate):
            count += 1
            candidate = f"{base}_{count}" if base[-1:].isdigit() else f"{base}{count}"
        self._taken.add(candidate)
        return candidate


def _reserved(name: str) -> bool:
    return iskeyword(name) or issoftkeyword(name) or hasattr(builtins, name)


def joined(parts: Iterable[str], otherwise: str) -> str:
    """Short names put together: `Xw` for X and w; else another name."""
    listed = list(parts)
    text = "".join(listed) if all(len(part) <= 2 for part in listed) else "_".join(listed)
    return text if listed and len(text) <= LONGEST and text.isidentifier() else otherwise


def unused(name: str, taken: Iterable[str]) -> str:
    """The name, with underscores behind it until nothing else has it."""
    names = set(taken)
    while name in names:
        name += "_"
    return name

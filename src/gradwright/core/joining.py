"""Things that belong together because something joins them: a union-find."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any


class Joined:
    """Sets of things that grow together."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Any] = {}

    def root(self, item: Hashable) -> Any:
        """The thing that stands for all that an item is joined with."""
        while item in self._parent:
            item = self._parent[item]
        return item

    def join(self, items: Iterable[Hashable]) -> None:
        """Make one set of the sets of some things."""
        roots = list(dict.fromkeys(map(self.root, items)))
        self._parent.update((root, roots[0]) for root in roots[1:])

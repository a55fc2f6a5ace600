"""Lists in which a thing may occur more than once, as factors of a product and terms of a sum do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def without(items: Iterable[T], taken: Iterable[T]) -> list[T]:
    """The items, less one occurrence of each of those that are taken away."""
    left = list(items)
    for item in taken:
        left.remove(item)
    return left

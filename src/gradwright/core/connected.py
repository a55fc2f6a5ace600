"""Which factors of a product belong together: those that share a label, directly or through others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gradwright.core.nodes import Factor


def connected(factors: Iterable[Factor], through: Collection[int] | None = None) -> list[list[Factor]]:
    """The factors in parts that share none of the given labels, by default none at all."""
    parts: list[tuple[list[Factor], set[int]]] = []
    for factor in factors:
        labels = {label for label in factor.labels if through is None or label in through}
        touched = [part for part in parts if part[1] & labels]
        parts = [part for part in parts if not part[1] & labels]
        joined = [f for part, _ in touched for f in part]
        parts.append(([*joined, factor], labels.union(*(part for _, part in touched))))
    return [part for part, _ in parts]


def joined_to(factors: Sequence[Factor], labels: Collection[int]) -> tuple[list[Factor], list[Factor]]:
    """The factors that are joined to some labels, directly or through others, and the rest."""
    parts = connected(factors)
    own = {f for part in parts if any(not set(f.labels).isdisjoint(labels) for f in part) for f in part}
    return [f for f in factors if f in own], [f for f in factors if f not in own]

"""How much of a long computation is tried: so many calls, counted so that the answer is the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradwright.check.diagnosis.scene import Repair, Scene

MOST_CALLS = 100_000  # for the repairs that are tried first
FEWER_CALLS = 30_000  # for those of rarer mistakes


def affordable(tried: Iterable[tuple[Repair, ...]], scene: Scene, most: int) -> Iterator[tuple[Repair, ...]]:
    """The first of some repairs, each of one value or of several, for as long as trying them takes few enough calls."""
    calls = 0
    for repairs in tried:
        calls += scene.program.calls(*(repair.slot for repair in repairs))
        if calls > most:
            return
        yield repairs

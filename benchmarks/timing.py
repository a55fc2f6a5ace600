"""Timing side by side: every round runs every contestant once, in an order that changes.

What disturbs the machine disturbs all of them. A contestant that takes microseconds is repeated within
its turn, so that the clock's own cost does not count. The ratio of two contestants is the median of
their ratios in the same rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

SHORTEST = 2e-3  # seconds of a turn, at least


@dataclass(frozen=True)
class Timing:
    """The turns of every contestant, in seconds for one call."""

    turns: Mapping[str, tuple[float, ...]]

    def seconds(self, name: str) -> float:
        """The median."""
        return median(self.turns[name])

    def ratio(self, name: str, reference: str) -> float:
        """How many times as long as the reference, in the same rounds."""
        pairs = zip(self.turns[name], self.turns[reference], strict=False)
        return median(a / b for a, b in pairs)


def side_by_side(
    found: Mapping[str, Callable[[], Any]], seconds: float = 3.0, fewest: int = 5, most: int = 60
) -> Timing:
    """Run contestants in turns for about the given time.

    Args:
        found: functions without arguments.
        seconds: the time to spend.
        fewest: rounds that are run in any case; one that takes longer than the time is run three times.
        most: rounds after which to stop.
    """
    once = {name: _once(run) for name, run in found.items()}
    repeats = {name: max(1, round(SHORTEST / max(t, 1e-7))) for name, t in once.items()}
    round_time = sum(max(t, SHORTEST) for t in once.values())
    rounds = max(3 if round_time > seconds else fewest, min(most, int(seconds / round_time)))
    turns: dict[str, list[float]] = {name: [] for name in found}
    names = list(found)
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                turns[name].append(_turn(found[name], repeats[name]))
    finally:
        gc.enable()
    return Timing({name: tuple(values) for name, values in turns.items()})


def _once(run: Callable[[], Any]) -> float:
    """The time of a call after two to warm up."""
    run()
    run()
    return _turn(run, 1)


def _turn(run: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats

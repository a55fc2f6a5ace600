"""Timing side by side: every round runs every contestant once, in a random order.

The clock is the processor time of the process, all its threads counted: on one core it is what a watch
shows when nothing else runs, and other processes do not lengthen it. A contestant that takes
microseconds is repeated within its turn, after one call that does not count: neither the clock's own
cost nor what the one before left in the caches belongs to it. The ratio of two contestants is the median
of their ratios in the same rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any

SHORTEST = 2e-3  # seconds of a turn, at least
SLOW = 1.0  # seconds of a call from which a contestant has one turn only, if others are much faster


@dataclass(frozen=True)
class Timing:
    """The turns of every contestant, in seconds for one call."""

    turns: Mapping[str, tuple[float, ...]]

    def seconds(self, name: str) -> float:
        """The median."""
        return median(self.turns[name])

    def ratio(self, name: str, reference: str) -> float:
        """How many times as long as the reference, in the same rounds."""
        mine, other = self.turns[name], self.turns[reference]
        if len(mine) < len(other):
            return median(mine) / median(other)
        return median(a / b for a, b in zip(mine, other, strict=True))


def together(timings: Sequence[Timing]) -> Timing:
    """The turns of several processes, of the contestants that all of them ran."""
    names = [name for name in timings[0].turns if all(name in timing.turns for timing in timings)]
    return Timing({name: tuple(turn for timing in timings for turn in timing.turns[name]) for name in names})


def side_by_side(
    found: Mapping[str, Callable[[], Any]], seconds: float = 3.0, fewest: int = 5, most: int = 60
) -> Timing:
    """Run contestants in turns for about the given time.

    Args:
        found: functions without arguments, all of which have run before.
        seconds: the time to spend.
        fewest: rounds that are run in any case.
        most: rounds after which to stop.
    """
    once = {name: _turn(run, 1) for name, run in found.items()}
    slow = {name: (t,) for name, t in once.items() if t > max(SLOW, 3 * min(once.values()))}
    names = [name for name in found if name not in slow]
    repeats = {name: max(1, round(SHORTEST / max(once[name], 1e-7))) for name in names}
    round_time = sum(max(once[name], SHORTEST) for name in names)
    rounds = max(fewest, min(most, int(seconds / max(round_time, SHORTEST))))
    turns: dict[str, list[float]] = {name: [] for name in names}
    order = Random()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            order.shuffle(names)
            for name in names:
                turns[name].append(_turn(found[name], repeats[name]))
    finally:
        gc.enable()
    return Timing({name: slow.get(name) or tuple(turns[name]) for name in found})


def _turn(run: Callable[[], Any], repeats: int) -> float:
    if repeats > 1:
        run()
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats

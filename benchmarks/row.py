"""The rows of the table, each measured in processes of its own: agreement first, then time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from benchmarks import settings
from benchmarks.case import Case
from benchmarks.contestants import IN_JAX, MODULE, contestants, disagreements
from benchmarks.table import AGAINST_JAX, AGAINST_MODULE, Row, limits_of
from benchmarks.timing import Timing, side_by_side, together

PROCESSES = 3


def rows_of(names: Sequence[str], seconds: float, compiled: bool) -> Iterator[Row]:
    """Run the cases of these names one after the other, each in a few processes of its own.

    Where in memory a process has its results decides much of what microseconds are measured, and may favour one
    contestant or another: the turns of several processes are put together.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, settings.prepare, max_tasks_per_child=1) as processes:
        for name in names:
            tasks = [processes.submit(run_named, name, seconds / PROCESSES, compiled) for _ in range(PROCESSES)]
            yield _row(name, [task.result() for task in tasks])


def run_named(name: str, seconds: float, compiled: bool) -> tuple[Timing, dict[str, float]]:
    """Run a case in this process: the turns, and who returns something else than gradwright, who is not timed."""
    case = _case(name)
    found = contestants(case, case.inputs(), compiled)
    wrong = disagreements(case, found)
    return side_by_side({name: run for name, run in found.items() if name not in wrong}, seconds), wrong


def _case(name: str) -> Case:
    from benchmarks.cases import CASES

    return next(case for case in CASES if case.name == name)


def _row(name: str, runs: Sequence[tuple[Timing, dict[str, float]]]) -> Row:
    case, timing = _case(name), together([timing for timing, _ in runs])
    wrong = {contestant: error for _, found in runs for contestant, error in found.items()}
    ratios = {name: timing.ratio(name, "gradwright") for name in timing.turns if name != "gradwright"}
    pairs = {AGAINST_MODULE: ("torch", MODULE), AGAINST_JAX: ("jax.jit", IN_JAX)}
    ratios |= {name: timing.ratio(*pair) for name, pair in pairs.items() if set(pair) <= ratios.keys()}
    return Row(
        case.name,
        case.group,
        timing.seconds("gradwright"),
        ratios,
        wrong,
        {},
        limits_of(case),
        case.note,
    )

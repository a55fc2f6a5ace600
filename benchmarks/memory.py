"""Peak memory of every contestant, each in a process of its own.

A process makes the inputs, rehearses so that libraries have loaded and compiled what they do once, forks, and runs a
contestant in the child, twice: the first run brings in the pages of the libraries' code that it executes, ten megabytes
for some. By what the largest resident set of the second exceeds the one before it is the contestant's. For JAX the
compiler's own account is taken: its runtime does not survive a fork.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.case import Case

MEGABYTE = 2.0**20
REHEARSALS = 3  # a compiled function watches its second call, and writes over temporaries from the third one on


def peaks(names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Megabytes above the inputs, by case and contestant."""
    command = [sys.executable, "-m", "benchmarks.memory", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def measured(case: Case) -> dict[str, float]:
    """The same, in this process."""
    from benchmarks.contestants import IN_NUMPY, MODULE, contestants

    plain = _without_jax(case)
    skipped = {IN_NUMPY, MODULE, *SKIPPED.get(case.name, ())}
    found = {name: run for name, run in contestants(plain, plain.inputs()).items() if name not in skipped}
    for run in found.values():
        for _ in range(REHEARSALS):
            run()
    return {name: _in_a_child(run) for name, run in found.items()}


SKIPPED: dict[str, tuple[str, ...]] = {"trace(A x xᵀ), n = 512": ("torch",)}  # half a minute


def jax_account(case: Case) -> float:
    """Megabytes of temporaries and results, by XLA's own account."""
    from benchmarks.contestants import jax_function

    function, values = jax_function(case, case.inputs())
    account = function.lower(values).compile().memory_analysis()
    return (account.temp_size_in_bytes + account.output_size_in_bytes) / MEGABYTE


def _without_jax(case: Case) -> Case:
    import dataclasses

    return dataclasses.replace(case, plain_jax=None)


def _in_a_child(run: Callable[[], object]) -> float:
    reader, writer = os.pipe()
    if os.fork() == 0:
        run()
        before = _resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the largest so far becomes the present one
        run()
        os.write(writer, str(max(_resident("VmHWM") - before, 0)).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    with os.fdopen(reader) as stream:
        return float(stream.read() or "nan") / MEGABYTE


def _resident(entry: str) -> int:
    """The resident set (`VmRSS`), or the largest so far (`VmHWM`), in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry)) * 1024


if __name__ == "__main__":
    from benchmarks import settings
    from benchmarks.cases import CASES

    settings.prepare(settings.FRESH)
    chosen = [case for case in CASES if case.name in sys.argv[1:]]
    sizes = {case.name: measured(case) for case in chosen}
    # JAX last: its threads do not survive a fork.
    for case in chosen:
        if case.plain_jax is not None:
            sizes[case.name]["jax.jit"] = jax_account(case)
    print(json.dumps(sizes))

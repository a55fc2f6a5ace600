"""Start-up: the import, the first derivation from the command line, and derivation against size."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

ROUNDS = 7
COMMAND = """
import sys
from gradwright.app.main import run
sys.argv = ["gradwright", "derive", "inv(X)"]
run()
"""


def startup_lines() -> str:
    """The measurements, as a table."""
    numpy, package, command = _medians(["import numpy", "import gradwright", COMMAND])
    lines = [
        "| | processor seconds | goal |",
        "|---|---:|---:|",
        f"| `import numpy` | {numpy:.3f} | |",
        f"| `import gradwright`, over NumPy's | {package - numpy:.3f} | 0.030 |",
        f'| `gradwright derive "inv(X)"`, over NumPy\'s import | {command - numpy:.3f} | 0.300 |',
    ]
    explained = "A negative time: `import gradwright` does not load NumPy, the first derivation does."
    return "\n".join([*lines, "", explained, "", _growth()])


def _medians(codes: Sequence[str]) -> list[float]:
    """The median time of an interpreter that runs each code, in turns."""
    rounds = [[_seconds(code) for code in codes] for _ in range(ROUNDS + 1)][1:]
    return [median(column) for column in zip(*rounds, strict=True)]


def _seconds(code: str) -> float:
    """Processor time, which other processes on the machine do not lengthen. Bytecode is kept, as it is for users."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, env=kept)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _growth() -> str:
    """Derivation against the size of the expression: a chain of layers, longer and longer."""
    lines = ["| layers of `tanh(W @ …)` | nodes of the gradient | milliseconds to derive |", "|---:|---:|---:|"]
    _derived(2)  # what is loaded on first use
    for depth in (4, 8, 16, 32, 64):
        nodes, seconds = _derived(depth)
        lines.append(f"| {depth} | {nodes} | {1e3 * seconds:.0f} |")
    return "\n".join(lines)


def _derived(depth: int) -> tuple[int, float]:
    import gradwright as gw
    from gradwright.core.walks import postorder

    text = "x"
    for _ in range(depth):
        text = f"tanh(W @ {text})"
    start = time.process_time()
    gradient = gw.derive(gw.parse(f"sum({text})", W="n n", x="n"), wrt="W").gradient
    return sum(1 for _ in postorder(gradient.node)), time.process_time() - start

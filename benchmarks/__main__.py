"""Run the benchmarks, print the tables, and write `docs/benchmarks.md`.

    python -m benchmarks [WORDS] [--seconds 2] [--compile] [--no-memory] [--no-write]

WORDS select the cases whose name or section contains them; then nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"


def main() -> int:
    """Run what was asked for; the exit code is 1 if two contestants disagree."""
    options = _options()
    settings.prepare()
    from benchmarks.cases import CASES
    from benchmarks.memory import peaks
    from benchmarks.operators import operator_rows
    from benchmarks.page import page
    from benchmarks.plots import draw_all
    from benchmarks.row import rows_of
    from benchmarks.startup import startup_lines
    from benchmarks.table import Row, sections

    start = time.perf_counter()
    words = " ".join(options.words)
    chosen = [case.name for case in CASES if words in f"{case.group} {case.name}"]
    rows: list[Row] = []
    for row in rows_of(chosen, options.seconds, options.compile):
        rows.append(row)
        print(
            f"{time.perf_counter() - start:5.0f} s  {row.name}: {1e3 * row.seconds:.3g} ms  {_summary(row)}", flush=True
        )
    if options.memory:
        found = peaks([row.name for row in rows])
        rows = [replace(row, megabytes=found[row.name]) for row in rows]
    if not words:
        rows += operator_rows(options.seconds)
    print(sections(rows))
    if options.write and not words:
        PAGE.write_text(page(rows, startup_lines(), draw_all(CASES, DOCS / "benchmarks")))
    return int(any(row.wrong.get("hand-written") or row.wrong.get("torch") for row in rows))


def _summary(row: object) -> str:
    ratios = getattr(row, "ratios", {})
    return ", ".join(f"{name} {ratio:.2f} ×" for name, ratio in ratios.items())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="the benchmarks, side by side")
    parser.add_argument("words", nargs="*", help="a part of the names of the cases to run")
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each case")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well: minutes more")
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="without peak memory")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave the page alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

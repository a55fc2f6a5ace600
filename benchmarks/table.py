"""The results as a page: a table a section, and what does not reach its goal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.case import Case

AGAINST_MODULE = "torch / module"
AGAINST_JAX = "jax.jit / in JAX"
CONTESTANTS = (
    "in NumPy", "in JAX", "hand-written", "torch", "torch.compile", "torch's kernel", "jax.jit", AGAINST_JAX, "module",
    AGAINST_MODULE, "memory fill",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One case: seconds of gradwright, times of the others relative to it, disagreements, megabytes."""

    name: str
    group: str
    seconds: float
    ratios: Mapping[str, float]
    wrong: Mapping[str, float]
    megabytes: Mapping[str, float]
    limits: Mapping[str, float]
    note: str = ""

    @property
    def missed(self) -> list[str]:
        """The goals that the row does not reach, in words."""
        found = [
            f"{'' if self.ratios[name] >= 1 else 'slower than '}{name}: {_times(self.ratios[name])}, aimed at "
            f"{_times(least)}"
            for name, least in self.limits.items()
            if name in self.ratios and self.ratios[name] < least
        ]
        mine = self.megabytes.get("gradwright")
        found += [
            f"more memory than {name}: {mine:.1f} against {other:.1f} MB"
            for name, other in self.megabytes.items()
            if mine is not None and name in ("hand-written", "torch") and mine > 1.1 * other + 0.5
        ]
        return found


def limits_of(case: Case) -> dict[str, float]:
    """How many times as long as gradwright each contestant has to take, at least."""
    goals = {
        "hand-written": case.goal.hand, "torch": case.goal.autodiff, "jax.jit": case.goal.jax,
        AGAINST_JAX: case.goal.jax, AGAINST_MODULE: case.goal.autodiff,
    }  # fmt: skip
    return {name: 1 / limit for name, limit in goals.items() if limit is not None}


def sections(rows: Sequence[Row]) -> str:
    """A table for every group."""
    groups = dict.fromkeys(row.group for row in rows)
    return "\n".join(_section(group, [row for row in rows if row.group == group]) for group in groups)


def shortfalls(rows: Iterable[Row]) -> str:
    """Where the goals are not reached."""
    lines = [f"- {row.group}, {row.name}: {'; '.join(row.missed)}." for row in rows if row.missed]
    return "\n".join(lines) or "None in this run."


def _section(group: str, rows: Sequence[Row]) -> str:
    columns = [name for name in CONTESTANTS if any(name in row.ratios or name in row.wrong for row in rows)]
    memory = any(row.megabytes for row in rows)
    head = ["", "gradwright", *columns, *(["peak memory, MB"] if memory else [])]
    lines = [_line(head), _line(["---", *(["---:"] * (len(head) - 1))])]
    lines += [_line(_cells(row, columns, memory)) for row in rows]
    notes = "".join(f"\n{row.name}: {row.note}.\n" for row in rows if row.note)
    return f"### {group}\n\n" + "\n".join(lines) + f"\n{notes}"


def _cells(row: Row, columns: Sequence[str], memory: bool) -> list[str]:
    cells = [row.name, _duration(row.seconds)]
    cells += [_times(row.ratios[name]) if name in row.ratios else _absent(row, name) for name in columns]
    return [*cells, _memory(row)] if memory else cells


def _absent(row: Row, name: str) -> str:
    return f"differs ({row.wrong[name]:.0e})" if name in row.wrong else "–"


def _memory(row: Row) -> str:
    names = [name for name in ("gradwright", "hand-written", "torch", "jax.jit") if name in row.megabytes]
    return " / ".join(f"{row.megabytes[name]:.1f}" for name in names)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _times(ratio: float) -> str:
    return f"{ratio:.0f} ×" if ratio >= 100 else f"{ratio:.3g} ×" if ratio >= 10 else f"{ratio:.2f} ×"


def _duration(seconds: float) -> str:
    return f"{1e6 * seconds:.0f} µs" if seconds < 1e-3 else f"{1e3 * seconds:.3g} ms"

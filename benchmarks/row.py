"""One row of the table: agreement first, then time."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.contestants import contestants, disagreements
from benchmarks.table import Row, limits_of
from benchmarks.timing import side_by_side


def row_of(case: Case, seconds: float, compiled: bool) -> Row:
    """Run a case. Who returns something else than gradwright is not timed."""
    found = contestants(case, case.inputs(), compiled)
    wrong = disagreements(case, found)
    timing = side_by_side({name: run for name, run in found.items() if name not in wrong}, seconds)
    ratios = {name: timing.ratio(name, "gradwright") for name in timing.turns if name != "gradwright"}
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

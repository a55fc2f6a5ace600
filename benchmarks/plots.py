"""Cost against size, as drawings: milliseconds over n from 8 to 2,048, both logarithmic."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.case import Case
from benchmarks.timing import side_by_side

SIZES = (8, 32, 128, 512, 2048)
CURVES = {"gradwright": "#0b6e4f", "hand-written": "#c8553d", "torch": "#5b6c9d"}
WIDTH, HEIGHT, MARGIN = 460, 300, 52
SERIES = {
    "least squares": "least-squares",
    "Gaussian process likelihood": "gaussian-process",
    "quadratic form": "quadratic-form",
    "layer norm": "layer-norm",
}
Curve = Sequence[tuple[int, float]]


def draw_all(cases: Sequence[Case], folder: Path) -> list[str]:
    """Measure and draw every series; the names of the files."""
    folder.mkdir(exist_ok=True)
    for beginning, name in SERIES.items():
        case = next(c for c in cases if c.name.startswith(beginning))
        (folder / f"{name}.svg").write_text(drawing(case.name.partition(",")[0], measured(case)))
    return list(SERIES.values())


def measured(case: Case) -> dict[str, Curve]:
    """Milliseconds of every contestant at every size, all dimensions being n."""
    from benchmarks.contestants import contestants

    found: dict[str, list[tuple[int, float]]] = {name: [] for name in CURVES}
    for size in SIZES:
        resized = dataclasses.replace(case, sizes=dict.fromkeys(case.sizes, size), plain_jax=None, others={})
        found_here = contestants(resized, resized.inputs())
        runs = {name: found_here[name] for name in CURVES}
        for run in runs.values():
            run()
        timing = side_by_side(runs, seconds=0.5, fewest=3, most=40)
        for name in CURVES:
            found[name].append((size, 1e3 * timing.seconds(name)))
    return dict(found)


def drawing(title: str, curves: Mapping[str, Curve]) -> str:
    """An SVG of the curves."""
    values = [value for curve in curves.values() for _, value in curve]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    body = [*_grid(low, high), *(_curve(name, curve, low, high) for name, curve in curves.items()), *_legend(curves)]
    text = f'<text x="{WIDTH / 2}" y="20" text-anchor="middle" font-weight="bold">{title}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="11" fill="#333"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{text}\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _across(size: float) -> float:
    span = math.log2(SIZES[-1] / SIZES[0])
    return MARGIN + (WIDTH - 2 * MARGIN) * math.log2(size / SIZES[0]) / span


def _up(milliseconds: float, low: int, high: int) -> float:
    share = (math.log10(milliseconds) - low) / (high - low)
    return HEIGHT - MARGIN + 12 - (HEIGHT - 2 * MARGIN) * share


def _grid(low: int, high: int) -> list[str]:
    lines: list[str] = []
    for power in range(low, high + 1):
        y = _up(10.0**power, low, high)
        lines.append(f'<path d="M{MARGIN} {y:.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>')
        lines.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for size in SIZES:
        x, bottom = _across(size), HEIGHT - MARGIN + 28
        lines.append(f'<text x="{x:.1f}" y="{bottom}" text-anchor="middle">{size}</text>')
    return lines


def _curve(name: str, curve: Curve, low: int, high: int) -> str:
    points = " ".join(f"{_across(size):.1f},{_up(value, low, high):.1f}" for size, value in curve)
    return f'<polyline points="{points}" fill="none" stroke="{CURVES[name]}" stroke-width="2"/>'


def _legend(curves: Mapping[str, Curve]) -> list[str]:
    found: list[str] = []
    for place, name in enumerate(curves):
        x = MARGIN + 110 * place
        found.append(f'<path d="M{x} {HEIGHT - 8}h18" stroke="{CURVES[name]}" stroke-width="2"/>')
        found.append(f'<text x="{x + 24}" y="{HEIGHT - 4}">{name}</text>')
    return found

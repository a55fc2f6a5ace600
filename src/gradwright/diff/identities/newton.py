"""Newton's method for the equations of an identity: steps of Gauss and Newton, of least norm, from a starting point."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradwright.core.arithmetic import Array, is_finite
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Node
from gradwright.diff.identities.declared_sets import lie_in_their_sets
from gradwright.diff.identities.linearised import (
    linear_system,
    real_rows,
    tensors_of,
)
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.residuals import gap_size, relative_residual

STEPS = 60
WINDOW = 6
HALVES = tuple(0.5**k for k in range(8))
LONGEST_LEAP = 3
CONVERGED = 1e-11


def newton(
    problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int], leaps: int = 0
) -> dict[Node, Array]:
    """Gauss-Newton steps of least norm on the unknowns, halved where they do not help; given up where they stall.

    From a point at which what is declared positive, or positive definite, is so, they do not leave that set.

    Args:
        problem: the equations.
        values: where to start.
        sizes: the sizes of the dimension names.
        leaps: how often a step is taken although no part of it helps, as at a minimum of what the equations miss.
    """
    problem = problem.without_gauge
    current = dict(values)
    error = earlier = gap_size(problem, current, sizes)
    guarded = lie_in_their_sets(problem, current)
    count = 0
    for _ in range(STEPS):
        if relative_residual(problem, current, sizes) < CONVERGED:
            break
        stalled = count % WINDOW == 0 and bool(count) and error > earlier / 2
        earlier, count = error if count % WINDOW == 0 else earlier, count + 1
        step = newton_step(problem, current, sizes)
        parts = (_moved(problem, current, step, scale) for scale in (() if stalled else HALVES))
        inside = (part for part in parts if not guarded or lie_in_their_sets(problem, part))
        following = next(((p, e) for p in inside if (e := gap_size(problem, p, sizes)) < error), None)
        if following is None:
            leap = _leap(problem, current, step)
            if not leaps or (guarded and not lie_in_their_sets(problem, leap)):
                break
            following, leaps, count = (leap, gap_size(problem, leap, sizes)), leaps - 1, 0
        current, error = following
    return current


def _moved(
    problem: Problem, values: Mapping[Node, Array], step: Mapping[Node, Array], scale: float
) -> dict[Node, Array]:
    return {**values, **{u: values[u] + scale * step[u] for u in problem.unknowns}}


def _leap(problem: Problem, values: Mapping[Node, Array], step: Mapping[Node, Array]) -> dict[Node, Array]:
    """A whole step, but none that is much larger than the unknowns: near a minimum it may have any length."""
    lengths = [sum(float(np.linalg.norm(at[u])) for u in problem.unknowns) for at in (step, values)]
    return _moved(problem, values, step, min(1.0, LONGEST_LEAP * lengths[1] / max(lengths[0], 1e-300)))


def newton_step(
    problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int], smallest: float | None = None
) -> dict[Node, Array]:
    """The step of least norm; singular values below the smallest, relative to the largest, count as zero."""
    system = linear_system(problem, values, sizes)
    gaps = evaluate_all(problem.gaps, values, sizes)
    side = -np.concatenate(real_rows(problem, gaps))
    if not (is_finite(system.matrix) and is_finite(side)):
        raise np.linalg.LinAlgError("the equations have no derivative there")
    coordinates, *_ = np.linalg.lstsq(system.matrix, side, rcond=smallest)
    return dict(zip(problem.unknowns, tensors_of(system, coordinates), strict=True))

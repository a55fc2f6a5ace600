"""How far the equations of an identity are from holding at a point, in numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Node
from gradwright.diff.identities.frames import is_orthonormal
from gradwright.diff.identities.problem import Problem


def relative_residual(problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> float:
    """The largest difference between the sides of an equation, relative to their terms."""
    return max(residuals(problem, values, sizes), default=0.0)


def residuals(problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> list[float]:
    """For each equation, and each orthonormal unknown, how far it is from holding."""
    found: list[float] = []
    for equation, parts in zip(problem.equations, problem.terms, strict=True):
        left, right, *terms = evaluate_all((equation.left, equation.right, *parts), values, sizes)
        scale = max(1e-3, *(largest(term) for term in terms))
        difference = largest(left - right) / scale
        found.append(difference if np.isfinite(difference) else np.inf)
    for unknown in problem.unknowns:
        if is_orthonormal(unknown):
            value = values[unknown]
            found.append(largest(value.conj().T @ value - np.eye(value.shape[1])))
    return found


def gap_size(problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> float:
    """The sum of the squares of what the equations miss; infinity where they have no value."""
    with np.errstate(all="ignore"):
        total = sum(float(np.sum(np.abs(gap) ** 2)) for gap in evaluate_all(problem.gaps, values, sizes))
    return total if np.isfinite(total) else np.inf

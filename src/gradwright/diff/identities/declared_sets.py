"""Whether values of unknowns lie in the sets in which these were declared to live."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradwright.core.arithmetic import Array, is_finite
from gradwright.core.facts import Facts
from gradwright.core.membership import departure
from gradwright.core.nodes import Node, Symbol
from gradwright.diff.identities.problem import Problem


def lie_in_their_sets(problem: Problem, values: Mapping[Node, Array]) -> bool:
    """Whether the unknowns that are declared positive, or positive definite, are so."""
    return all(is_in_open_set(values[u], u.facts) for u in problem.unknowns)


def first_outside(problem: Problem, values: Mapping[Node, Array]) -> Symbol | None:
    """An unknown that does not lie in its declared set, be that open or a linear space such as the lower triangles."""
    outside = (u for u in problem.unknowns if not is_in_open_set(values[u], u.facts) or _departs(values[u], u))
    return next(outside, None)


def _departs(value: Array, unknown: Symbol) -> bool:
    return bool(departure(value, unknown.facts)) or (unknown.real and bool(np.any(np.imag(value))))


def is_in_open_set(value: Array, facts: Facts) -> bool:
    """Whether a value has the facts that are inequalities: positive, or positive definite."""
    if not is_finite(value):
        return False
    if "positive" in facts and not np.all(value > 0):
        return False
    if "spd" not in facts:
        return True
    eigenvalues = np.linalg.eigvalsh(value + value.conj().T)
    return bool(eigenvalues[0] > len(value) * np.finfo(float).eps * eigenvalues[-1])

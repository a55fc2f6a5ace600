"""Whether a value is in the set that its variable is declared in.

The rules take the declared set for granted, so a value outside of it would get the derivative of another function.
What a finite difference moves, or what rounding leaves, is no such value: the tolerance is far above both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradwright.core.arithmetic import Array, is_finite, largest
from gradwright.core.facts import Facts

TOLERANCE = 1e-4

# What a declared fact says of a value: how far from it the value is, entry by entry. Whatever implies another fact
# (`spd`, `hermitian`) is tested by what it implies, too; `invertible` is where a matrix is factorised.
_DEVIATIONS: dict[str, tuple[Callable[[Array], Array], str]] = {
    "diagonal": (lambda a: a - np.diag(np.diag(a)), "has entries off its diagonal"),
    "symmetric": (lambda a: a - a.T, "differs from its transpose"),
    "hermitian": (lambda a: a - a.conj().T, "differs from its conjugate transpose"),
    "skew": (lambda a: a + a.T, "differs from minus its transpose"),
    "unit_diagonal": (lambda a: np.diag(a) - 1, "has a diagonal that is not 1"),
    "strictly_lower": (np.triu, "has entries on or above its diagonal"),
    "strictly_upper": (np.tril, "has entries on or below its diagonal"),
    "lower": (lambda a: np.triu(a, 1), "has entries above its diagonal"),
    "upper": (lambda a: np.tril(a, -1), "has entries below its diagonal"),
    "stiefel": (lambda a: a.conj().T @ a - np.eye(a.shape[1]), "has columns that are not orthonormal"),
    "positive": (lambda a: np.minimum(a, 0.0), "has entries that are not positive"),
}

# The facts that say in which linear, or affine, space a value is: a sum of a value in it and of directions is in it.
LINEAR: Facts = frozenset(_DEVIATIONS) - {"stiefel", "positive"}


def departure(value: Array, facts: Facts) -> str:
    """How a value departs from its declared set, in words; empty for a value in it."""
    stated = [test for fact, test in _DEVIATIONS.items() if fact in facts]
    if not stated:  # as most variables are, and some are large
        return ""
    scale = largest(value)
    for deviation, words in stated:
        distance = largest(deviation(value))
        if distance > TOLERANCE * scale:
            return f"{words}, by {distance:.2g}"
    if "spd" in facts and _is_indefinite(value, TOLERANCE * scale):
        return f"has eigenvalues that are not positive, by {abs(np.linalg.eigvalsh(value)[0]):.2g}"
    return ""


def _is_indefinite(value: Array, tolerance: float) -> bool:
    """Whether an eigenvalue is below minus the tolerance, by the cheapest test there is."""
    try:
        np.linalg.cholesky(value + tolerance * np.eye(len(value)))
    except np.linalg.LinAlgError:
        return is_finite(value)
    return False

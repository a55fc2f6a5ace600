"""Opposite cases, and what may be infinite where a comparison is 0, by choices."""

from __future__ import annotations

from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.simplify.branches import choose_branches, choose_inside


def choose_by_comparisons(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`[x ≤ 0] ∘ exp(x) + [x > 0]` is `where(x > 0, 1, exp(x))`."""
    return choose_branches(roots)


def choose_before_functions(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`where(x > 0, log(where(x > 0, x, ½)), 0)` for `where(x > 0, log(x), 0)`: what PyTorch and JAX differentiate."""
    return choose_inside(roots)

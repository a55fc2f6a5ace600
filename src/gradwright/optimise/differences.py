"""Differences that lie near zero by functions that keep their digits: `exp(x) − 1` is `expm1(x)`."""

from __future__ import annotations

from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.simplify.accurate import keep_digits


def with_digits_kept(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`log(eᵘ − 1)` is `u + log(−expm1(−u))`, and `1 − cos(u)` is `2 sin²(u / 2)`."""
    return keep_digits(roots)

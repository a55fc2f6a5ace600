"""Division by gaps between eigenvalues only where the quotient counts, so that others may be zero."""

from __future__ import annotations

from gradwright.diff.gaps import divided_gaps
from gradwright.optimise.roots import NO_HINTS, Hints, Roots


def divide_by_what_counts(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`diag(r) (M / (λ 1ᵀ − 1 λᵀ + I))` divides by 1 in the rows where a comparison r is 0."""
    return tuple(divided_gaps(root)[0] for root in roots)

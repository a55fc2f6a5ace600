"""What the operators of ATen are in the language: a rule for each, one family a file."""

from gradwright.check.tracing.operators import (
    axes,
    elementwise,
    indices,
    linear_algebra,
    parts,
    products,
    reductions,
    triangles,
)
from gradwright.check.tracing.operators.table import IGNORING, RANDOM, RULES

__all__ = [
    "IGNORING",
    "RANDOM",
    "RULES",
    "axes",
    "elementwise",
    "indices",
    "linear_algebra",
    "parts",
    "products",
    "reductions",
    "triangles",
]

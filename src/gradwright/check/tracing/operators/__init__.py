"""What the operators of ATen are in the language: a rule for each, one family a file."""

from gradwright.check.tracing.operators import (
    axes,
    convolution,
    elementwise,
    indices,
    linear_algebra,
    parts,
    products,
    reductions,
    sorting,
    triangles,
)
from gradwright.check.tracing.operators.table import IGNORING, RANDOM, RULES

__all__ = [
    "IGNORING",
    "RANDOM",
    "RULES",
    "axes",
    "convolution",
    "elementwise",
    "indices",
    "linear_algebra",
    "parts",
    "products",
    "reductions",
    "sorting",
    "triangles",
]

"""What the operators of ATen are in the language: a rule for each, one family a file."""

from gradwright.check.tracing.operators import (
    elementwise,
    linear_algebra,
    products,
    reductions,
    shapes,
)
from gradwright.check.tracing.operators.table import IGNORING, RANDOM, RULES

__all__ = ["IGNORING", "RANDOM", "RULES", "elementwise", "linear_algebra", "products", "reductions", "shapes"]

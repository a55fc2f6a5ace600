"""Expressions made fast before they are written as code: passes from expressions to expressions.

`pipeline` has the passes in their order, one a file; `paths` finds the cheapest order of a product.
"""

from gradwright.optimise.eigenvectors import are_in_eigenvectors
from gradwright.optimise.pipeline import (
    DIFFERENTIABLE_PASSES,
    JAX_MODULE_PASSES,
    MODULE_PASSES,
    PASSES,
    arrange,
    optimise,
)

__all__ = [
    "DIFFERENTIABLE_PASSES",
    "JAX_MODULE_PASSES",
    "MODULE_PASSES",
    "PASSES",
    "are_in_eigenvectors",
    "arrange",
    "optimise",
]

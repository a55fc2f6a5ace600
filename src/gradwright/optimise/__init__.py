"""Expressions made fast before they are written as code: passes from expressions to expressions.

`pipeline` has the passes in their order, one a file; `paths` finds the cheapest order of a product.
"""

from gradwright.optimise.pipeline import MODULE_PASSES, PASSES, arrange, optimise

__all__ = ["MODULE_PASSES", "PASSES", "arrange", "optimise"]

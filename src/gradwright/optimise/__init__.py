"""Expressions made fast before they are written as code: passes from expressions to expressions."""

from gradwright.optimise.pipeline import PASSES, optimise

__all__ = ["PASSES", "optimise"]

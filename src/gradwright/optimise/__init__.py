"""Expressions made fast before they are written as code: passes from expressions to expressions."""

from gradwright.optimise.pipeline import PASSES, arrange, optimise

__all__ = ["PASSES", "arrange", "optimise"]

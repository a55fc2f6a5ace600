"""Expressions made fast before they are written as code: passes from expressions to expressions."""

from gradwright.optimise.pipeline import PASSES, arrange, optimise
from gradwright.optimise.setting import Setting

__all__ = ["PASSES", "Setting", "arrange", "optimise"]

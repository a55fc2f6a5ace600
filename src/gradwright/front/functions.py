"""All functions of the language: importing this module registers them."""

from __future__ import annotations

import gradwright.diff.spectral
import gradwright.prims  # noqa: F401
from gradwright.core.registry import FUNCTIONS

__all__ = ["FUNCTIONS"]

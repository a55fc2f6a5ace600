"""What passes of the optimiser take and return: expressions, and what is known of the sizes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gradwright.core.nodes import Node

Roots = tuple[Node, ...]
# Sizes of dimension names, by which products are ordered and low ranks found.
Hints = Mapping[str, int]
NO_HINTS: Hints = MappingProxyType({})

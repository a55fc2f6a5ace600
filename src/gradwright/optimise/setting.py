"""What the passes of the optimiser may know besides the expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradwright.core.nodes import Node

Roots = tuple[Node, ...]


@dataclass(frozen=True)
class Setting:
    """Sizes and values that are known.

    Attributes:
        hints: sizes of dimension names, for choosing the order of products.
        given: nodes whose values are there already, such as outputs that a forward pass has saved; they are
            left as they are.
    """

    hints: Mapping[str, int] = field(default_factory=dict[str, int])
    given: frozenset[Node] = frozenset()


NOTHING_KNOWN = Setting()

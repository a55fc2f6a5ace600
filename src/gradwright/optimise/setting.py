"""What the passes of the optimiser may know besides the expressions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gradwright.core.nodes import Node
from gradwright.frozen import frozen

Roots = tuple[Node, ...]


@frozen
class Setting:
    """Sizes and values that are known.

    Attributes:
        hints: sizes of dimension names, for choosing the order of products.
        given: nodes whose values are there already, such as outputs that a forward pass has saved; they are
            left as they are.
    """

    hints: Mapping[str, int] = MappingProxyType({})
    given: frozenset[Node] = frozenset()


NOTHING_KNOWN = Setting()

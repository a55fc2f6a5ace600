"""The passes of the optimiser, in order. Each takes several expressions and returns as many, with the same values.

They see all expressions together, so that what a function and its derivatives share is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradwright.core.nodes import Node
from gradwright.optimise.association import associate
from gradwright.optimise.systems import without_systems

Roots = tuple[Node, ...]
Hints = Mapping[str, int]
PASSES: tuple[Callable[[Roots, Hints], Roots], ...] = (
    lambda roots, hints: without_systems(roots),
    associate,
)


def optimise(roots: Mapping[str, Node], hints: Hints | None = None) -> dict[str, Node]:
    """The expressions in the form that is fastest to evaluate.

    Args:
        roots: expressions by name; what they share is found.
        hints: sizes of dimension names, for choosing the order of products; 100 where there is none.
    """
    nodes = tuple(roots.values())
    for apply_pass in PASSES:
        nodes = apply_pass(nodes, hints or {})
    return dict(zip(roots, nodes, strict=True))

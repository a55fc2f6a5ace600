"""A wrong gradient: a formula with one mistake in it."""

from __future__ import annotations

from dataclasses import dataclass

from gradwright.core.nodes import Node, Solve
from gradwright.core.walks import postorder


@dataclass(frozen=True)
class Mutant:
    """A formula with one mistake.

    Attributes:
        node: the formula.
        label: the mistake.
        words: what is wrong, in words.
        cost: how unlikely the mistake is, beside others that would explain the same.
    """

    node: Node
    label: str
    words: str
    cost: float = 1.0


def bound_nodes(root: Node) -> set[Node]:
    """What stands inside the operators of linear systems, where their unknowns are bound."""
    systems = [node for node in postorder(root) if isinstance(node, Solve)]
    return {n for system in systems for e in system.equations for n in postorder(e.operator)}

"""A wrong gradient: a formula with one mistake in it."""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.core.contraction import contract
from gradwright.core.nodes import Contract, Factor, Node, Symbol
from gradwright.diff.derivatives import vjps
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen
from gradwright.simplify.pipeline import simplify


@frozen
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


def contraction(node: Contract, factors: Iterable[Factor]) -> Node:
    """The same product with other factors: the same labels, number in front and output."""
    return contract(node.coefficient, factors, node.output, dict(enumerate(node.dims)))


def pulled_back(node: Node, variable: Symbol, cotangent: Node) -> Node | None:
    """The vector-Jacobian product of a part of an expression; None where there is none."""
    try:
        return vjps((simplify(node),), (variable,), (cotangent,))[variable]
    except GradwrightError:
        return None

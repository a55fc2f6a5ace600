"""A step of a derivation: an equation with its reason, and what a check of it found."""

from __future__ import annotations

from gradwright.core.nodes import Node
from gradwright.core.tensor_forms import Form, Leaf
from gradwright.frozen import frozen

Side = Node | Form


@frozen
class Draft:
    """A step before it is numbered and checked.

    Attributes:
        rule: the name of the rule, in a textbook's words.
        left, right: the sides of the equation.
        reason: what was done.
        letters: names that stand for parts, introduced by this step: the name and what it stands for.
        part: to which part of the derivation it belongs: `differential`, `jacobian`, `chain rule`,
            `gradient`.
    """

    rule: str
    left: Side
    right: Side
    reason: str
    letters: tuple[tuple[str, Node], ...] = ()
    part: str = "differential"


@frozen
class Check:
    """What the numerical check of a step found.

    Attributes:
        passed: whether both sides agree at a generic point.
        residual: how much they differ, relative to their size.
        point: the sizes and the seed of the point.
    """

    passed: bool
    residual: float
    point: str = ""

    def __bool__(self) -> bool:
        return self.passed


def as_form(side: Side) -> Form:
    """A side as a form."""
    return Leaf(side) if isinstance(side, Node) else side

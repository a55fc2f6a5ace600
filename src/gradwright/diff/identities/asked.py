"""What a user asks for: a function that an identity defines."""

from __future__ import annotations

from collections.abc import Callable

from gradwright.core.nodes import Node
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.solution_points import Forward
from gradwright.frozen import frozen


@frozen
class Definition:
    """An identity, and what was given beside it.

    Attributes:
        problem: the identity.
        texts: its equations as they were written.
        forward: a function that gives the unknowns.
        start: a first guess for Newton's method.
        shown: how an expression is written in a message.
    """

    problem: Problem
    texts: tuple[str, ...]
    forward: Forward | None
    start: Forward | None
    shown: Callable[[Node], str]

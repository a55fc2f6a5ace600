"""The branches of an expression, which of them points take, and points at which they take the others.

A branch is decided by the sign of a difference: that of the two sides of a comparison or a maximum, or of an entry and
zero. Generic points have entries of the size of one, and see nothing of what happens beyond 100.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradwright.back.render import brief
from gradwright.check.truth import Point, Truth
from gradwright.core.nodes import Apply, Node
from gradwright.core.walks import postorder
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen
from gradwright.prims.piecewise import equal, has_kink, is_comparison

# Close enough together that an entry comes to lie in a window, far enough apart to leave what is usual.
FACTORS = (2.0, 3.0, 4.0, 6.0, 9.0, 14.0, 20.0, 60.0, 200.0, 1e3, 1e4, 0.1, 1e-2, 1e-3)
MOST = 8  # of the branches


@frozen
class Branch:
    """What is done where one side is greater, or where it is not.

    Attributes:
        left: one side.
        right: the other; None for zero.
        greater: whether the left one has to be greater.
        words: where that is.
        stated: whether the expression has this comparison, which is no part of a function with a kink.
    """

    left: Node
    right: Node | None
    greater: bool
    words: str
    stated: bool

    def is_taken(self, point: Point) -> bool:
        """Whether some entries of a point take it; not where they have no value."""
        try:
            values = point.evaluate(*(node for node in (self.left, self.right) if node is not None))
        except (GradwrightError, ArithmeticError, ValueError, np.linalg.LinAlgError):
            return False
        gap = np.real(values[0] - (values[1] if self.right is not None else 0))
        return bool(np.any(gap > 0 if self.greater else gap < 0))


def untaken(truth: Truth, points: Sequence[Point]) -> list[Branch]:
    """The branches that no point takes."""
    every = (branch for node in postorder(truth.node) for branch in _branches(node))
    return [branch for branch in every if not any(map(branch.is_taken, points))][:MOST]


def taking(branch: Branch, points: Sequence[Point]) -> Point | None:
    """A point that takes a branch, among multiples of others; None if none is found."""
    candidates = (scaled for factor in FACTORS for point in points for scaled in _multiples(point, factor))
    return next((point for point in candidates if branch.is_taken(point) and point.usable), None)


def _multiples(point: Point, factor: float) -> Iterator[Point]:
    names = point.truth.scalable
    yield point.scaled(names, factor)
    if len(names) > 1:  # both sides of a comparison may grow alike
        yield from (point.scaled([name], factor) for name in names)


def _branches(node: Node) -> Iterator[Branch]:
    if not isinstance(node, Apply) or not has_kink(node.primitive) or node.primitive is equal:
        return
    if not 1 <= len(node.arguments) <= 2:
        return  # of three, the first is the outcome of a comparison
    left, right = node.arguments[0], next(iter(node.arguments[1:]), None)
    stated = is_comparison(node)
    if stated:
        where = (brief(node)[1:-1], f"{brief(node)[1:-1]} does not hold")
    else:
        side = "0" if right is None else brief(right)
        where = (f"{brief(left)} > {side}", f"{brief(left)} < {side}")
    yield Branch(left, right, True, where[0], stated)
    yield Branch(left, right, False, where[1], stated)

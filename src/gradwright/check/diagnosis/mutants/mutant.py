"""A wrong gradient: a formula with one mistake in it."""

from __future__ import annotations

from functools import lru_cache

from gradwright.core.build import ones
from gradwright.core.inference import is_skew, is_symmetric
from gradwright.core.nodes import Node, Solve, Symbol
from gradwright.core.spaces import Space
from gradwright.core.walks import postorder, substitute, transform
from gradwright.diff.derivatives import vjps
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen, replace
from gradwright.prims.piecewise import is_comparison
from gradwright.simplify.pipeline import simplify

MOST_KEPT = 512
OF_TRANSPOSES = {Space.SYMMETRIC: is_symmetric, Space.SKEW: is_skew}
OF_MASKS = ("wrong_mask", "missing_mask")


@frozen
class Mutant:
    """A formula with one mistake.

    Attributes:
        node: the formula.
        label: the mistake.
        words: what is wrong, in words.
        cost: how unlikely the mistake is, beside others that would explain the same.
        partial: whether terms of the right formula are left out of it.
    """

    node: Node
    label: str
    words: str
    cost: float = 1.0
    partial: bool = False


def by_use(mutant: Mutant, right: Node) -> Mutant:
    """The mutant; a mistake in what a comparison is taken of is one of the mask."""
    masks = [node for node in postorder(mutant.node) if is_comparison(node)]
    if not masks or mutant.label in OF_MASKS or _unmasked(mutant.node) != _unmasked(right):
        return mutant
    return replace(mutant, label="wrong_mask", words=f"in what the mask compares, {mutant.words}")


def _unmasked(node: Node) -> Node:
    """A formula that lets every entry pass."""
    return substitute(node, {part: ones(part.shape) for part in postorder(node) if is_comparison(part)})


@lru_cache(maxsize=MOST_KEPT)
def pulled_back(node: Node, variable: Symbol, cotangent: Node) -> Node | None:
    """The vector-Jacobian product of a part of an expression; None where there is none.

    It is kept, since several mutants, and those of several variables, are made of the same parts.
    """
    try:
        return vjps((simplify(node),), (variable,), (cotangent,))[variable]
    except GradwrightError:
        return None


def placed(root: Node, part: Node, changed: Node) -> Node:
    """A formula with a part of it changed.

    A system whose solution was known to be symmetric, or skew-symmetric, may lose that with its right side: any matrix
    is then looked for.
    """
    found = substitute(root, {part: changed})
    before = set(postorder(root))
    if all(node in before or not isinstance(node, Solve) for node in postorder(found)):
        return found
    return transform(found, lambda node: node if node in before else _widened(node))


def _widened(node: Node) -> Node:
    if not isinstance(node, Solve) or len(node.unknowns) != 1:
        return node
    unknown, equation = node.unknowns[0], node.equations[0]
    known = OF_TRANSPOSES.get(unknown.space)
    if known is None or equation.space != unknown.space or known(node.right_sides[0]):
        return node
    free = unknown._replace(space=Space.FREE), equation._replace(space=Space.FREE)
    return Solve((free[0],), (free[1],), node.right_sides, node.index)

"""Equality of public expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradwright.api.expression import as_expression
from gradwright.core.build import common_shape, spread
from gradwright.core.nodes import Direction, Node
from gradwright.core.walks import directions as directions_of
from gradwright.core.walks import substitute, symbols
from gradwright.errors import ShapeError
from gradwright.simplify.equality import Equality
from gradwright.simplify.equality import equal as equal_nodes


def equal(left: Any, right: Any) -> Equality:
    """Whether two expressions are equal as functions of their variables.

    Returns:
        An `Equality`, true only if the equality was proved: `.status` is `proved`, `refuted` (with the
        point at which the sides differ) or `undecided`, and `.reason` says why.

    Raises:
        ShapeError: the expressions have different shapes.
        DeclarationError: a variable is declared differently in the two.
    """
    a, b = as_expression(left), as_expression(right)
    if a is None or b is None:
        text = next((side for side in (left, right) if isinstance(side, str)), None)
        remedy = "" if text is None else f": write parse({text!r})"
        raise ShapeError(f"equal compares two expressions, or an expression and a number{remedy}")
    a.signature.merged(b.signature)
    shape = common_shape(a.node, b.node, "equality")
    directions = {leaf.name: leaf for node in (a.node, b.node) for leaf in directions_of(node)}
    first, second = (_with_directions(side.node, directions) for side in (a, b))
    return equal_nodes(spread(first, shape), spread(second, shape))


def _with_directions(node: Node, directions: Mapping[str, Direction]) -> Node:
    """The node with the directions of a derivative for declared variables of their names: `dX` is `dX`."""
    named = {s: directions[s.name] for s in symbols(node) if s.name in directions}
    return substitute(node, {s: d for s, d in named.items() if s.shape == d.shape and (d.real or not s.real)})


__all__ = ["Equality", "equal"]

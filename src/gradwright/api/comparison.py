"""Equality of public expressions."""

from __future__ import annotations

from typing import Any

from gradwright.api.expression import as_expression
from gradwright.core.build import common_shape, spread
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
        raise ShapeError("equal compares two expressions, or an expression and a number")
    a.signature.merged(b.signature)
    shape = common_shape(a.node, b.node, "equality")
    return equal_nodes(spread(a.node, shape), spread(b.node, shape))


__all__ = ["Equality", "equal"]

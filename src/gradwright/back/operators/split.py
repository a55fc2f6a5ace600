"""How the axes of a derivative split into the output's and the variable's.

A tensor alone does not say which of its axes are rows and which are columns of the linear map that
it is; whoever derives it does. The two products are given as functions, so that deriving them costs
nothing until an operator needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gradwright.core.nodes import Direction, Node, Symbol, field_of
from gradwright.diff.derivatives import gradient, vjp
from gradwright.diff.differential import differential
from gradwright.frozen import frozen
from gradwright.linear.projection import project_tangent
from gradwright.simplify.pipeline import simplify

COTANGENT = "__cotangent"


@frozen
class Product:
    """An expression that is linear in one of its leaves."""

    node: Node
    leaf: Symbol | Direction


@frozen
class Split:
    """A tensor as a linear map.

    Attributes:
        rows: how many of the first axes belong to the output.
        column_variable: the variable that the other axes belong to, if it is one.
        row_variable: the variable that the first axes belong to: set for a Hessian.
        symmetric: whether the map is its own transpose, as the Hessian in one variable is.
        forward: the map applied to a direction (JVP, HVP), derived when first asked for.
        backward: its transpose applied to a cotangent.
    """

    rows: int
    column_variable: Symbol | None = None
    row_variable: Symbol | None = None
    symmetric: bool = False
    forward: Callable[[], Product] | None = None
    backward: Callable[[], Product] | None = None


def jacobian_split(node: Node, variable: Symbol) -> Split:
    """The Jacobian of an expression: the output's axes are the rows."""
    forward, backward = partial(_forward, node, variable), partial(_backward, node, variable)
    return Split(node.rank, column_variable=variable, forward=forward, backward=backward)


def hessian_split(node: Node, row: Symbol, column: Symbol) -> Split:
    """The Hessian of a scalar in two variables: the Jacobian, in the second, of the gradient in the first."""
    return Split(
        row.rank,
        column_variable=column,
        row_variable=row,
        symmetric=row == column,
        forward=partial(_moved_gradient, node, row, column),
        backward=partial(_moved_gradient, node, column, row),
    )


def _forward(node: Node, variable: Symbol) -> Product:
    moved = _free_direction(variable)
    return Product(simplify(differential(node, {variable: project_tangent(moved, variable)})), moved)


def _backward(node: Node, variable: Symbol) -> Product:
    cotangent = _cotangent(node)
    return Product(vjp(node, variable, cotangent), cotangent)


def _moved_gradient(node: Node, row: Symbol, column: Symbol) -> Product:
    moved = _free_direction(column)
    change = differential(gradient(node, row), {column: project_tangent(moved, column)})
    return Product(simplify(project_tangent(simplify(change), row)), moved)


def _free_direction(variable: Symbol) -> Direction:
    """A direction that need not lie in the tangent space: it is projected first, as in the Jacobian."""
    return Direction(variable.name, variable.shape, field_of(variable))


def _cotangent(node: Node) -> Symbol:
    return Symbol(COTANGENT, node.shape, field_of(node))

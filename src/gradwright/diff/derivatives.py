"""Derivatives of expressions as expressions: VJP, gradient, Jacobian, Hessian.

Everything comes from the differential, a linear form: the vector-Jacobian product is its transpose,
the gradient that transpose at the cotangent 1, the Jacobian the form applied to the identity. For a
structured variable, gradients and vector-Jacobian products are projected on the tangent space of its
set, the Jacobian is composed with that projection, and the Hessian is projected on both sides.
"""

from __future__ import annotations

from gradwright.core.build import constant, matmul, multiply, number, permute
from gradwright.core.contraction import zero
from gradwright.core.nodes import Node, Symbol, field_of
from gradwright.core.primitive import shape_text
from gradwright.core.sums import add, subtract
from gradwright.core.walks import free_leaves
from gradwright.diff.differential import differential, direction
from gradwright.errors import DerivationError
from gradwright.linear.collect import collect, collect_all
from gradwright.linear.forms import identity_tensor, jacobian, push, transpose
from gradwright.linear.projection import (
    is_structured,
    normal_coordinates,
    project_tangent,
    turns,
    without_normal_terms,
)
from gradwright.simplify.expansion import expand_tensors
from gradwright.simplify.pipeline import simplify, simplify_all


def total_differential(node: Node, variables: tuple[Symbol, ...]) -> Node:
    """The differential in the directions of some variables."""
    return simplify(differential(node, {v: direction(v) for v in variables}))


def vjp(node: Node, variable: Symbol, cotangent: Node) -> Node:
    """The vector-Jacobian product: the representative of `dX ↦ Re⟨G, dY⟩` in the tangent space."""
    return vjps((node,), (variable,), (cotangent,))[variable]


def vjps(nodes: tuple[Node, ...], variables: tuple[Symbol, ...], cotangents: tuple[Node, ...]) -> dict[Node, Node]:
    """The vector-Jacobian products of several outputs with respect to several variables."""
    totals = _pulled_back(nodes, variables, cotangents)
    tangent = tuple(project_tangent(total, v) for total, v in zip(totals, variables, strict=True))
    return dict(zip(variables, collect_all(simplify_all(tangent)), strict=True))


def free_vjps(node: Node, variables: tuple[Symbol, ...], cotangent: Node) -> dict[Node, Node]:
    """The vector-Jacobian products as if no variable were structured: before the projection."""
    totals = _pulled_back((node,), variables, (cotangent,))
    return dict(zip(variables, collect_all(totals), strict=True))


def _pulled_back(
    nodes: tuple[Node, ...], variables: tuple[Symbol, ...], cotangents: tuple[Node, ...]
) -> tuple[Node, ...]:
    moves = tuple(map(direction, variables))
    directions: dict[Node, Node] = dict(zip(variables, moves, strict=True))
    parts: dict[Node, list[Node]] = {v: [] for v in variables}
    for node, cotangent in zip(nodes, cotangents, strict=True):
        form = simplify(differential(node, directions))
        arrived = transpose(form, cotangent, moves)
        for variable, moved in zip(variables, moves, strict=True):
            parts[variable].append(arrived[moved])
    return simplify_all(tuple(add(parts[v]) for v in variables))


def _finished(parts: list[Node], variable: Symbol) -> Node:
    return collect(_tangent(simplify(add(parts)), variable))


def _tangent(total: Node, variable: Symbol) -> Node:
    return simplify(project_tangent(total, variable))


def gradient(node: Node, variable: Symbol) -> Node:
    """The gradient of a scalar.

    Raises:
        DerivationError: the expression is no scalar.
    """
    require_scalar(node, "gradient")
    return vjp(node, variable, number(1))


def gradients(node: Node, variables: tuple[Symbol, ...]) -> dict[Node, Node]:
    """The gradients of a scalar in several variables, in one backward walk."""
    require_scalar(node, "gradient")
    return vjps((node,), variables, (number(1),))


def require_scalar(node: Node, kind: str) -> None:
    """Refuse to take a gradient, or a Hessian, of what is no scalar."""
    if node.rank:
        raise DerivationError(
            f"only a scalar has a {kind}, and this expression is {shape_text(node.shape)}: ask for its vjp, its jvp or "
            f"its jacobian, or take a sum or a norm first"
        )


def full_jacobian(node: Node, variable: Symbol) -> Node:
    """The tensor of all partial derivatives: the output's axes, then the variable's; of a real scalar the gradient."""
    if not node.rank and node.real and variable.real:
        return gradient(node, variable)
    moved = direction(variable)
    if not is_structured(variable.facts) and not (node.rank < variable.rank and variable.real and node.real):
        free = jacobian(simplify(differential(node, {variable: moved})), moved)
        return _readable(free)
    cotangent = Symbol("__cotangent", node.shape, field_of(node))
    _refuse_complex(variable)
    pulled = vjp(node, variable, cotangent)
    units = identity_tensor(node.shape)
    spread = push(pulled, {cotangent: units}, node.shape)
    if not node.real:
        # In a real variable the product with G is Re(Jᴴ G): its entries at i are the imaginary parts of J.
        i = constant("i")
        spread = add([spread, multiply(i, push(pulled, {cotangent: multiply(i, units)}, node.shape))])
    inputs = variable.rank
    order = [*range(inputs, inputs + node.rank), *range(inputs)]
    return _readable(permute(spread, order))


def _refuse_complex(variable: Symbol) -> None:
    if not variable.real:
        raise DerivationError(
            f"'{variable.name}' is complex and structured: its Jacobian is not linear over the complex "
            f"numbers; ask for the jvp or the vjp"
        )


def hessian(node: Node, row: Symbol, column: Symbol) -> Node:
    """The Jacobian, with respect to `column`, of the gradient with respect to `row`."""
    slope = _slope(node, row)
    if column not in free_leaves(slope):
        return zero((*row.shape, *column.shape))
    if not is_structured(row.facts):
        return full_jacobian(slope, column)
    return _projected_jacobian(node, row, column)


def _slope(node: Node, variable: Symbol) -> Node:
    """The gradient to be differentiated: its quotients stay apart, since `y / p − z / q` has two simple derivatives."""
    require_scalar(node, "Hessian")
    return collect(_tangent(_pulled_back((node,), (variable,), (number(1),))[0], variable), join_quotients=False)


def _projected_jacobian(node: Node, row: Symbol, column: Symbol) -> Node:
    """The Jacobian of a gradient, projected on the tangent space of `row` on the left as well."""
    _refuse_complex(row)
    moved = direction(column)
    form = _moved_gradient(node, row, column)
    cotangent = Symbol("__cotangent", row.shape)
    pulled = _finished([transpose(form, cotangent, [moved])[moved]], column)
    spread = push(pulled, {cotangent: identity_tensor(row.shape)}, row.shape)
    order = [*range(column.rank, column.rank + row.rank), *range(column.rank)]
    return _readable(permute(spread, order))


def hessian_product(node: Node, variable: Symbol) -> Node:
    """The Hessian applied to the direction of the variable."""
    return collect(_moved_gradient(node, variable, variable))


def _moved_gradient(node: Node, row: Symbol, column: Symbol) -> Node:
    """The differential of the gradient in `row`, in the direction of `column`, projected on the tangent space.

    Where that space turns with the point, the gradient is `E − X S`, with the unprojected gradient E and the Hermitian
    `S = ½(XᴴE + EᴴX)`. Its differential has the part `X dS`, which the projection takes to zero, so that dE and `dX S`
    are left (Absil, Mahony & Trumpf 2013, An extrinsic look at the Riemannian Hessian, 4.2).
    """
    moves: dict[Node, Node] = {column: direction(column)}
    if not turns(row.facts):
        moved = differential(_slope(node, row), moves)
    else:
        slope = without_normal_terms(free_vjps(node, (row,), number(1))[row], row)
        moved = differential(slope, moves)
        if column == row:
            moved = subtract(moved, matmul(moves[row], normal_coordinates(slope, row)))
    return simplify(project_tangent(simplify(moved), row))


def _readable(node: Node) -> Node:
    return collect(simplify(expand_tensors(simplify(node))))

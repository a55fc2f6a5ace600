"""Functions that are linear in an argument: zero where that is zero, its numbers and scalars in front.

exp[X, Y](0) = 0     exp[X, Y](½ a E) = ½ a exp[X, Y](E)     lyapunov(A, −B − Bᵀ) = −lyapunov(A, B + Bᵀ)
"""

from __future__ import annotations

from gradwright.core.build import multiply
from gradwright.core.contraction import is_zero, zero
from gradwright.core.nodes import Apply, Node
from gradwright.core.scalars import scalars_of
from gradwright.prims.complex import real_part


def settle_linear(node: Node) -> Node:
    """Take out of a linear argument what stands in front of the function as well."""
    if not isinstance(node, Apply) or not node.primitive.linear_in or node.primitive is real_part:
        return node  # the real part has a pass of its own, which knows of conjugates
    arguments, outside = list(node.arguments), None
    for place in node.primitive.linear_in:
        if is_zero(arguments[place]):
            return zero(node.shape)
        scalars, rest = scalars_of(arguments[place])
        if rest != arguments[place]:
            outside = scalars if outside is None else multiply(outside, scalars)
            arguments[place] = rest
    if outside is None:
        return node
    return multiply(outside, Apply(node.primitive, node.parameters, tuple(arguments), node.index))

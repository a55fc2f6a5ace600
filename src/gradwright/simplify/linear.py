"""Functions that are linear in an argument: zero where that is zero, its numbers and scalars in front.

exp[X, Y](0) = 0     exp[X, Y](½ a E) = ½ a exp[X, Y](E)     lyapunov(A, −B − Bᵀ) = −lyapunov(A, B + Bᵀ)
exp[X, Y](E) + exp[X, Y](F) = exp[X, Y](E + F)     exp[S, S](E) + exp[S, S](E)ᵀ = exp[S, S](E + Eᵀ) for symmetric S
exp[H, H](E) + exp[H, H](E)ᴴ = exp[H, H](E + Eᴴ) for Hermitian H
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction

from gradwright.core.build import multiply, transpose
from gradwright.core.canonical import as_product, only_matrix
from gradwright.core.contraction import conjugate, is_zero, scale, split_coefficient, zero
from gradwright.core.inference import facts_of, is_symmetric
from gradwright.core.nodes import Add, Apply, Node
from gradwright.core.scalars import scalars_of
from gradwright.core.sums import add, scaled, value_key
from gradwright.frozen import replace
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


def join_linear(node: Node) -> Node:
    """Terms of a sum that are one function, linear in one argument, of arguments that differ in that one alone."""
    if not isinstance(node, Add):
        return node
    groups: dict[Hashable, list[tuple[Fraction, Apply]]] = {}
    terms = [upright_if_symmetric(term) for term in node.terms]
    others: list[Node] = []
    for term in terms:
        number, function = split_coefficient(term)
        upright = _upright(function)
        if upright is None or len(upright.primitive.linear_in) > 1:
            others.append(term)
        else:
            groups.setdefault(_but_linear(upright), []).append((number, upright))
    if all(len(group) == 1 for group in groups.values()):
        return node if terms == list(node.terms) else add(terms)
    return add([*map(_joined, groups.values()), *others])


def upright_if_symmetric(term: Node) -> Node:
    """`exp[S, S, S](E, F)ᵀ = exp[S, S, S](Fᵀ, Eᵀ)` for a symmetric S."""
    number, function = split_coefficient(term)
    upright = _upright(function)
    fixed = (
        () if upright is None else [a for p, a in enumerate(upright.arguments) if p not in upright.primitive.linear_in]
    )
    return scale(number, upright) if upright is not None and all(map(is_symmetric, fixed)) else term


def _upright(node: Node) -> Apply | None:
    """The application that a matrix is, or is the transpose or the adjoint of, if its function can be turned."""
    product = as_product(node)
    factor = only_matrix(product)
    if factor is None:
        return None
    function, groups, conj = factor
    if not isinstance(function, Apply) or function.primitive.turned is None:
        return None
    if groups == product.output:
        return None if conj else function
    turned = function.primitive.turned(function)
    return replace(turned, arguments=tuple(map(_conjugate, turned.arguments))) if conj else turned


def _conjugate(matrix: Node) -> Node:
    """The conjugate; that of the transpose of a Hermitian matrix is the matrix itself."""
    upright = transpose(matrix)
    return upright if "hermitian" in facts_of(upright) else conjugate(matrix)


def _but_linear(node: Apply) -> Hashable:
    (place,) = node.primitive.linear_in
    return node.primitive, tuple(value_key(a) for p, a in enumerate(node.arguments) if p != place), node.index


def _joined(group: Sequence[tuple[Fraction, Apply]]) -> Node:
    (number, first), *others = group
    if not others:
        return scale(number, first)
    (place,) = first.primitive.linear_in
    arguments = list(first.arguments)
    arguments[place] = add([scaled(n, node.arguments[place]) for n, node in group])
    return Apply(first.primitive, first.parameters, tuple(arguments), first.index)

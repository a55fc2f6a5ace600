"""Eigenvalues and their vectors in an expression, where together they are a function of the matrix.

`V diag(g(λ)) Vᴴ` and `Σ g(λᵢ) = tr g(A)` are smooth where the factors are not: they are differentiated as functions of
A (see `diff.spectral`). Singular values enter through the Gram matrix: if g depends on σ² only, `Σ g(σᵢ)` is a function
of AᴴA, smooth at zero and at equal singular values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from gradwright.core.build import adjoint, matmul, multiply, number, size, trace
from gradwright.core.contraction import contract
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node, Symbol, is_apply
from gradwright.core.registry import Function
from gradwright.core.sums import add, scaled
from gradwright.core.walks import applications, free_leaves, substitute, transform
from gradwright.diff.scalar_functions import ARGUMENT, ScalarFunction
from gradwright.diff.spectral import named_function, spectral_map
from gradwright.prims.eig import eig
from gradwright.prims.eigh import eigh
from gradwright.prims.power import base_and_exponent, power
from gradwright.prims.svd import svd
from gradwright.simplify.pipeline import simplify

_TWO = Fraction(2)


def recognise_spectral(root: Node) -> Node:
    """Write what depends on eigenvalues smoothly as a function of the matrix."""
    if not any(_is_decomposition(n) for n in applications(root)):
        return root
    return transform(root, _recognise)


def _is_decomposition(node: Apply) -> bool:
    return node.primitive in (eigh.primitives[0], svd.primitives[0], eig)


def _recognise(node: Node) -> Node:
    if not isinstance(node, Contract):
        return node
    for label in range(len(node.dims)):
        if any(label in group for group in node.output):
            continue
        found = _function_of_matrix(node, label) or _sum_over_spectrum(node, label)
        if found is not None:
            return _recognise(found)
    return node


def _function_of_matrix(node: Contract, label: int) -> Node | None:
    """`V diag(g(λ)) Vᴴ` around one summed label."""
    around = [f for f in node.factors if label in f.labels]
    frames = [f for f in around if f.node.rank == 2]
    weights = [f for f in around if f.node.rank == 1]
    if len(frames) != 2 or len(frames) + len(weights) != len(around) or not weights:
        return None
    first, second = frames
    if first.node != second.node or not _is_output(first.node, eigh, 1):
        return None
    if first.labels[1] != label or second.labels[1] != label or (not first.node.real and first.conj == second.conj):
        return None
    assert isinstance(first.node, Apply)
    A = first.node.arguments[0]
    values = Apply(first.node.primitive, (), (A,), 0)
    function = _scalar_function([f.node for f in weights], values)
    if function is None:
        return None
    matrix = _function_at(function, A)
    if matrix is None:
        return None
    row, column = (second, first) if first.conj else (first, second)
    return _without(node, around, [Factor(matrix, (row.groups[0], column.groups[0]))], label)


def _sum_over_spectrum(node: Contract, label: int) -> Node | None:
    """`Σ g(λᵢ)`, or `Σ h(σᵢ²)`."""
    around = [f for f in node.factors if label in f.labels]
    if not around or any(f.node.rank != 1 for f in around):
        return None
    for leaf in dict.fromkeys(n for f in around for n in applications(f.node)):
        if _is_output(leaf, eigh, 0):
            total = _eigenvalue_sum(around, leaf, _function_at)
        elif leaf.primitive is eig and leaf.index == 0 and not any(f.conj for f in around):
            total = _eigenvalue_sum(around, leaf, _named_function_at)
        elif _is_output(leaf, svd, 1):
            total = _singular_value_sum(around, leaf)
        else:
            continue
        if total is not None:
            return _without(node, around, [Factor(total, ())], label)
    return None


def _eigenvalue_sum(
    around: Sequence[Factor], values: Apply, function_at: Callable[[ScalarFunction, Node], Node | None]
) -> Node | None:
    """`Σ g(λᵢ) = tr g(A)`."""
    function = _scalar_function([f.node for f in around], values)
    matrix = None if function is None else function_at(function, values.arguments[0])
    return None if matrix is None else trace(matrix)


def _function_at(function: ScalarFunction, A: Node) -> Node | None:
    """The function of a matrix; one with parameters if it has a name, since the record of another has numbers alone."""
    return _named_function_at(function, A) if function.parameters() else spectral_map(function, A)


def _named_function_at(function: ScalarFunction, A: Node) -> Node | None:
    """The function of any square matrix, if it has a name."""
    return named_function(function.body, A)


def _singular_value_sum(around: Sequence[Factor], values: Apply) -> Node | None:
    """The sum of h over the eigenvalues of AᴴA, less h(0) for those that are no singular values."""
    squared = Apply(power, (_TWO,), (values,))
    function = _scalar_function([_in_squares(f.node, values, squared) for f in around], squared)
    if function is None:
        return None
    A = values.arguments[0]
    gram = matmul(adjoint(A), A)
    matrix = _function_at(function, gram)
    if matrix is None or any(not isinstance(p, Symbol) or p.rank for p in function.parameters()):
        return None
    if not np.isfinite(function.with_numbers()(np.zeros(1)))[0]:
        return None
    at_zero = substitute(function.body, {ARGUMENT: number(0)})
    surplus = size(A.shape[1] - values.shape[0])
    return add([trace(matrix), scaled(-1, multiply(at_zero, surplus))])


def _in_squares(node: Node, values: Node, squared: Node) -> Node:
    """Even powers of the values as powers of their squares."""

    def rewrite(inner: Node) -> Node:
        base, exponent = base_and_exponent(inner)
        even = exponent.denominator == 1 and exponent.numerator % 2 == 0 and exponent != _TWO
        return Apply(power, (exponent / 2,), (squared,)) if even and base == values else inner

    return transform(node, rewrite)


def _without(node: Contract, used: Sequence[Factor], new: Sequence[Factor], label: int) -> Node:
    rest = [f for f in node.factors if not any(f is u for u in used)]
    dims = {x: dim for x, dim in enumerate(node.dims) if x != label}
    return contract(node.coefficient, [*rest, *new], node.output, dims)


def _is_output(node: Node, function: Function, index: int) -> bool:
    return is_apply(node, function.primitives[0]) and node.index == index


def _scalar_function(weights: Sequence[Node], values: Node) -> ScalarFunction | None:
    """The product of vectors that are elementwise functions of one vector, as a function of a number."""
    bodies = [_scalarised(weight, values) for weight in weights]
    if any(body is None for body in bodies):
        return None
    factors = [Factor(body, ()) for body in bodies if body is not None]
    return ScalarFunction(simplify(contract(1, factors, (), {})))


def _scalarised(node: Node, values: Node) -> Node | None:
    if node == values:
        return ARGUMENT
    match node:
        case Apply() if node.primitive.elementwise:
            if node.real and not all(argument.real for argument in node.arguments):
                return None  # a real part or an absolute value is no function of λ alone, but of its conjugate too
            parts = [_scalarised(argument, values) for argument in node.arguments]
            if any(part is None for part in parts):
                return None
            return Apply(node.primitive, node.parameters, tuple(p for p in parts if p is not None), node.index)
        case Add():
            parts = [_scalarised(term, values) for term in node.terms]
            return None if any(p is None for p in parts) else add(p for p in parts if p is not None)
        case Contract() if len(node.output) == 1 and len(node.output[0]) == 1:
            return _scalarised_product(node, values)
        case _:
            return None


def _scalarised_product(node: Contract, values: Node) -> Node | None:
    label = node.output[0]
    factors: list[Factor] = []
    for f in node.factors:
        # A variable of the name that the argument has would be taken for it.
        if f.conj or f.groups not in ((label,), ()) or (not f.groups and ARGUMENT in free_leaves(f.node)):
            return None
        body = _scalarised(f.node, values) if f.groups else f.node
        if body is None:
            return None
        factors.append(Factor(body, ()))
    return contract(node.coefficient, factors, (), {})

"""Which way round a matrix stands in a product, where both ways are the same but for a sign.

The conjugate of a Hermitian matrix is its transpose, `Hᴴ = H`, that of a skew-Hermitian one minus it, and the transpose
of a skew one is minus the matrix, `Wᵀ = −W`. What has no imaginary part, such as `det(H)`, has no conjugate either,
and that of i is −i. So it is with products that are Hermitian, `(A⁺)ᴴ Aᴴ = A A⁺`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from gradwright.core.build import transpose
from gradwright.core.canonical import as_product, only_matrix
from gradwright.core.contraction import contract, with_factors
from gradwright.core.inference import facts_of, is_hermitian, is_real_valued, is_skew, is_symmetric
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node, Selection
from gradwright.core.sums import scaled
from gradwright.prims.complex import IMAGINARY_UNIT
from gradwright.simplify.relations import Relation, hermitian_products, matches


def orient(node: Node) -> Node:
    """Hermitian matrices and real values without a conjugate, symmetric and skew matrices without a transpose."""
    if not isinstance(node, Contract) or not node.coefficient:
        return node
    if len(node.factors) == 1 and node.output == node.factors[0].groups[::-1] and is_symmetric(node.factors[0].node):
        ((symmetric, groups, conj),) = node.factors
        return contract(node.coefficient, [Factor(symmetric, groups, conj)], groups, dict(enumerate(node.dims)))
    if node.rank == 2 and node.real and node.output[0] > node.output[1] and is_symmetric(node):
        return transpose(node)
    sign, factors = Fraction(1), list[Factor]()
    picked = {
        f.labels[0]: str(f.node.offset) for f in node.factors if isinstance(f.node, Selection) and f.node.rank == 1
    }
    for factor in node.factors:
        if picked and factor.node.rank == 2 and is_symmetric(factor.node):
            factor = _with_a_column(factor, picked)
        if factor.conj and is_real_valued(factor.node):
            factor = Factor(factor.node, factor.groups)
        elif factor.conj and factor.node == IMAGINARY_UNIT.node:
            sign, factor = -sign, Factor(factor.node, factor.groups)
        elif factor.conj and factor.node.rank == 2 and is_hermitian(factor.node):
            factor = Factor(factor.node, factor.groups[::-1])
        elif factor.conj and factor.node.rank == 2 and "skew_hermitian" in facts_of(factor.node):
            sign, factor = -sign, Factor(factor.node, factor.groups[::-1])
        elif factor.node.rank == 2 and "skew" in facts_of(factor.node) and _is_turned(factor, node):
            sign, factor = -sign, Factor(factor.node, factor.groups[::-1], factor.conj)
        factors.append(factor)
    units = [f for f in factors if f.node == IMAGINARY_UNIT.node]
    if len(units) > 1:
        factors = [*units[: len(units) % 2], *(f for f in factors if f.node != IMAGINARY_UNIT.node)]
        sign *= (-1) ** (len(units) // 2)
    if tuple(factors) == node.factors:
        return node
    return with_factors(node, factors, sign * node.coefficient)


def _with_a_column(factor: Factor, picked: Mapping[int, str]) -> Factor:
    """`S[1:, 0]` for the row `S[0, 1:]` of a symmetric matrix, and `S[0, 1]` for `S[1, 0]`."""
    row, column = (picked.get(group[0], "") if len(group) == 1 else "" for group in factor.groups)
    return Factor(factor.node, factor.groups[::-1], factor.conj) if row > column else factor


def orient_functions(node: Node) -> Node:
    """`f(Xᵀ) = f(X)ᵀ` and `f(X*) = f(X)*` for functions of matrices, which are polynomials in them."""
    if not isinstance(node, Apply) or not node.primitive.commutes or node.rank != 2:
        return node
    argument = node.arguments[0]
    product = as_product(argument)
    if product.coefficient < 0 and node.real and is_skew(argument):  # f(−W) = f(Wᵀ) = f(W)ᵀ
        return transpose(Apply(node.primitive, node.parameters, (scaled(-1, argument),), node.index))
    factor = only_matrix(product)
    if factor is None or product.coefficient != 1:
        return node
    upright, groups, conj = factor
    if product.output != groups[::-1] and not (conj and product.output == groups):
        return node
    function = Apply(node.primitive, node.parameters, (upright,), node.index)
    return with_factors(product, [Factor(function, groups, conj)], 1)


def orient_products(node: Node) -> Node:
    """Products that are Hermitian by a law of one of their factors without a transpose or conjugate: `A A⁺`."""
    if not isinstance(node, Contract) or len(node.factors) < 2:
        return node
    for function in dict.fromkeys(f.node for f in node.factors if isinstance(f.node, Apply)):
        for product in hermitian_products(function):
            (row,), (column,) = product.output
            for labels, used, conj in matches(node, Relation(product, function)):
                ends = Factor(function, ((labels[row],), (labels[column],)))
                if conj or (node.real and _is_turned(ends, node)):
                    turned = {**labels, row: labels[column], column: labels[row]}
                    return _turned_over(node, product, turned, used)
    return _with_sums_upright(node)


def _with_sums_upright(node: Contract) -> Node:
    """The product with its sums of Hermitian matrices and products, as `I − A A⁺`, without a transpose or conjugate."""
    factors = list(node.factors)
    for place, factor in enumerate(factors):
        turned = factor.conj or (node.real and len(factor.groups) == 2 and _is_turned(factor, node))
        known = is_hermitian(factor.node) or is_symmetric(factor.node)
        if turned and not known and isinstance(factor.node, Add) and all(map(_is_hermitian_term, factor.node.terms)):
            factors[place] = Factor(factor.node, factor.groups[::-1])
    if tuple(factors) == node.factors:
        return node
    return with_factors(node, factors)


def _is_hermitian_term(term: Node) -> bool:
    """Whether a term is Hermitian, by what is known of it or by a law of one of its factors."""
    if term.rank != 2:
        return False
    if is_hermitian(term) or (term.real and is_symmetric(term)):
        return True
    product = as_product(term)
    applied = [f.node for f in product.factors if isinstance(f.node, Apply)]
    return any(
        scaled(product.coefficient, hermitian) == term for node in applied for hermitian in hermitian_products(node)
    )


def _turned_over(node: Contract, product: Contract, labels: dict[int, int], used: list[int]) -> Node:
    """A product within another, its factors at other labels."""
    factors = list(node.factors)
    for place, factor in zip(sorted(used), product.factors, strict=True):
        factors[place] = factor.relabelled(labels)
    return with_factors(node, factors)


def _is_turned(factor: Factor, node: Contract) -> bool:
    """Whether a matrix is read from its columns to its rows, from the first axis of the result to the last."""
    row, column = factor.groups
    first, last = (node.output[0] if node.output else ()), (node.output[-1] if len(node.output) > 1 else ())
    forwards, backwards = row == first or column == last, column == first or row == last
    if forwards or backwards:
        return backwards and not forwards
    for axis, sign in ((first, 1), (last, -1)):
        steps = _steps_from(axis, node.factors)
        if row in steps and column in steps and steps[row] != steps[column]:
            return sign * steps[row] > sign * steps[column]
    return row > column


def _steps_from(start: tuple[int, ...], factors: Sequence[Factor]) -> dict[tuple[int, ...], int]:
    """How many matrices lie between an axis and the others that a chain of matrices leads to."""
    steps, reached = {start: 0}, [start]
    for axis in reached:
        for factor in factors:
            if len(factor.groups) != 2 or axis not in factor.groups:
                continue
            for other in factor.groups:
                if other not in steps:
                    steps[other] = steps[axis] + 1
                    reached.append(other)
    return steps

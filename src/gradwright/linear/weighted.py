"""Weights in front of what a mean was taken away from: `diag(p) (A − 1 pᵀ A) = (diag(p) − p pᵀ) A`.

Differentials of the softmax leave such products, `p ∘ (dx − 1 pᵀ dx)`; the covariance of a choice is what is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.build import matmul, multiply, product_of, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import subproduct
from gradwright.core.nodes import Add, Contract, Node
from gradwright.core.sums import add, coefficient_of, scaled
from gradwright.linear.chains import Chain, chain_of, join, product_of_chain


def with_weights_inside(node: Node) -> Node:
    """A product of matrices, the weights in it multiplied into the sum behind them."""
    chain = chain_of(node) if isinstance(node, Contract) and node.rank == 2 else None
    for place, total in enumerate(chain.elements if chain is not None else ()):
        assert chain is not None
        before = chain.elements[:place]
        count = next((k for k, element in enumerate(reversed(before)) if not _is_diagonal(element)), place)
        start = place - count
        found = _covariance(product_of_chain(before[start:], total), total) if count else None
        if found is not None:
            number, elements = found
            rest = chain.elements[place + 1 :]
            return scaled(number, join(Chain(chain.scalar, (*before[:start], *elements, *rest)), node))
    return node


def _covariance(weights: Node, total: Node) -> tuple[Fraction, tuple[Node, ...]] | None:
    """A number, `diag(p) − p wᵀ` and A, for weights `diag(p)` and a multiple of `A − 1 wᵀ A`; None for another sum."""
    if not _is_diagonal(weights) or not isinstance(total, Add):
        return None
    means = [term for term in total.terms if _is_same_in_all_rows(term)]
    others = [term for term in total.terms if term not in means]
    rest = add(others) if others and means else None
    chain = chain_of(rest) if rest is not None else None
    if rest is None or chain is None:
        return None
    number = Fraction(-1 if coefficient_of(chain.scalar) < 0 else 1)
    behind = () if _is_diagonal(rest) else chain.elements
    expected = [_without(_last_axis(term), behind) for term in means]
    if None in expected:
        return None
    first = scaled(number, multiply(chain.scalar, weights) if behind else matmul(weights, rest))
    outer = (product_of([(_last_axis(weights), (0,)), (mean, (1,))], (0, 1)) for mean in expected if mean is not None)
    return number, (add([first, *(scaled(number, product) for product in outer)]), *behind)


def _is_diagonal(matrix: Node) -> bool:
    """Whether a matrix is `diag(v)`."""
    product = as_product(matrix)
    return product.rank == 2 and product.output[0] == product.output[1]


def _is_same_in_all_rows(term: Node) -> bool:
    """Whether a matrix is `1 vᵀ`."""
    product = as_product(term)
    (row, column) = product.output
    return row != column and all(set(row).isdisjoint(factor.labels) for factor in product.factors)


def _last_axis(matrix: Node) -> Node:
    """The vector v of `1 vᵀ` and of `diag(v)`."""
    product = as_product(matrix)
    return subproduct(product, product.factors, product.output[1:], product.coefficient)


def _without(mean: Node, behind: Sequence[Node]) -> Node | None:
    """The vector w of `wᵀ A`, for the matrices of which A is the product; None if it is no such product."""
    chain = chain_of(mean)
    turned = tuple(map(transpose, reversed(behind)))
    if chain is None or chain.elements[: len(turned)] != turned or len(chain.elements) == len(turned):
        return None
    rest = product_of_chain(chain.elements[len(turned) :], mean)
    return join(Chain(chain.scalar, (rest,)), mean)

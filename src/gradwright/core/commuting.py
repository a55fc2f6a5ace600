"""Which matrices are seen to commute: functions of one matrix, as X, `X⁻¹`, `e^X` and `2 X² + I` are.

A function of a matrix in the sense of Higham, Functions of Matrices (2008), ch. 1, is a polynomial in it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import lru_cache

from gradwright.core.canonical import as_product, canonical_key
from gradwright.core.contraction import split_coefficient
from gradwright.core.inference import is_hermitian, is_symmetric, matrix_chain
from gradwright.core.nodes import Apply, Contract, Factor, Node
from gradwright.core.sums import terms_of

Root = tuple[Hashable, bool, bool]
"""The key of a matrix, and whether it is transposed and conjugated."""


def commute(left: Node, right: Node) -> bool:
    """Whether two square matrices are seen to commute, since they are functions of one matrix."""
    return left.rank == right.rank == 2 and left.shape == right.shape and len(_roots([left, right])) <= 1


def _roots(matrices: Iterable[Node]) -> set[Root]:
    """The matrices that some matrices are functions of; none for multiples of the identity."""
    return {root for matrix in matrices for root in _roots_of(matrix)}


@lru_cache(maxsize=4096)
def _roots_of(matrix: Node) -> frozenset[Root]:
    if isinstance(matrix, Apply) and matrix.primitive.commutes and matrix.arguments[0].rank == 2:
        return _roots_of(matrix.arguments[0])
    terms = terms_of(matrix)
    if len(terms) > 1:
        return _one_or(matrix, _roots(terms))
    product = as_product(split_coefficient(matrix)[1])
    factors = [f for f in product.factors if f.node.rank]
    if not factors and product.rank == 2 and product.output[0] == product.output[1]:
        return frozenset()
    bare = Contract(product.coefficient, tuple(factors), product.dims, product.output)
    chain = matrix_chain(bare)
    if chain is None:
        return frozenset({_atom(matrix)})
    if chain[0][0].node == matrix:
        return frozenset({_atom(matrix)})
    return _one_or(bare, {_turned(root, f, transposed) for f, transposed in chain for root in _roots_of(f.node)})


def _one_or(matrix: Node, roots: Iterable[Root]) -> frozenset[Root]:
    """What several parts are functions of, if that is one matrix; else the whole."""
    found = frozenset(roots)
    return found if len(found) <= 1 else frozenset({_atom(matrix)})


def _atom(matrix: Node) -> Root:
    return canonical_key(matrix, is_symmetric, is_hermitian), False, False


def _turned(root: Root, factor: Factor, transposed: bool) -> Root:
    """The root of a transpose or conjugate; a symmetric matrix is its transpose, a Hermitian one that conjugated."""
    key, turned, conj = root
    if is_symmetric(factor.node):
        return key, turned, conj != factor.conj
    if is_hermitian(factor.node):
        return key, turned != (transposed != factor.conj), conj
    return key, turned != transposed, conj != factor.conj

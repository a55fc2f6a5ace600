"""Matrices that are seen to commute: functions of one matrix.

X, `X⁻¹`, `e^X` and `2 X² + I` are polynomials in X (Higham, Functions of Matrices (2008), ch. 1). What is known of a
matrix, that it is symmetric for instance, is told by a function: facts are inferred from what commutes, too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache

from gradwright.core.canonical import as_product, canonical_key
from gradwright.core.contraction import split_coefficient
from gradwright.core.facts import Facts
from gradwright.core.matrix_chains import chained
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node

FactsOf = Callable[[Node], Facts]
Root = tuple[Hashable, bool, bool]
"""The key of a matrix, and whether it is transposed and conjugated."""


def commute(left: Node, right: Node, facts_of: FactsOf) -> bool:
    """Whether two square matrices are seen to commute, since they are functions of one matrix."""
    return left.rank == right.rank == 2 and left.shape == right.shape and len(_roots([left, right], facts_of)) <= 1


def _roots(matrices: Iterable[Node], facts_of: FactsOf) -> set[Root]:
    """The matrices that some matrices are functions of; none for multiples of the identity."""
    return {root for matrix in matrices for root in _roots_of(matrix, facts_of)}


@lru_cache(maxsize=4096)
def _roots_of(matrix: Node, facts_of: FactsOf) -> frozenset[Root]:
    if isinstance(matrix, Apply) and matrix.primitive.commutes and matrix.arguments[0].rank == 2:
        return _roots_of(matrix.arguments[0], facts_of)
    if isinstance(matrix, Add):
        return _one_or(matrix, _roots(matrix.terms, facts_of), facts_of)
    product = as_product(split_coefficient(matrix)[1])
    factors = tuple(f for f in product.factors if f.node.rank)
    if not factors and product.rank == 2 and product.output[0] == product.output[1]:
        return frozenset()
    bare = Contract(product.coefficient, factors, product.dims, product.output)
    chain = chained(bare)
    if chain is None or chain[0][0].node == matrix:
        return frozenset({_atom(matrix, facts_of)})
    parts = ((root, link) for link in chain for root in _roots_of(link[0].node, facts_of))
    return _one_or(bare, (_turned(root, *link, facts_of) for root, link in parts), facts_of)


def _one_or(matrix: Node, roots: Iterable[Root], facts_of: FactsOf) -> frozenset[Root]:
    """What several parts are functions of, if that is one matrix; else the whole."""
    found = frozenset(roots)
    return found if len(found) <= 1 else frozenset({_atom(matrix, facts_of)})


def _atom(matrix: Node, facts_of: FactsOf) -> Root:
    key = canonical_key(matrix, lambda node: "symmetric" in facts_of(node), lambda node: "hermitian" in facts_of(node))
    return key, False, False


def _turned(root: Root, factor: Factor, transposed: bool, facts_of: FactsOf) -> Root:
    """The root of a transpose or conjugate.

    A symmetric matrix is its transpose, a skew one minus that, a Hermitian one that conjugated.
    """
    key, turned, conj = root
    facts = facts_of(factor.node)
    if not facts.isdisjoint(("symmetric", "skew")):
        return key, turned, conj != factor.conj
    if "hermitian" in facts:
        return key, turned != (transposed != factor.conj), conj
    return key, turned != transposed, conj != factor.conj

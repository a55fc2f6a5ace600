"""Hermitian matrices without conjugates: `Hᴴ` is H, and `H*` is `Hᵀ`."""

from __future__ import annotations

from gradwright.core.contraction import contract
from gradwright.core.inference import is_hermitian
from gradwright.core.nodes import Contract, Factor, Node


def turn_hermitian(node: Node) -> Node:
    """A product in which conjugates of Hermitian matrices are written as their transposes."""
    if not isinstance(node, Contract) or not any(map(_is_conjugate, node.factors)):
        return node
    factors = [Factor(f.node, f.groups[::-1]) if _is_conjugate(f) else f for f in node.factors]
    return contract(node.coefficient, factors, node.output, dict(enumerate(node.dims)))


def _is_conjugate(factor: Factor) -> bool:
    return factor.conj and factor.node.rank == 2 and is_hermitian(factor.node)

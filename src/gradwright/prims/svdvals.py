"""The singular values of a matrix, descending: those of `svd`."""

from __future__ import annotations

from gradwright.core.nodes import Node
from gradwright.core.registry import Call, Outputs, formula
from gradwright.prims.svd import svd, thin


@formula("svdvals", "svdvals(A)", "the singular values, descending", thin)
def svdvals(call: Call) -> Node:
    """The singular values of `svd`."""
    found = svd.build(call)
    assert isinstance(found, Outputs)
    return found["S"]

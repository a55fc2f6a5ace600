"""The eigenvalues of a Hermitian matrix, ascending: those of `eigh`."""

from __future__ import annotations

from gradwright.core.nodes import Node
from gradwright.core.registry import Call, Outputs, formula
from gradwright.prims.eigh import eigh, standard_eigh


@formula("eigvalsh", "eigvalsh(A)", "the eigenvalues of a Hermitian matrix, ascending", standard_eigh)
def eigvalsh(call: Call) -> Node:
    """The eigenvalues of `eigh`."""
    found = eigh.build(call)
    assert isinstance(found, Outputs)
    return found["eigenvalues"]

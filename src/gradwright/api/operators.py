"""Expressions as linear operators: inputs by name, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradwright.api.inputs import as_array, bind_sizes, check_names, check_sizes, named_leaves
from gradwright.back.operators.build import operator_at
from gradwright.back.operators.operator import StructuredOperator
from gradwright.back.operators.split import Split
from gradwright.core.nodes import Node
from gradwright.core.signature import Signature
from gradwright.errors import ShapeError


def operator_of(node: Node, signature: Signature, split: Split | None, inputs: Mapping[str, Any]) -> StructuredOperator:
    """The operator that a node is at inputs by name; without a split, its axes are halved."""
    if split is None:
        split = _halved(node)
    leaves = named_leaves(node, signature)
    arrays = {name: as_array(name, value) for name, value in inputs.items()}
    check_names(leaves, arrays, node)
    sizes = bind_sizes({leaves[name]: array for name, array in arrays.items()})
    check_sizes(node, sizes)
    values: dict[Node, np.ndarray] = {leaf: arrays[name] for name, leaf in leaves.items() if name in arrays}
    with np.errstate(all="ignore"):
        return operator_at(node, split, values, sizes)


def _halved(node: Node) -> Split:
    if node.rank % 2:
        raise ShapeError(
            f"an expression with {node.rank} axes does not say which of them are the operator's rows: ask for the "
            f"operator of a Jacobian or a Hessian, or of a matrix"
        )
    return Split(node.rank // 2)

"""Expressions as linear operators: inputs by name, checked, in double precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradwright.api.evaluation import (
    Beside,
    evaluated_form,
    require_domain,
    require_finite,
    require_gaps,
    warn_of_gauge,
)
from gradwright.api.inputs import (
    as_array,
    bind_sizes,
    check_names,
    check_sets,
    check_sizes,
    inputs_as_read,
    named_leaves,
)
from gradwright.api.provenance import Provenance
from gradwright.back.arrays import in_double
from gradwright.back.operators.build import operator_at
from gradwright.back.operators.operator import StructuredOperator
from gradwright.back.operators.split import Split
from gradwright.back.systems.solver import SystemSolver
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.signature import Signature
from gradwright.core.walks import free_leaves
from gradwright.errors import ShapeError


def operator_of(
    node: Node,
    signature: Signature,
    inputs: Mapping[str, Any],
    provenance: Provenance,
) -> StructuredOperator:
    """The operator that a node is at inputs by name; without a split, its axes are halved.

    What `evaluate` refuses is refused here too, and for the same reason.
    """
    split = _halved(node) if provenance.split is None else provenance.split
    leaves = named_leaves(node, signature, provenance.optional)
    node = evaluated_form(node)
    arrays = {name: in_double(as_array(name, value)) for name, value in inputs_as_read(inputs).items()}
    # Copies of what it reads: the operator is that of this point, whatever becomes of the arrays.
    arrays |= {leaf.name: arrays[leaf.name].copy() for leaf in _leaves_of(node) if leaf.name in arrays}
    check_names(leaves, arrays, node)
    sizes = bind_sizes({leaves[name]: array for name, array in arrays.items()})
    check_sizes(node, sizes, provenance.origins)
    check_sets({leaves[name]: array for name, array in arrays.items()})
    values: dict[Node, np.ndarray] = {leaf: arrays[name] for name, leaf in leaves.items() if name in arrays}
    regular, beside = Beside.of(node, values, provenance)
    with np.errstate(all="ignore"):
        found = evaluate_all(beside.nodes, values, sizes, systems=SystemSolver())
        others = dict(zip(beside.nodes, found, strict=True))
        require_gaps(beside.gaps, others, node)
        operator = operator_at(
            regular, split, values | others, sizes, lambda array: require_finite(array, node, arrays)
        )
    require_domain(beside.limited, others)
    warn_of_gauge(beside.tests, others, sizes)
    return operator


def _leaves_of(node: Node) -> list[Symbol | Direction]:
    return [leaf for leaf in free_leaves(node) if isinstance(leaf, Symbol | Direction)]


def _halved(node: Node) -> Split:
    if node.rank % 2:
        raise ShapeError(
            f"an expression with {node.rank} axes does not say which of them are the operator's rows: ask for the "
            f"operator of a Jacobian or a Hessian, or of a matrix"
        )
    return Split(node.rank // 2)

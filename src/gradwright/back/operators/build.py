"""From an expression, its split into rows and columns, and values, to an operator.

Sums that carry a pattern (an identity, a repeated vector) are multiplied out, so that `diag(s)(I − 1 sᵀ)`
is a diagonal minus an outer product. A derivative with a factor that is not a small array, such as the
solution of a matrix equation with the identity on its right side, is applied through the JVP and the
VJP instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np

from gradwright.back.operators.operator import Action, Product, StructuredOperator, from_terms
from gradwright.back.operators.recognition import ENTRIES_LIMIT
from gradwright.back.operators.split import Product as Derived
from gradwright.back.operators.split import Split
from gradwright.back.operators.tangents import Tangent
from gradwright.back.operators.terms import factors_of, term_of
from gradwright.back.systems.solver import SystemSolver
from gradwright.core.arithmetic import Array
from gradwright.core.contraction import is_zero
from gradwright.core.dims import lengths
from gradwright.core.evaluate import evaluate, evaluate_all
from gradwright.core.nodes import Contract, Hole, Node, Symbol
from gradwright.core.sums import terms_of
from gradwright.core.walks import depends_on, free_leaves_of, postorder
from gradwright.frozen import frozen
from gradwright.linear.projection import is_structured
from gradwright.simplify.expansion import expand, is_patterned

OPAQUE_LIMIT = 1 << 16  # entries of a derivative that is not a product of arrays and is evaluated all the same


def operator_at(
    node: Node,
    split: Split,
    values: Mapping[Node, Array],
    sizes: Mapping[str, int],
    require: Callable[[Array], None],
) -> StructuredOperator:
    """The operator that a tensor is, at values for its leaves.

    Args:
        node: the tensor: the rows' axes, then the columns'.
        split: how many axes are rows, and what they belong to.
        values: arrays for the symbols, and for whatever else is known.
        sizes: the sizes of the dimension names.
        require: refuses an array that the operator would be made of.
    """
    options = {
        "row_tangent": _tangent(split.row_variable, values),
        "column_tangent": _tangent(split.column_variable, values),
        "symmetric": split.symmetric,
    }
    opened = terms_of(expand(node, is_patterned))
    kept = [term for term in opened if not is_zero(term)] or [opened[0]]
    if split.forward is not None and split.backward is not None and any(_is_large(t, split, sizes) for t in kept):
        return StructuredOperator(_through_products(node, split, values, sizes, require, options))
    needed = tuple(dict.fromkeys(factor for term in kept for factor in factors_of(term)))
    arrays = dict(zip(needed, evaluate_all(needed, values, sizes, systems=SystemSolver()), strict=True))
    for array in arrays.values():
        require(array)
    found = [term_of(t, split.rows, arrays, lambda dim: dim.evaluate(sizes)) for t in kept]
    return StructuredOperator(from_terms(found, *_shapes(node, split, sizes), **options))


def _shapes(node: Node, split: Split, sizes: Mapping[str, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = lengths(node.shape, sizes)
    return shape[: split.rows], shape[split.rows :]


def _tangent(variable: Symbol | None, values: Mapping[Node, Array]) -> Tangent | None:
    if variable is None or not is_structured(variable.facts):
        return None
    return Tangent(variable.facts, values[variable])


def _is_large(term: Node, split: Split, sizes: Mapping[str, int]) -> bool:
    """Whether a term is a derivative in one piece, or has a factor too large to be an array."""
    if not isinstance(term, Contract):
        mixes = 0 < split.rows < term.rank and term.rank > 2
        return mixes and _count(term, sizes) > OPAQUE_LIMIT
    return any(_count(factor, sizes) > ENTRIES_LIMIT for factor in factors_of(term))


def _count(node: Node, sizes: Mapping[str, int]) -> int:
    return prod(lengths(node.shape, sizes))


def _through_products(
    node: Node,
    split: Split,
    values: Mapping[Node, Array],
    sizes: Mapping[str, int],
    require: Callable[[Array], None],
    options: Mapping[str, object],
) -> Action:
    assert split.forward is not None
    assert split.backward is not None
    rows, columns = _shapes(node, split, sizes)
    dtype = np.result_type(*values.values(), float)
    forward = _columnwise(split.forward(), columns, values, sizes, require)
    adjoint = _columnwise(split.backward(), rows, values, sizes, require)
    return Action(rows, columns, dtype, None, forward, adjoint, **options)  # type: ignore[arg-type]


def _columnwise(
    derived: Derived,
    shape: tuple[int, ...],
    values: Mapping[Node, Array],
    sizes: Mapping[str, int],
    require: Callable[[Array], None],
) -> Product:
    """A linear expression as a function of columns; what does not depend on its leaf is evaluated once.

    Systems keep what they factored from one column to the next.
    """
    fixed, systems = _constant_parts(derived), SystemSolver()
    found = evaluate_all(fixed, values, sizes, systems=systems)
    for array in found:
        require(array)
    known = {**values, **dict(zip(fixed, found, strict=True))}
    return _Columnwise(derived, shape, known, sizes, systems)


@frozen
class _Columnwise:
    """A linear expression, applied to columns that are given as values of its leaf."""

    derived: Derived
    shape: tuple[int, ...]
    known: Mapping[Node, Array]
    sizes: Mapping[str, int]
    systems: SystemSolver

    def __call__(self, matrix: Array) -> Array:
        count = prod(lengths(self.derived.node.shape, self.sizes))
        result = np.empty((count, matrix.shape[1]), dtype=np.result_type(float, *self.known.values(), matrix))
        for place, column in enumerate(matrix.T):
            leaves = {**self.known, self.derived.leaf: column.reshape(self.shape)}
            result[:, place] = evaluate(self.derived.node, leaves, self.sizes, systems=self.systems).reshape(-1)
        return result


def _constant_parts(derived: Derived) -> tuple[Node, ...]:
    """The largest nodes that contain neither the leaf nor an unknown of an equation."""
    moving = depends_on([derived.node], [derived.leaf])
    leaves = free_leaves_of(derived.node)
    moving |= {node for node, inside in leaves.items() if any(isinstance(leaf, Hole) for leaf in inside)}
    found = [child for n in postorder(derived.node) if n in moving for child in n.children if child not in moving]
    return tuple(dict.fromkeys(found))

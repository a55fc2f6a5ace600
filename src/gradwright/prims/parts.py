"""Constants, and parts of tensors: `eye`, `ones`, indexing's companions, `concatenate`, `block`.

All of these are contractions with constant tensors, so that their derivatives need no rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core import build
from gradwright.core.build import as_number, size
from gradwright.core.dims import Dim, product
from gradwright.core.nodes import Add, Contract, Node, Size
from gradwright.core.registry import Call, Value, formula
from gradwright.errors import LanguageError, ShapeError
from gradwright.prims.power import base_and_exponent


def dimension(call: Call, place: int) -> Dim:
    """An argument that is a dimension: a name, a whole number, or a sum or product of these."""
    found = _as_dim(call.node(place))
    if found is None or (found.value is not None and found.value < 1):
        raise ShapeError(
            f"{call.function} takes dimensions, and '{call.text(place)}' is none: "
            f"use a dimension's name or a positive whole number"
        )
    return found


def _as_dim(node: Node) -> Dim | None:
    if isinstance(node, Size):
        return node.dim
    value = as_number(node)
    if value is not None:
        return Dim.of(int(value)) if value.denominator == 1 else None
    base, exponent = base_and_exponent(node)
    if exponent != 1:
        dim = _as_dim(base) if exponent > 1 and exponent.denominator == 1 else None
        return None if dim is None else product([dim] * int(exponent))
    if isinstance(node, Add):
        terms = _as_dims(node.terms)
        return None if terms is None else sum(terms, Dim.of(0))
    if isinstance(node, Contract) and not node.output:
        factors = _as_dims([factor.node for factor in node.factors])
        return None if factors is None else product(factors) * node.coefficient
    return None


def _as_dims(nodes: Sequence[Node]) -> list[Dim] | None:
    """All of them as dimensions; None if one is none."""
    found = [dim for node in nodes if (dim := _as_dim(node)) is not None]
    return found if len(found) == len(nodes) else None


@formula("eye", "eye(n)", "the identity matrix")
def eye(call: Call) -> Node:
    """The identity matrix of a dimension."""
    call.expect(1, 1, usage="eye(n)")
    return build.identity(dimension(call, 0))


@formula("ones", "ones(n, m)", "the tensor of ones")
def ones(call: Call) -> Node:
    """The tensor of ones with the given dimensions."""
    call.expect(1, 9, usage="ones(n) or ones(n, m)")
    return build.ones([dimension(call, place) for place in range(len(call.positional))])


@formula("zeros", "zeros(n, m)", "the tensor of zeros")
def zeros(call: Call) -> Node:
    """The tensor of zeros with the given dimensions."""
    call.expect(1, 9, usage="zeros(n) or zeros(n, m)")
    return build.zeros([dimension(call, place) for place in range(len(call.positional))])


@formula("concatenate", "concatenate(x, y)", "tensors one after the other")
def concatenate(call: Call) -> Node:
    """Tensors joined along an axis, the first by default."""
    call.expect(1, 99, ("axis",), "concatenate(x, y, axis=0)")
    listed = call.positional[0]
    if len(call.positional) == 1 and isinstance(listed, list):
        call = Call(call.function, tuple(listed), call.keywords)
        call.expect(1, 99, ("axis",), "concatenate([x, y], axis=0)")
    nodes = call.nodes()
    if any(not node.rank for node in nodes):
        raise ShapeError(
            "concatenate joins vectors, matrices or tensors, and one of these is a scalar; "
            "a * ones(1) is a vector of one entry"
        )
    return build.concatenate(nodes, call.axis(nodes[0].rank) or 0)


@formula("block", "block([[A, B], [C, D]])", "a matrix of blocks")
def block(call: Call) -> Node:
    """Blocks joined row by row; a flat list is one row.

    As in NumPy, a number is a vector of one entry in a flat list; in a list of rows it is a 1 × 1 matrix, and a vector
    is a row.
    """
    call.expect(1, 1, usage="block([[A, B], [C, D]])")
    rows = call.positional[0]
    if not isinstance(rows, list) or not rows:
        raise LanguageError("block takes a list of rows: block([[A, B], [C, D]])")
    lists = [row for row in rows if isinstance(row, list)]
    if lists and len(lists) < len(rows):
        raise LanguageError("block takes rows that are all lists: block([[A, B], [C, D]])")
    if lists:
        return build.block_matrix([_row(call, row) for row in lists])
    nodes = _row(call, rows)
    if any(node.rank > 1 for node in nodes):
        return build.block_matrix([nodes])
    return build.entries_and_vectors(nodes)


def _row(call: Call, entries: list[Value]) -> Sequence[Node]:
    if not entries:
        raise LanguageError("block takes rows that are not empty: block([[A, B], [C, D]])")
    return list(Call(call.function, tuple(entries), {}).nodes())


@formula("size", "size(n)", "a dimension as a number")
def dimension_size(call: Call) -> Node:
    """A dimension used as a number."""
    call.expect(1, 1)
    return size(dimension(call, 0))

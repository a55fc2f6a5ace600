"""A tensor under matrices along its axes: `Σ M[j, l] N[i, h] H[h, l, k] = C[i, j, k]`.

The inverses along the axes solve it, be the matrices factors or of rank one, as in `A H + u vᵀ H`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.build import identity, multiply, number, permute, product_of
from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import contract, is_simple, simple
from gradwright.core.nodes import Contract, Factor, Hole, Node, labels_of
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled, terms_of
from gradwright.diff.identities.isolate import scalar_multiple
from gradwright.diff.identities.state import State, hidden_pivots, inverse_of
from gradwright.diff.identities.terms import holes_in, reduce_terms
from gradwright.frozen import frozen
from gradwright.prims.power import raise_to
from gradwright.simplify.pipeline import simplify


def isolate_along_axes(state: State) -> State | None:
    """`Σ M[j, l] N[i, h] H[h, l, k] = C[i, j, k]`, whatever the order of the axes: inverses along the axes of a tensor.

    The terms differ in the matrix along one axis at most, where these add up, as in `A H + u vᵀ H`.
    """
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) != 1 or holes[0].rank < 2 or equation.form.rank != holes[0].rank or equation.projected:
            continue
        read = [_along_axes(as_product(term), holes[0]) for term in terms_of(equation.form)]
        found = [_turned(one, state.specs[holes[0]].space) for one in read if one is not None]
        axes = range(holes[0].rank)
        differing = [axis for axis in axes if len({one.matrices[axis] for one in found}) > 1]
        if len(found) < len(read) or len({one.order for one in found}) > 1 or len(differing) > 1:
            continue
        along = {axis: matrix for axis, matrix in enumerate(found[0].matrices) if matrix is not None}
        if differing:
            terms = (
                multiply(one.scalar, one.matrices[differing[0]] or identity(holes[0].shape[differing[0]]))
                for one in found
            )
            along[differing[0]] = simplify(add(terms))
        scalar = number(1) if differing else simplify(add(one.scalar for one in found))
        value = multiply(raise_to(scalar, Fraction(-1)), permute(equation.right, found[0].order))
        for axis, matrix in along.items():
            value = _multiplied_along(value, matrix, axis, state)
        value = reduce_terms(value, state.relations)
        changed = state.with_solution(holes[0], value, place).with_pivots(hidden_pivots(along.values(), state))
        inverted = [matrix for matrix in along.values() if scalar_multiple(matrix) is None]
        ending = ("s along its axes" if len(inverted) > 1 else " along its axis") if inverted else ""
        words = f"multiply by the inverse{ending}" if inverted else "collect"
        return changed.with_step("isolate", holes[0], value, words)
    return None


@frozen
class AlongAxes:
    """A product of a number, a tensor H and square matrices along some of its axes.

    Attributes:
        order: for every axis of H its place in the product.
        scalar: the number.
        matrices: for every axis the matrix along it, or None.
    """

    order: tuple[int, ...]
    scalar: Node
    matrices: tuple[Node | None, ...]


def _turned(one: AlongAxes, space: Space) -> AlongAxes:
    """The product with H itself, where it has the transpose of a symmetric or a skew one."""
    if one.order != (1, 0) or not space.mirror_sign or space.conjugated:
        return one
    return AlongAxes((0, 1), scaled(space.mirror_sign, one.scalar), one.matrices[::-1])


def _along_axes(product: Contract, hole: Hole) -> AlongAxes | None:
    own = [f for f in product.factors if f.node == hole]
    others = [f for f in product.factors if f.node != hole]
    output = [group[0] for group in product.output]
    if len(own) != 1 or own[0].conj or not is_simple((*product.output, *own[0].groups)):
        return None
    labels = list(own[0].labels)
    if len(set(labels)) < len(labels) or len(set(output)) < len(output):
        return None
    read = _between(product, others, output, labels)
    if read is None:
        return None
    scalar, matrices = read
    if any(row == column or product.dims[row] != product.dims[column] for column, (row, _) in matrices.items()):
        return None
    order = [matrices[label][0] if label in matrices else label for label in labels]
    if sorted(order) != sorted(output):
        return None
    along = tuple(matrices[label][1] if label in matrices else None for label in labels)
    return AlongAxes(tuple(output.index(label) for label in order), scalar, along)


def _between(
    product: Contract, others: Sequence[Factor], output: Sequence[int], labels: Sequence[int]
) -> tuple[Node, dict[int, tuple[int, Node]]] | None:
    """What stands between a tensor with some labels and the output: a number, and by label a row and a matrix."""
    scalar, matrices, loose = number(product.coefficient), dict[int, tuple[int, Node]](), list[Factor]()
    for part in connected(others):
        rows, columns = ([label for label in side if label in labels_of(part)] for side in (output, labels))
        if not (rows or columns):
            scalar = multiply(scalar, _matrix_between(product, part))
        elif len(rows) == len(columns) == 1:
            matrices[columns[0]] = rows[0], _matrix_between(product, part, rows[0], columns[0])
        elif len(rows) + len(columns) == 1:
            loose += part
        else:
            return None
    rows = [label for label in output if label not in {*labels, *(row for row, _ in matrices.values())}]
    columns = [label for label in labels if label not in {*output, *matrices}]
    if len(rows) == len(columns) == 1:  # u vᵀ, be they ones or not
        matrices[columns[0]] = rows[0], _matrix_between(product, loose, rows[0], columns[0])
        return scalar, matrices
    return None if rows or columns or loose else (scalar, matrices)


def _matrix_between(product: Contract, part: Sequence[Factor], *ends: int) -> Node:
    """Some factors of a product as a matrix with a row and a column, or as a number."""
    return contract(1, part, simple(ends), {label: product.dims[label] for label in {*labels_of(part), *ends}})


def _multiplied_along(value: Node, matrix: Node, axis: int, state: State) -> Node:
    """A tensor with the inverse of a matrix along one of its axes."""
    scalar = scalar_multiple(matrix)
    if scalar is not None:
        return multiply(raise_to(scalar, Fraction(-1)), value)
    axes = range(value.rank)
    return product_of(
        [(inverse_of(matrix, state), (value.rank, axis)), (value, axes)],
        [value.rank if other == axis else other for other in axes],
    )

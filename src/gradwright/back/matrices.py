"""Matrix notation for contractions, by series-parallel reduction of the label graph.

The labels are the vertices of a graph; a factor with two axes is an edge, one with one axis a weight
at a vertex. Summed labels are removed one at a time, the one with the fewest neighbours first:

- none: an inner product, or the sum of a vector's entries;
- one: a matrix times a vector;
- two: a product of matrices, with a diagonal matrix between them if the vertex has a weight;

and edges between the same two vertices multiply entry by entry, except that a closed cycle is a
trace. This succeeds exactly if the graph, with an edge between the two outputs, has treewidth 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

from gradwright.back.algebra import linear, multiplied, transposed, with_fewer_transposes
from gradwright.back.formula import (
    Call,
    Conjugated,
    Formula,
    MaskMatrix,
    MatrixProduct,
    Name,
    Part,
    Power,
    Scaled,
    Transposed,
    is_call,
)
from gradwright.back.label_graph import (
    Edge,
    Weight,
    as_basis,
    column_of,
    diagonal_of_weights,
    elementwise,
    entry_of_vector,
    first_place,
    sum_over,
)
from gradwright.back.masks import is_running_sum, turns
from gradwright.back.notation import (
    diagonal_of,
    hadamard,
    identity,
    norm_of,
    ones,
    outer_product,
    sum_of,
    times_vector,
    trace_of,
)
from gradwright.back.products import product
from gradwright.core.dims import Dim
from gradwright.frozen import replace


class Irreducible(Exception):
    """The contraction is no expression in matrices."""


class Reduction:
    """One contraction on its way to matrix notation.

    Attributes:
        real: whether a sum of squares is that of absolute values, `‖x‖²`.
    """

    def __init__(
        self,
        coefficient: Fraction,
        scalars: Sequence[tuple[int, Formula]],
        divisors: Sequence[Formula],
        weights: Sequence[Weight],
        edges: Sequence[Edge],
        dims: Sequence[Dim],
        real: bool,
    ) -> None:
        self.coefficient = coefficient
        self.scalars = list(scalars)
        self.divisors = list(divisors)
        self.weights = list(weights)
        self.edges = list(edges)
        self.dims = dims
        self.real = real

    def run(self, output: Sequence[int]) -> Formula:
        """The formula with the given labels, at most two, as its axes."""
        self._open_loops()
        self._pick_entries(set(output))
        pending = [label for label in range(len(self.dims)) if label not in output]
        while pending:
            self._close_traces(pending)
            self._close_diagonals(pending)
            self._merge_parallel(set(output), apart=set(output))
            pending = [label for label in pending if self._touches(label)]
            if not pending:
                break
            label = min(pending, key=self._order)
            self._remove(label)
            pending.remove(label)
        self._merge_parallel(set(range(len(self.dims))), apart=set())
        return self._finish(list(output))

    def _order(self, label: int) -> tuple[int, bool, bool, bool, bool, int]:
        """The order in which labels are removed: the fewest neighbours first.

        Of several, sums over a part after what the part is taken of, `sum(x[:2])`; products before those with a
        diagonal matrix between, which parallel edges may still make a product with a vector; then what has a running
        sum, `cumsum(x)ᵀ y`, before a part of it is taken; then the last, so that products begin with the factor that
        was written first.
        """
        neighbours, weighed = len(self._neighbours(label)), bool(self._weights_at(label))
        around = [e for e in self.edges if label in (e.row, e.column)]
        is_part = not weighed and len(around) == 1 and isinstance(around[0].formula, Part)
        runs = neighbours == 1 and len(around) == 1 and is_running_sum(around[0].seen_from(around[0].other(label)))
        kinds = {type(e.formula) for e in around}
        return neighbours, is_part, neighbours == 2 and weighed, not runs, {Part, MaskMatrix} <= kinds, -label

    def _touches(self, label: int) -> bool:
        return any(label in (e.row, e.column) for e in self.edges) or any(w.label == label for w in self.weights)

    def _neighbours(self, label: int) -> set[int]:
        return {e.other(label) for e in self.edges if label in (e.row, e.column)} - {label}

    def _open_loops(self) -> None:
        """An edge from a label to itself is a diagonal, a weight."""
        loops = [e for e in self.edges if e.row == e.column]
        self.edges = [e for e in self.edges if e.row != e.column]
        for loop in loops:
            whole = loop.formula if loop.diagonal else None
            self.weights.append(Weight(loop.row, diagonal_of(loop.formula), place=loop.place, whole=whole))

    def _pick_entries(self, visible: set[int]) -> None:
        """A summed label at which a basis vector stands is one entry: `V diag(e_0) Vᵀ` is `V[:, 0] V[:, 0]ᵀ`."""
        for pick in [w for w in self.weights if w.entry is not None and w.label not in visible]:
            around = [e for e in self.edges if pick.label in (e.row, e.column)]
            beside = [w for w in self.weights if w.label == pick.label and w is not pick]
            if pick.divides or any(w.entry is not None for w in beside):
                continue
            self._remove_all(around)
            self.weights = [w for w in self.weights if w.label != pick.label]
            for other in dict.fromkeys(edge.other(pick.label) for edge in around):
                parallel = [edge for edge in around if edge.other(pick.label) == other]
                joined = reduce(hadamard, (edge.seen_from(parallel[0].row) for edge in parallel))
                column = column_of(replace(parallel[0], formula=joined), other, pick.entry or "")
                self.weights.append(Weight(other, column, place=first_place(parallel)))
            for weight in beside:
                entry = entry_of_vector(weight.formula, pick.entry or "")
                if weight.divides:
                    self.divisors.append(entry)
                else:
                    self.scalars.append((weight.place, entry))

    def _close_traces(self, pending: Sequence[int]) -> None:
        """Two summed labels joined by two edges and nothing else: the trace of their product."""
        for label in pending:
            around = [e for e in self.edges if label in (e.row, e.column)]
            if len(around) != 2 or self._weights_at(label) or around[0].other(label) != around[1].other(label):
                continue
            other = around[0].other(label)
            if other not in pending or self._weights_at(other):
                continue
            if [e for e in self.edges if other in (e.row, e.column)] != around:
                continue
            self._remove_all(around)
            self.scalars.append((first_place(around), self._cycle(around)))

    def _cycle(self, pair: Sequence[Edge]) -> Formula:
        first, second = pair
        if self.real and first.formula == second.formula and (first.row, first.column) == (second.row, second.column):
            return Power(0, True, norm_of(first.formula), Fraction(2))
        if any(map(_is_entrywise, pair)):
            return sum_of(hadamard(first.formula, second.seen_from(first.row)))
        if first.column == second.row or first.row == second.column:
            start = first.row
            return trace_of(product((first.formula, second.seen_from(first.other(start)))))
        return trace_of(product((transposed(first.formula), second.formula)))

    def _close_diagonals(self, pending: Sequence[int]) -> None:
        """A summed label joined to one axis by two edges: a diagonal, where that reads better than sums of products."""
        for label in pending:
            around = [e for e in self.edges if label in (e.row, e.column)]
            if len(around) != 2 or self._weights_at(label) or around[0].other(label) != around[1].other(label):
                continue
            axis = around[0].other(label)
            rows, columns = ([e.seen_from(end) for e in around] for end in (axis, label))
            closed = product((rows[0], columns[1]))
            turned = min(sum(map(turns, rows)), sum(map(turns, columns)))
            if axis not in pending and (_is_congruence(closed) or turns(closed) < turned):
                self._remove_all(around)
                self.weights.append(Weight(axis, diagonal_of(closed), place=first_place(around)))

    def _merge_parallel(self, visible: set[int], apart: set[int]) -> None:
        """Multiply parallel edges entry by entry; those inside `apart` wait for the rest of their kind."""
        merged: dict[frozenset[int], Edge] = {}
        waiting = [e for e in self.edges if {e.row, e.column} <= apart]
        for edge in sorted((e for e in self.edges if e not in waiting), key=lambda e: e.place):
            key = frozenset((edge.row, edge.column))
            if key in merged and (key & visible or self._has_others(key)):
                base = merged[key]
                joined = hadamard(base.formula, edge.seen_from(base.row))
                merged[key] = Edge(base.row, base.column, joined, base.place)
            elif key in merged:
                merged[frozenset((edge.row, edge.column, -len(merged) - 1))] = edge
            else:
                merged[key] = edge
        self.edges = [*merged.values(), *waiting]

    def _has_others(self, pair: frozenset[int]) -> bool:
        """Whether the two labels carry weights or further edges, so that they are no bare cycle."""
        inside = [e for e in self.edges if {e.row, e.column} == set(pair)]
        outside = [e for e in self.edges if {e.row, e.column} & pair and e not in inside]
        return bool(outside) or len(inside) > 2 or any(w.label in pair for w in self.weights)

    def _weights_at(self, label: int) -> list[Weight]:
        return sorted((w for w in self.weights if w.label == label), key=lambda w: w.place)

    def _remove_all(self, edges: Sequence[Edge]) -> None:
        for edge in edges:
            self.edges.remove(edge)

    def _remove(self, label: int) -> None:
        edges = [e for e in self.edges if label in (e.row, e.column)]
        weights = self._weights_at(label)
        self.weights = [w for w in self.weights if w.label != label]
        self._remove_all(edges)
        if len(edges) > 2:
            raise Irreducible
        if not edges:
            self._add_scalar(weights, label)
        elif len(edges) == 1:
            self._add_vector(edges[0], weights, label)
        else:
            self._add_edge(edges, weights, label)

    def _add_scalar(self, weights: list[Weight], label: int) -> None:
        found = sum_over(weights, self.real) or self._sum_or_mean(elementwise(weights), label)
        self.scalars.append((first_place(weights), found))

    def _sum_or_mean(self, vector: Formula, label: int) -> Formula:
        """The sum of the entries; their mean, if it is divided by their number."""
        if self._divided_by(label):
            return linear(lambda inside: Call(0, True, "mean", (inside,)), vector)
        return sum_of(vector)

    def _divided_by(self, label: int, times: int = 1) -> bool:
        """Whether the number of entries along a label is among the divisors so often; once it is taken away then."""
        count = str(self.dims[label])
        places = [k for k, d in enumerate(self.divisors) if isinstance(d, Name) and d.language == count]
        if len(places) < times:
            return False
        del self.divisors[places[0]]
        return True

    def _add_vector(self, edge: Edge, weights: list[Weight], label: int) -> None:
        other = edge.other(label)
        picks = [w for w in weights if w.entry is not None]
        if not weights:
            formula = self._row_sums_or_means(edge, label)
        elif picks and len(weights) == 1:
            formula = column_of(edge, other, picks[0].entry or "")
        else:
            formula = times_vector(edge.seen_from(other), elementwise(weights))
        self.weights.append(Weight(other, formula, place=first_place([edge, *weights])))

    def _row_sums_or_means(self, edge: Edge, label: int) -> Formula:
        if is_call(edge.formula, "diag"):
            return edge.formula.arguments[0]
        axis = 0 if label == edge.row else 1

        def reduced(matrix: Formula, name: str) -> Formula:
            inside = with_fewer_transposes(matrix)
            along = axis if inside is matrix else 1 - axis
            # What is transposed may bring a sign.
            return linear(lambda rows: Call(1, True, name, (rows,), keywords=f"axis={along}"), inside)

        sums = linear(lambda matrix: reduced(matrix, "sum"), edge.formula)
        # Of two equal matrices, of which the product is a square, both are summed or both averaged.
        is_squared = any(e.formula == edge.formula for e in self.edges) or any(w.formula == sums for w in self.weights)
        if not self._divided_by(label, 2 if is_squared else 1):
            return sums
        return linear(lambda matrix: reduced(matrix, "mean"), edge.formula)

    def _add_edge(self, edges: list[Edge], weights: list[Weight], label: int) -> None:
        first, second = edges
        start, end = first.other(label), second.other(label)
        parts = [first.seen_from(start)]
        if weights:
            parts.append(diagonal_of_weights(weights))
        parts.append(second.seen_from(label))
        if start == end:
            raise Irreducible
        self.edges.append(Edge(start, end, product(tuple(parts)), first_place([*edges, *weights])))

    def _finish(self, output: list[int]) -> Formula:
        distinct = list(dict.fromkeys(output))
        if any(w.entry is not None for w in self.weights):
            self.weights = [as_basis(w) for w in self.weights]
        if not distinct:
            return self._scaled(None)
        if len(output) == 1:
            return self._scaled(self._vector(distinct[0]))
        if len(distinct) == 1:
            return self._scaled(self._diagonal(distinct[0]))
        return self._scaled(self._matrix(distinct[0], distinct[1]))

    def _scaled(self, tensor: Formula | None) -> Formula:
        scalars = [formula for _, formula in sorted(self.scalars, key=lambda scalar: scalar[0])]
        factors = (*scalars, *((tensor,) if tensor is not None else ()))
        return multiplied(self.coefficient, factors, tuple(self.divisors), tensor.rank if tensor else 0)

    def _vector(self, label: int) -> Formula:
        weights = self._weights_at(label)
        return elementwise(weights) if weights else ones([self.dims[label]])

    def _diagonal(self, label: int) -> Formula:
        weights = self._weights_at(label)
        if not weights:
            return identity(self.dims[label])
        return diagonal_of_weights(weights)

    def _matrix(self, row: int, column: int) -> Formula:
        at_row, at_column = self._weights_at(row), self._weights_at(column)
        if not self.edges:
            left = elementwise(at_row) if at_row else ones([self.dims[row]])
            right = elementwise(at_column) if at_column else ones([self.dims[column]])
            if not at_row and not at_column:
                return ones([self.dims[row], self.dims[column]])
            return outer_product(left, right)
        (edge,) = self.edges
        parts = [edge.seen_from(row)]
        if at_row:
            parts.insert(0, diagonal_of_weights(at_row))
        if at_column:
            parts.append(diagonal_of_weights(at_column))
        return product(tuple(parts))


def _is_entrywise(edge: Edge) -> bool:
    """Whether a matrix is an elementwise power or quotient, beside which products entry by entry read best."""
    match edge.formula:
        case Scaled(divisors=divisors):
            return any(divisor.rank for divisor in divisors)
        case Power(matrix=matrix):
            return not matrix
        case _:
            return False


def _is_congruence(formula: Formula) -> bool:
    """Whether a product begins and ends with one frame, `Vᵀ S V` or `V⁻¹ A V`, or has a direction between frames."""
    if not isinstance(formula, MatrixProduct) or len(formula.factors) < 3:
        return False
    first, *between, last = formula.factors
    moves = any(f.has_direction and not isinstance(f, Transposed) for f in between)
    return _frame(first) == _frame(last) or moves


def _frame(formula: Formula) -> Formula:
    """A matrix without its transpose, conjugate or inverse; for an output of a factorisation, the factorisation."""
    if isinstance(formula, Transposed | Conjugated):
        return _frame(formula.inner)
    if is_call(formula, "inv"):
        return _frame(formula.arguments[0])
    return replace(formula, output="") if isinstance(formula, Call) and formula.output else formula

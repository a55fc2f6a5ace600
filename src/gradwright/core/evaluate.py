"""The reference evaluator: what every node means, in numbers.

It is written to be obviously right, not fast: each node becomes one array, masks included, and selections where they
cannot be cut out of what stands beside them. The back ends are tested against it. A caller may hand in a faster way to
solve linear systems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod

import numpy as np

from gradwright.core.arithmetic import Arithmetic, Array, FloatArithmetic
from gradwright.core.coordinates import space_basis
from gradwright.core.dims import Dim
from gradwright.core.nodes import (
    Add,
    Apply,
    Constant,
    Contract,
    Factor,
    HalfVectorisation,
    Hole,
    Mask,
    Node,
    Selection,
    Shape,
    Size,
    Solve,
)
from gradwright.core.selected_parts import Part
from gradwright.core.spaces import Space
from gradwright.core.walks import free_leaves_of, postorder
from gradwright.errors import ConditionError, EvaluationError

Values = dict[Node, Array]
Applied = dict[tuple[object, ...], tuple[Array, ...]]
Inside = Callable[[Sequence[Node], Mapping[Node, Array]], tuple[Array, ...]]
Systems = Callable[[Solve, Inside, Mapping[str, int]], Array]


def evaluate(
    root: Node,
    leaves: Mapping[Node, Array],
    sizes: Mapping[str, int],
    *,
    systems: Systems | None = None,
) -> Array:
    """The value of an expression, in floating-point numbers.

    Args:
        root: the expression.
        leaves: arrays for its symbols, directions and free holes.
        sizes: the size of every dimension name.
        systems: how a `Solve` is solved, from the node, a function that evaluates parts of it (given values
            for the holes it binds) and the sizes; entry by entry by default.
    """
    return evaluate_all((root,), leaves, sizes, systems=systems)[0]


def evaluate_all(
    roots: Sequence[Node],
    leaves: Mapping[Node, Array],
    sizes: Mapping[str, int],
    arithmetic: Arithmetic | None = None,
    systems: Systems | None = None,
) -> tuple[Array, ...]:
    """The values of several expressions, their common parts evaluated once."""
    return evaluating(leaves, sizes, arithmetic, systems)(roots)


def evaluating(
    leaves: Mapping[Node, Array],
    sizes: Mapping[str, int],
    arithmetic: Arithmetic | None = None,
    systems: Systems | None = None,
) -> Callable[[Sequence[Node]], tuple[Array, ...]]:
    """A function to the values of expressions at one point; what its calls have in common is evaluated once."""
    evaluator = _Evaluator(sizes, arithmetic or FloatArithmetic(), systems)
    values: Values = dict(leaves)

    def values_of(roots: Sequence[Node]) -> tuple[Array, ...]:
        evaluator.run(roots, values)
        return tuple(values[root] for root in roots)

    return values_of


class _Evaluator:
    def __init__(self, sizes: Mapping[str, int], arithmetic: Arithmetic, systems: Systems | None = None) -> None:
        self.sizes = sizes
        self.arithmetic = arithmetic
        self.systems = systems
        self.applied: Applied = {}

    def run(self, roots: Sequence[Node], values: Values) -> None:
        order = list(_unbound_postorder(roots, values))
        filled = {*roots, *(child for node in order if not isinstance(node, Contract) for child in node.children)}
        for node in order:
            if node not in values and (node in filled or not isinstance(node, Selection)):
                values[node] = self._value(node, values)

    def size(self, dim: Dim) -> int:
        return dim.evaluate(self.sizes)

    def _value(self, node: Node, values: Values) -> Array:
        match node:
            case Contract():
                return self._contract(node, values)
            case Add():
                return self.arithmetic.add([values[term] for term in node.terms])
            case Apply():
                return self._apply(node, values)
            case Solve():
                return self._solve(node, values)
            case Size(dim=dim):
                return self.arithmetic.einsum(Fraction(self.size(dim)), [], [])
            case Constant(name=name):
                return self.arithmetic.constant(name)
            case Mask() | Selection() | HalfVectorisation():
                return self._pattern(node)
            case _:
                raise EvaluationError(f"no value is given for '{getattr(node, 'name', node)}'")

    def _pattern(self, node: Mask | Selection | HalfVectorisation) -> Array:
        shape = tuple(map(self.size, node.shape))
        if isinstance(node, Mask):
            return self._mask(node, shape)
        entries = np.zeros(shape, dtype=int)
        if isinstance(node, Selection):
            offset = self._first_entry(node)
            if node.part is None:
                entries[offset] = 1
            else:
                rows = np.arange(shape[1])
                entries[rows + offset, rows] = 1
        else:
            columns, rows = np.triu_indices(shape[1])
            entries[np.arange(shape[0]), rows, columns] = 1
        return self.arithmetic.array(entries)

    def _mask(self, node: Mask, shape: tuple[int, ...]) -> Array:
        rows, columns = np.indices(shape)
        below, on, above = (self.arithmetic.einsum(weight, [], []) for weight in node.weights)
        return np.where(rows > columns, below, np.where(rows == columns, on, above))

    def _contract(self, node: Contract, values: Values) -> Array:
        sizes = [self.size(dim) for dim in node.dims]
        parts = {place: self._part(factor, sizes) for place, factor in enumerate(node.factors) if _is_part(factor)}
        operands = [self._operand(f, values, sizes) for place, f in enumerate(node.factors) if place not in parts]
        labels, placing = list(node.free_labels), list[Part]()
        while parts:
            place, part = parts.popitem()
            if not part.applies(list(parts.values()), labels):
                operands.append(self._operand(node.factors[place], values, sizes))
                continue
            placing += [part] if part.whole in labels else []
            ones = self.arithmetic.array(np.ones(part.length, dtype=int)), [part.part]
            operands, labels = [*(part.cut(operand) for operand in operands), ones], part.renamed(labels)
        carried = {label for _, carried_labels in operands for label in carried_labels}
        distinct = [label for label in dict.fromkeys(labels) if label in carried]
        result = self.arithmetic.einsum(node.coefficient, operands, distinct)
        for part in reversed(placing):
            result, distinct = part.place((result, distinct))
        placed = _place(result, distinct, list(node.free_labels), sizes)
        return placed.reshape(tuple(map(self.size, node.shape)))

    def _part(self, factor: Factor, sizes: list[int]) -> Part:
        assert isinstance(factor.node, Selection)
        whole, part = factor.labels
        return Part(whole, part, self._first_entry(factor.node), sizes[part], sizes[whole])

    def _first_entry(self, node: Selection) -> int:
        """Where a part begins, which must have its place in the whole."""
        offset, full = self.size(node.offset), self.size(node.whole)
        length = 1 if node.part is None else self.size(node.part)
        if not 0 <= offset <= full - length:
            raise EvaluationError(f"the range {offset}:{offset + length} has no place on an axis of {full} entries")
        return offset

    def _operand(self, factor: Factor, values: Values, sizes: list[int]) -> tuple[Array, list[int]]:
        labels = list(factor.labels)
        if factor.node not in values:
            values[factor.node] = self._value(factor.node, values)
        value = values[factor.node].reshape([sizes[label] for label in labels])
        return (self.arithmetic.conjugate(value) if factor.conj else value), labels

    def _apply(self, node: Apply, values: Values) -> Array:
        key = (node.primitive.token, node.parameters, *node.arguments)
        if key not in self.applied:
            arguments = [values[argument] for argument in node.arguments]
            try:
                outputs = self.arithmetic.apply(node.primitive, node.parameters, arguments)
            except np.linalg.LinAlgError as error:
                raise ConditionError(_violated(node, error)) from error
            self.applied[key] = outputs
        value, shape = self.applied[key][node.index], tuple(map(self.size, node.shape))
        if value.size != prod(shape):
            raise EvaluationError(f"{node.primitive.name} returned an array of shape {value.shape}, and not of {shape}")
        return value.reshape(shape)

    def _solve(self, node: Solve, values: Values) -> Array:
        """Assemble the operator on bases of the holes' spaces, test it, and solve.

        Coordinates are real: a complex unknown has twice as many. So an operator that contains
        conjugates, which is linear over the real numbers only, needs no case of its own.
        """
        if self.systems is not None:
            return self.systems(node, lambda nodes, inside: self._values_inside(nodes, values, inside), self.sizes)
        complex_entries = not node.in_real_numbers
        bases = [self._basis(u.shape, u.space, complex_entries and not u.real) for u in node.unknowns]
        tests = [
            self._basis(e.operator.shape, e.space, complex_entries and not e.operator.real) for e in node.equations
        ]
        matrix = self._operator_matrix(node, values, bases, tests)
        sides = [values[side] for side in node.right_sides]
        tested = [self._tested(test, side) for test, side in zip(tests, sides, strict=True)]
        right = np.concatenate([part.reshape(len(part), -1) for part in tested])
        solution = self._solved(matrix, right)
        start = sum(len(basis) for basis in bases[: node.index])
        basis = bases[node.index]
        coordinates = solution[start : start + len(basis)]
        labels = list(range(1, basis.ndim))
        operands = [(basis, [0, *labels]), (coordinates, [0, basis.ndim])]
        value = self.arithmetic.einsum(Fraction(1), operands, [*labels, basis.ndim])
        return value.reshape(tuple(map(self.size, node.shape)))

    def _values_inside(self, nodes: Sequence[Node], values: Values, inside: Mapping[Node, Array]) -> tuple[Array, ...]:
        """Values of nodes, given those of the nodes that no hole occurs in, and of what stands for the holes."""
        leaves = free_leaves_of(*nodes)
        fixed = {n: values[n] for n, own in leaves.items() if n in values and not _has_holes(own)}
        known: Values = {**fixed, **inside}
        _Evaluator(self.sizes, self.arithmetic, self.systems).run(nodes, known)
        return tuple(known[node] for node in nodes)

    def _operator_matrix(self, node: Solve, values: Values, bases: list[Array], tests: list[Array]) -> Array:
        operators = [equation.operator for equation in node.equations]
        leaves = free_leaves_of(*operators)
        fixed = {n: values[n] for n, own in leaves.items() if n in values and not _has_holes(own)}
        holes = [leaf for leaf in leaves if isinstance(leaf, Hole)]
        zeros = {hole: np.zeros_like(bases[hole.number][0]) for hole in holes if len(bases[hole.number])}
        columns: list[Array] = []
        for number, basis in enumerate(bases):
            for tensor in basis:
                inside = {h: tensor if h.number == number else zeros[h] for h in holes}
                trial: Values = {**fixed, **inside}
                # A new evaluator: what was applied to another value of the hole must not be reused.
                _Evaluator(self.sizes, self.arithmetic).run(operators, trial)
                parts = [self._tested(t, trial[o]) for t, o in zip(tests, operators, strict=True)]
                columns.append(np.concatenate(parts))
        return np.stack(columns, axis=1)

    def _tested(self, tests: Array, value: Array) -> Array:
        """Re⟨T, value⟩ for every test tensor T; further axes of the value are kept."""
        inner = list(range(1, tests.ndim))
        outer = list(range(tests.ndim, tests.ndim + value.ndim - len(inner)))
        operands = [(self.arithmetic.conjugate(tests), [0, *inner]), (value, [*inner, *outer])]
        return self.arithmetic.real(self.arithmetic.einsum(Fraction(1), operands, [0, *outer]))

    def _solved(self, matrix: Array, right: Array) -> Array:
        if matrix.shape[0] != matrix.shape[1]:
            raise EvaluationError(f"the linear system has {matrix.shape[0]} equations for {matrix.shape[1]} unknowns")
        try:
            return self.arithmetic.solve(matrix, right)
        except np.linalg.LinAlgError as error:
            raise ConditionError("the linear system that defines the derivative is singular at this point") from error

    def _basis(self, shape: Shape, space: Space, complex_entries: bool) -> Array:
        basis = space_basis(space, tuple(map(self.size, shape)), complex_entries)
        return self.arithmetic.array(basis)


def _is_part(factor: Factor) -> bool:
    """Whether a factor is a selection of a part with an axis for each label."""
    labels = factor.labels
    return isinstance(factor.node, Selection) and len(set(labels)) == len(labels) == len(factor.groups) == 2


def _has_holes(leaves: Mapping[Node, None]) -> bool:
    return any(isinstance(leaf, Hole) for leaf in leaves)


def _violated(node: Apply, error: Exception) -> str:
    needs = " and ".join(node.primitive.conditions).format(
        **{
            declared.name: getattr(argument, "name", "its argument")
            for declared, argument in zip(node.primitive.inputs, node.arguments, strict=True)
        }
    )
    return f"{node.primitive.name} fails at this point ({error}){': it needs that ' if needs else ''}{needs}"


def _unbound_postorder(roots: Sequence[Node], values: Values) -> Iterator[Node]:
    """Children first; stops at what has a value, and leaves out what a `Solve` binds."""
    return postorder(*roots, given=values, children=_unbound_children)


def _unbound_children(node: Node) -> tuple[Node, ...]:
    """The children; of what a `Solve` binds, only the parts in which no hole is.

    The same part may stand inside of one `Solve` and outside of another, and is a value for the latter alone.
    """
    if not isinstance(node, Solve):
        return node.children
    inside = free_leaves_of(*(equation.operator for equation in node.equations))
    return (*(part for part, leaves in inside.items() if not _has_holes(leaves)), *node.right_sides)


def _place(value: Array, carried: list[int], labels: list[int], sizes: list[int]) -> Array:
    """Give an array one axis for each output label: diagonals for repeated ones, copies for new."""
    if carried == labels:
        return value
    distinct = list(dict.fromkeys(labels))
    for label in distinct:
        if label not in carried:
            value = np.repeat(np.expand_dims(value, -1), sizes[label], axis=-1)
            carried = [*carried, label]
    value = np.transpose(value, [carried.index(label) for label in distinct])
    if len(distinct) == len(labels):
        return value
    result = np.zeros([sizes[label] for label in labels], dtype=value.dtype)
    grids = np.indices([sizes[label] for label in distinct])
    where = {label: grid for label, grid in zip(distinct, grids, strict=True)}
    result[tuple(where[label] for label in labels)] = value
    return result

"""The arguments of a traced operation, as its rule asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from gradwright.check.tracing.constants import recognise
from gradwright.check.tracing.lockstep import Numbers, Operation, Reference
from gradwright.check.tracing.sizes import Sizes
from gradwright.check.tracing.values import Untraceable, Value, scalar
from gradwright.core import build
from gradwright.core.arithmetic import Array
from gradwright.core.dims import Dim
from gradwright.core.nodes import Node, Symbol
from gradwright.frozen import frozen


@frozen
class Constant:
    """A tensor that does not depend on the inputs: its arrays at every point."""

    arrays: tuple[Array, ...]


@dataclass
class Notes:
    """What is noted beside the results.

    Attributes:
        known: values, at every point, of what is determined only up to a choice, such as an eigenvector's sign.
        packed: the matrices that packed LU factors, which are symbols here, were made of.
        detached: the quantities that the function detaches, in order.
    """

    known: dict[Node, tuple[Array, ...]] = field(default_factory=dict)
    packed: dict[Node, Node] = field(default_factory=dict)
    detached: dict[Node, None] = field(default_factory=dict)


@frozen
class Slices:
    """A tensor as its parts along an axis: one by one, or a whole whose number of parts may depend on the sizes."""

    parts: Value | tuple[Value, ...]
    axis: int


@frozen
class Hidden:
    """A tensor with −∞ in some entries, as scores that a softmax passes over: a tensor, and 1 where it is kept."""

    value: Value
    kept: Value


Result = Value | Slices | Constant | Hidden | Untraceable | tuple["Result", ...]
Rule = Callable[["Arguments"], Result]


class Arguments:
    """The arguments of one operation, by the names of its schema."""

    def __init__(
        self,
        operation: Operation,
        operations: Sequence[Operation],
        results: Mapping[int, Result],
        sizes: Sizes,
        notes: Notes,
    ) -> None:
        self.operation = operation
        self.sizes = sizes
        self._operations = operations
        self._results = results
        self._notes = notes

    def know(self, node: Node, place: int, adjoint: bool = False) -> None:
        """Keep PyTorch's own values of one output: another library may choose another sign or phase."""
        values = arrays_of(tuple(result[place] for result in self.operation.results)).arrays
        self._notes.known[node] = tuple(v.conj().T for v in values) if adjoint else values

    def __contains__(self, name: str) -> bool:
        return self.operation.arguments.get(name) is not None

    def pack(self, matrix: Value) -> Value:
        """The packed LU factors of a matrix: a symbol, for only their own solver reads them."""
        symbol = Symbol(f"packed factors {len(self._notes.packed) + 1}", matrix.node.shape)
        self._notes.packed[symbol] = matrix.straight()
        return Value(symbol, matrix.unit)

    def unpack(self, name: str) -> Value:
        """The matrix of which packed factors were made."""
        factors = self.tensor(name)
        if factors.node not in self._notes.packed:
            raise Untraceable("LU factors that are not those of one matrix")
        return Value(self._notes.packed[factors.node], factors.unit)

    def result(self, name: str) -> Result | None:
        """What an earlier operation gave; None where a number is given."""
        given = self.operation.arguments[name]
        return self._results[given.place] if isinstance(given, Reference) else None

    def value(self, name: str) -> torch.Tensor:
        """A tensor's value at the first point."""
        given = self.operation.arguments[name]
        assert isinstance(given, Reference)
        return self._operations[given.place].results[0]

    def tensor(self, name: str) -> Value:
        """A tensor."""
        return self._value(self.operation.arguments[name])

    def tensors(self, name: str) -> list[Value]:
        """A list of tensors."""
        return [self._value(item) for item in self.operation.arguments[name]]

    def hides(self, name: str) -> bool:
        """Whether an argument is −∞ throughout."""
        given, result = self.operation.arguments[name], self.result(name)
        if isinstance(result, Constant):
            return all(bool(np.all(np.isneginf(array))) for array in result.arrays)
        return isinstance(given, Numbers) and all(value == -np.inf for value in given.values)

    def kept(self, name: str) -> Value | None:
        """For a constant with entries 0 and −∞, 1 where it is 0; None for any other."""
        result = self.result(name)
        if not isinstance(result, Constant) or not all(_is_hiding(array) for array in result.arrays):
            return None
        return recognise([np.isfinite(array) for array in result.arrays], self.sizes)

    def constants(self, name: str) -> list[Constant | None]:
        """A list of constant tensors, some of them missing."""
        return [None if item is None else self._constant(item) for item in self.operation.arguments[name]]

    def number(self, name: str) -> Node:
        """A number, as a node."""
        return self._number(self.operation.arguments[name])

    def rational(self, name: str) -> Fraction | None:
        """A number, if it is the same fraction at every point."""
        return build.as_number(self.number(name))

    def integer(self, name: str) -> int:
        """A whole number that is the same at every size."""
        return self._whole(self.operation.arguments[name])

    def offset(self, name: str, whole: Dim) -> Dim:
        """A place along an axis; a negative one counts from the end."""
        return self.dim(name) if min(self._values(self.operation.arguments[name])) >= 0 else whole + self.dim(name)

    def axis(self, name: str, rank: int) -> int:
        """An axis, counted from the front."""
        if not rank:
            raise Untraceable(f"{self.operation.name} along an axis of a scalar")
        return self.integer(name) % rank

    def axes(self, name: str, rank: int) -> list[int]:
        """Axes counted from the front; all of them if none are given."""
        given = self.operation.arguments.get(name)
        if given is None or given == () or not rank:
            return list(range(rank))
        listed = given if isinstance(given, tuple) else (given,)
        return [self._whole(item) % max(rank, 1) for item in listed]

    def flag(self, name: str) -> bool:
        """A truth value."""
        return bool(self.operation.arguments.get(name))

    def text(self, name: str) -> str:
        """A text."""
        return str(self.operation.arguments.get(name))

    def dim(self, name: str) -> Dim:
        """A whole number that may depend on the sizes."""
        return self._dim(self.operation.arguments[name])

    def lengths(self, name: str) -> tuple[tuple[int, ...], ...]:
        """A list of whole numbers, each with its values at every point."""
        return tuple(self._values(item) for item in self.operation.arguments[name])

    def shape(self, place: int | None = None) -> tuple[Dim, ...]:
        """The dimensions of the result, or of one of several."""
        results = [r if place is None else r[place] for r in self.operation.results]
        lengths = zip(*(tuple(result.shape) for result in results), strict=True)
        return tuple(self.named(axis) for axis in lengths)

    def named(self, lengths: tuple[int, ...]) -> Dim:
        """The dimension of a length, given at every point."""
        dim = self.sizes.dim(lengths)
        if dim is None:
            raise Untraceable(f"the size {lengths[0]}, which is not made of the dimensions of the inputs")
        return dim

    def _value(self, given: Any) -> Value:
        if isinstance(given, Reference):
            return as_value(self._results[given.place], self.sizes)
        return scalar(self._number(given))

    def _constant(self, given: Any) -> Constant:
        found = self._results[given.place] if isinstance(given, Reference) else None
        if not isinstance(found, Constant):
            raise Untraceable("an index that depends on the values of a tensor")
        return found

    def _number(self, given: Any) -> Node:
        values = (given,) if isinstance(given, bool) else self._values(given)
        if any(isinstance(value, float) and not np.isfinite(value) for value in values):
            raise Untraceable("an infinite number")
        found = self.sizes.scalar(values)
        if found is None:
            raise Untraceable(f"the number {values[0]}, which changes with the sizes in no simple way")
        return found

    def _values(self, given: Any) -> tuple[Any, ...]:
        if isinstance(given, Numbers):
            return given.values
        raise Untraceable("a number that is the result of a computation")

    def _whole(self, given: Any) -> int:
        values = self._values(given)
        if len(set(values)) != 1:
            raise Untraceable(f"the number {values[0]}, which changes with the sizes where it may not")
        return int(values[0])

    def _dim(self, given: Any) -> Dim:
        return self.named(self._values(given))


def _is_hiding(array: Array) -> bool:
    hidden = np.isneginf(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    return bool(hidden.any()) and bool(np.all(array[~hidden] == 0))


def as_value(result: Result, sizes: Sizes) -> Value:
    """The result of an operation as a tensor; a constant is recognised.

    Raises:
        Untraceable: the result has no expression.
    """
    match result:
        case Value():
            return result
        case Constant(arrays=arrays):
            return recognise(arrays, sizes)
        case Hidden():
            raise Untraceable("an infinite number, where it does not go into a softmax")
        case Untraceable():
            raise Untraceable(*result.args)  # a new one: an error keeps the frames through which it was raised
        case _:
            raise Untraceable("several tensors, taken as one")


def arrays_of(results: tuple[Any, ...]) -> Constant:
    """The tensors that an operation gave, as arrays."""
    return Constant(tuple(torch.as_tensor(result).numpy(force=True) for result in results))

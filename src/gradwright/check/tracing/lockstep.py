"""One function traced at several points, read as one list of operations.

The graphs that PyTorch records at different sizes are walked side by side. Where they have the same
operations in the same order, a number that differs between them is kept as the tuple of its values
(`Numbers`), and everything else is the same. What does not depend on the inputs is kept as its arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.fx import GraphModule
from torch.fx.node import Node as GraphNode

from gradwright.frozen import frozen


class DifferentOperations(Exception):
    """The traces at two sizes are not the same operations."""


@frozen
class Reference:
    """The result of an earlier operation, by its place."""

    place: int


@frozen
class Numbers:
    """A number, with its value at every point."""

    values: tuple[int | float | complex, ...]


@frozen
class Operation:
    """One operation: its kind (`placeholder`, `call_function`, …), target, and arguments by name.

    Attributes:
        kind: the kind of graph node.
        target: an operator of PyTorch, or the name of an input or constant.
        arguments: the arguments by the names of the operator's schema, defaults included.
        results: what the operation gave at every point.
    """

    kind: str
    target: Any
    arguments: Mapping[str, Any]
    results: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The name of the operator without its overload, such as `aten.mm`."""
        packet = getattr(self.target, "overloadpacket", None)
        if packet is None:
            return getattr(self.target, "__name__", str(self.target))
        return f"{packet._qualified_op_name.replace('::', '.')}"

    def references(self) -> list[int]:
        """The places of the operations that this one uses."""
        return _references(tuple(self.arguments.values()))


def in_lockstep(graphs: Sequence[GraphModule], inputs: Sequence[Sequence[torch.Tensor]]) -> tuple[Operation, ...]:
    """The operations that all graphs share, each with its results at every point.

    Raises:
        DifferentOperations: the graphs differ in more than numbers.
    """
    nodes = [list(graph.graph.nodes) for graph in graphs]
    if len({len(listed) for listed in nodes}) != 1:
        raise DifferentOperations
    places = [{node: place for place, node in enumerate(listed)} for listed in nodes]
    results = [_run(graph, given) for graph, given in zip(graphs, inputs, strict=True)]
    rows = zip(*nodes, strict=True)
    return tuple(_operation(row, places, [r[place] for r in results]) for place, row in enumerate(rows))


def _run(graph: GraphModule, inputs: Sequence[torch.Tensor]) -> list[Any]:
    """The result of every node of a graph."""
    found: dict[GraphNode, Any] = {}
    given = iter(inputs)
    with torch.no_grad():
        for node in graph.graph.nodes:
            found[node] = _result(node, graph, found, given)
    return list(found.values())


def _result(node: GraphNode, graph: GraphModule, found: dict[GraphNode, Any], given: Any) -> Any:
    match node.op:
        case "placeholder":
            return next(given).detach().clone()
        case "get_attr":
            return getattr(graph, str(node.target)).detach()
        case "output":
            return torch.fx.map_arg(node.args[0], lambda used: found[used])
    args = torch.fx.map_arg(node.args, lambda used: found[used])
    kwargs = torch.fx.map_arg(node.kwargs, lambda used: found[used])
    assert callable(node.target)
    return node.target(*args, **kwargs)


def _operation(row: Sequence[GraphNode], places: Sequence[Mapping[GraphNode, int]], results: list[Any]) -> Operation:
    first = row[0]
    if any((node.op, str(node.target)) != (first.op, str(first.target)) for node in row):
        raise DifferentOperations
    named = [_by_name(node) for node in row]
    if any(arguments.keys() != named[0].keys() for arguments in named):
        raise DifferentOperations
    joined = {name: _join([a[name] for a in named], places) for name in named[0]}
    return Operation(first.op, first.target, joined, tuple(results))


def _by_name(node: GraphNode) -> dict[str, Any]:
    """The arguments under the names of the schema; those left out have their defaults."""
    schema = getattr(node.target, "_schema", None)
    if node.op != "call_function" or schema is None:
        return {**{str(place): value for place, value in enumerate(node.args)}, **node.kwargs}
    found = {argument.name: argument.default_value for argument in schema.arguments if argument.has_default_value()}
    found |= {argument.name: value for argument, value in zip(schema.arguments, node.args, strict=False)}
    return found | dict(node.kwargs)


def _join(values: Sequence[Any], places: Sequence[Mapping[GraphNode, int]]) -> Any:
    first = values[0]
    if isinstance(first, GraphNode):
        found = {where.get(value) for where, value in zip(places, values, strict=True)}
        if len(found) != 1:
            raise DifferentOperations
        return Reference(places[0][first])
    if isinstance(first, list | tuple):
        if any(not isinstance(value, list | tuple) or len(value) != len(first) for value in values):
            raise DifferentOperations
        return tuple(_join(items, places) for items in zip(*values, strict=True))
    if isinstance(first, int | float | complex) and not isinstance(first, bool):
        if any(type(value) is not type(first) for value in values):
            raise DifferentOperations
        return Numbers(tuple(values))
    if any(value != first for value in values):
        raise DifferentOperations
    return first


def _references(arguments: Any) -> list[int]:
    if isinstance(arguments, Reference):
        return [arguments.place]
    if isinstance(arguments, tuple):
        return [place for item in arguments for place in _references(item)]
    return []

"""From traced operations to one expression: each operation has a rule, under `operators`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gradwright.check.tracing.arguments import Arguments, Constant, Notes, Result, arrays_of, as_value
from gradwright.check.tracing.lockstep import Operation, Reference
from gradwright.check.tracing.operators import IGNORING, RANDOM, RULES
from gradwright.check.tracing.sizes import Sizes
from gradwright.check.tracing.values import Untraceable, Value, node_of, value_of
from gradwright.core.nodes import Node, Symbol
from gradwright.core.walks import free_leaves
from gradwright.errors import GradwrightError

ESCAPED = "a value that leaves PyTorch and comes back (through NumPy, say), or a step that PyTorch hides"


@dataclass
class Interpretation:
    """The results of interpreting operations.

    Attributes:
        operations: what was traced.
        sizes: the points of the trace.
        results: what each operation gave, by its place.
        notes: what is noted beside them.
    """

    operations: Sequence[Operation]
    sizes: Sizes
    results: dict[int, Result] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)


def interpret(operations: Sequence[Operation], symbols: Sequence[Symbol], sizes: Sizes) -> Interpretation:
    """Everything that the result of a trace needs, as nodes; what has no expression is kept as the reason why."""
    found = Interpretation(operations, sizes)
    inputs = iter(symbols)
    needed = _needed(operations)
    for place, operation in enumerate(operations):
        if operation.kind == "placeholder":
            found.results[place] = value_of(next(inputs))
        elif place in needed and operation.kind != "output":
            found.results[place] = _result(operation, found)
    return found


def output_node(found: Interpretation) -> Node:
    """The expression of the function's result.

    Raises:
        Untraceable: it has none.
    """
    returned = found.operations[-1].arguments["0"]
    if isinstance(returned, tuple) and len(returned) == 1:
        returned = returned[0]
    if isinstance(returned, tuple):
        raise Untraceable(f"the function returns {len(returned)} results; trace one of them")
    if not isinstance(returned, Reference):
        raise Untraceable(f"the function returns {returned!r}, which is no tensor computed from its inputs")
    node = node_of(as_value(found.results[returned.place], found.sizes))
    if not found.notes.packed.keys().isdisjoint(free_leaves(node)):
        raise Untraceable("the packed factors of a factorisation, used by something other than its solver")
    return node


def _needed(operations: Sequence[Operation]) -> set[int]:
    """The operations on which the result depends."""
    pending, needed = [len(operations) - 1], set[int]()
    while pending:
        place = pending.pop()
        if place not in needed:
            needed.add(place)
            pending += operations[place].references()
    return needed


def _result(operation: Operation, found: Interpretation) -> Result:
    used = [found.results[place] for place in operation.references()]
    independent = all(isinstance(result, Constant) for result in used) or operation.name in IGNORING
    if operation.name in RANDOM:
        return Untraceable(f"randomness: {operation.name}")
    if independent:
        return _constant(operation.results)
    try:
        return _by_rule(operation, found)
    except Untraceable as reason:
        return reason
    except GradwrightError as error:
        return Untraceable(f"{operation.name}: {error}")


def _constant(results: Sequence[Any]) -> Result:
    """The result of an operation on constants, which may be several tensors."""
    if isinstance(results[0], torch.Tensor):
        # The first and the last point have the same sizes and other values.
        same = torch.equal(results[0], results[-1]) or bool(torch.isnan(results[0]).any())
        return arrays_of(tuple(results)) if same else Untraceable(ESCAPED)
    return tuple(_constant(part) for part in zip(*results, strict=True))


def _by_rule(operation: Operation, found: Interpretation) -> Result:
    arguments = Arguments(operation, found.operations, found.results, found.sizes, found.notes)
    rule = RULES.get(operation.name)
    if rule is None:
        raise Untraceable(_unknown(operation))
    result = rule(arguments)
    if operation.name == "aten.detach_copy" and isinstance(result, Value):
        found.notes.detached[node_of(result)] = None
    return result


def _unknown(operation: Operation) -> str:
    namespace, _, name = operation.name.partition(".")
    if namespace in ("aten", "prims"):
        return f"the operator {operation.name}, which has no counterpart in the language"
    return f"the custom operator {namespace}::{name}, whose inside PyTorch does not show"


def reasons_of(found: Interpretation) -> tuple[str, ...]:
    """Everything that has no expression, each once; what only follows from something else is left out."""
    refused = {id(r): str(r) for r in found.results.values() if isinstance(r, Untraceable)}
    return tuple(dict.fromkeys(refused.values()))

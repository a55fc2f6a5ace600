"""A function together with its derivatives, as nodes in its inputs, outputs, cotangents and directions.

This is what an emitted `torch.autograd.Function` is written from. The rules mention the outputs by name
where they contain them, so that `backward` reuses what `forward` computed: the vector-Jacobian product of
the inverse is `−Yᴴ G Yᴴ` with Y the output. An expression and a primitive are treated alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gradwright.back.code.names import unused
from gradwright.core.facts import tangent
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Direction, Node, Symbol, field_of
from gradwright.core.walks import applications, free_leaves, substitute
from gradwright.diff.derivatives import vjps
from gradwright.diff.differential import differentials
from gradwright.frozen import frozen
from gradwright.linear.projection import project_tangent
from gradwright.prims.piecewise import equal
from gradwright.simplify.pipeline import simplify_all


@frozen
class Rules:
    """A function of tensors and its derivatives.

    Attributes:
        inputs: the inputs, in order.
        values: the outputs, in terms of the inputs.
        outputs: symbols that stand for the outputs in what follows.
        cotangents: one for every output.
        directions: one for every input that occurs.
        vjp: the cotangent of every input that occurs.
        jvp: the direction of every output.
    """

    inputs: tuple[Symbol, ...]
    values: tuple[Node, ...]
    outputs: tuple[Symbol, ...]
    cotangents: tuple[Symbol, ...]
    directions: Mapping[Symbol, Direction]
    vjp: Mapping[Symbol, Node]
    jvp: tuple[Node, ...]

    @property
    def value_of(self) -> dict[Node, Node]:
        """What each output stands for."""
        return dict(zip(self.outputs, self.values, strict=True))


def derive_rules(inputs: Sequence[Symbol], values: Mapping[str, Node]) -> Rules:
    """The rules of a function.

    Args:
        inputs: the inputs, which need not all occur.
        values: a node for each output, under a name that no input has.
    """
    nodes = simplify_all(tuple(values.values()))
    outputs = tuple(_standing_for(name, node) for name, node in zip(values, nodes, strict=True))
    occurring = {leaf for node in nodes for leaf in free_leaves(node)}
    moving = tuple(s for s in inputs if s in occurring)
    # A name for an output where it is computed; an input that is returned keeps its own.
    named = {n: o for n, o in zip(nodes, outputs, strict=True) if n not in moving}
    cotangents = _cotangents(outputs, {s.name for s in inputs})
    slopes = vjps(nodes, moving, cotangents) if moving else {}
    directions = {s: _free_direction(s) for s in moving}
    # A tangent need not lie in the tangent space: projected on it, forward mode is the transpose of reverse mode.
    moves = {s: project_tangent(direction, s) for s, direction in directions.items()}
    pushed = differentials(nodes, {s: move for s, move in moves.items()})
    return Rules(
        tuple(inputs),
        nodes,
        outputs,
        cotangents,
        directions,
        {s: _with_outputs(slopes[s], named) for s in moving},
        tuple(_with_outputs(node, named) for node in simplify_all(tuple(pushed[node] for node in nodes))),
    )


def _with_outputs(node: Node, named: Mapping[Node, Node]) -> Node:
    """The outputs by name, but not where entries are compared: `forward` may have computed `max(x)` from another x.

    The largest entry of what a rule computes is one of its entries; that of what `forward` computed, by a solve
    instead of an inverse, may differ from all of them in the last digit.
    """
    comparisons = [n for n in applications(node) if n.primitive is equal]
    return substitute(node, {**named, **dict(zip(comparisons, comparisons, strict=True))})


def _free_direction(symbol: Symbol) -> Direction:
    """A direction with the facts that it has whatever the point: those of a linear set."""
    curved = {"unitary", "stiefel"} & symbol.facts
    return Direction(symbol.name, symbol.shape, field_of(symbol) if curved else tangent(symbol.facts))


def _standing_for(name: str, node: Node) -> Symbol:
    return Symbol(name, node.shape, facts_of(node) | field_of(node))


def _cotangents(outputs: Sequence[Symbol], taken: Iterable[str]) -> tuple[Symbol, ...]:
    names = {*taken, *(output.name for output in outputs)}
    return tuple(
        Symbol(unused("G" if len(outputs) == 1 else f"G_{o.name}", names), o.shape, field_of(o)) for o in outputs
    )

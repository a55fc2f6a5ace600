"""The differential of an expression.

d distributes over a contraction by the product rule, over a sum term by term, over a primitive by
its template, and over the solution of linear equations by

    E[H] = C   ⇒   E[dH] = dC − (dE)[H],

which holds because the spaces of a `Solve` are constant. The result is an expression that is linear
in its directions, and a directed acyclic graph as compact as the expression itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradwright.core.contraction import is_zero, with_factor, zero
from gradwright.core.facts import tangent
from gradwright.core.nodes import Add, Apply, Contract, Direction, Hole, Node, Parameter, Solve, Symbol
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add, negate
from gradwright.core.templates import definition, formals, instantiate, leaves_at, stated_differential
from gradwright.core.walks import depends_on, postorder
from gradwright.diff.spectral_recognition import recognise_spectral
from gradwright.errors import DerivationError
from gradwright.linear.forms import push
from gradwright.prims.complex import real


def direction(symbol: Symbol) -> Direction:
    """The direction of a variable, with the facts of a perturbation of it."""
    return Direction(symbol.name, symbol.shape, tangent(symbol.facts))


def differential(root: Node, directions: Mapping[Node, Node]) -> Node:
    """The differential of an expression, linear in the given directions of its symbols."""
    return differentials((root,), directions)[root]


def differentials(roots: tuple[Node, ...], directions: Mapping[Node, Node]) -> dict[Node, Node]:
    """The differentials of several expressions, with their common parts shared."""
    smooth = {root: recognise_spectral(root) for root in roots}
    found = _differentials(tuple(smooth.values()), directions)
    return {root: found[smooth[root]] for root in roots}


def _differentials(roots: tuple[Node, ...], directions: Mapping[Node, Node]) -> dict[Node, Node]:
    moving = depends_on(roots, directions)
    done: dict[Node, Node] = dict(directions)
    for node in postorder(*roots):
        if node in moving and node not in done:
            done[node] = _of_node(node, done)
    return {root: done.get(root, zero(root.shape)) for root in roots}


def _of_node(node: Node, done: Mapping[Node, Node]) -> Node:
    match node:
        case Contract():
            return _of_contract(node, done)
        case Add():
            return add(done[term] for term in node.terms if term in done)
        case Apply():
            return _of_apply(node, done)
        case Solve():
            return _of_solve(node, done)
        case _:
            raise AssertionError(f"{type(node).__name__} has no differential")


def _of_contract(node: Contract, done: Mapping[Node, Node]) -> Node:
    """The product rule."""
    moving = [(place, done[f.node]) for place, f in enumerate(node.factors) if f.node in done]
    return add([zero(node.shape), *(with_factor(node, place, moved) for place, moved in moving)])


def _of_apply(node: Apply, done: Mapping[Node, Node]) -> Node:
    if node.primitive.differential_of is not None:
        return node.primitive.differential_of(node, tuple(done.get(a, zero(a.shape)) for a in node.arguments))
    template = rule(node.primitive, node.index, node.parameters)
    moved = from_template(node, template, {a: done.get(a, zero(a.shape)) for a in node.arguments})
    # A singular value is real, and what its formula has beside the real part belongs to the phases.
    return real(moved) if node.real else moved


def from_template(node: Apply, template: Node, moved: Mapping[Node, Node]) -> Node:
    """A differential in formal names, put to use for one application.

    Args:
        node: the application.
        template: its primitive's differential.
        moved: the differential of each argument.
    """
    formal = formals(node.primitive)
    batch, dims = node.bound
    moves = dict(zip(formal.input_directions, (moved[argument] for argument in node.arguments), strict=True))
    return instantiate(template, {**leaves_at(node), **moves}, dims, batch)


def rule(primitive: Primitive, index: int, parameters: tuple[Parameter, ...]) -> Node:
    """The differential of a primitive's output in formal names.

    An identity is solved for it; else it is the one that the record states, else that of the
    formula which defines the function. A stated one also serves where the identity leads to a
    general linear system only.
    """
    stated = stated_differential(primitive, index, parameters)
    if primitive.identity:
        from gradwright.diff.identities.engine import solved

        solution = solved(primitive)
        if not solution.general or stated is None:
            return solution.differentials[index]
    return stated if stated is not None else defined_differential(primitive, index, parameters)


def defined_differential(primitive: Primitive, index: int, parameters: tuple[Parameter, ...]) -> Node:
    """The differential of the formula that defines an output."""
    formula = definition(primitive, index, parameters)
    if formula is None:
        raise DerivationError(f"{primitive.name} has no derivative: nothing defines it")
    formal = formals(primitive)
    return differential(formula, dict(zip(formal.inputs, formal.input_directions, strict=True)))


def _of_solve(node: Solve, done: Mapping[Node, Node]) -> Node:
    solutions: dict[Node, Node] = {
        Hole.of(u, place): Solve(node.unknowns, node.equations, node.right_sides, place)
        for place, u in enumerate(node.unknowns)
    }
    sides: list[Node] = []
    for equation, side in zip(node.equations, node.right_sides, strict=True):
        moved = done.get(equation.operator, zero(equation.operator.shape))
        terms = [done.get(side, zero(side.shape))]
        if not is_zero(moved):
            terms.append(negate(push(moved, solutions, node.trailing)))
        sides.append(add(terms))
    return Solve(node.unknowns, node.equations, tuple(sides), node.index)

"""Linear forms in directions or holes: pushing tensors through them, and transposing them.

A differential is an ordinary expression that is linear in its `Direction` leaves; the operator of a
`Solve` is one that is linear in its `Hole` leaves. Three operations on such a form are kept apart:
`push` puts a tensor, possibly with further trailing axes, for each leaf; `transpose` is reverse
accumulation, one cotangent a node; and `substitute` (in `core.walks`) is not about linearity at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradwright.core.build import permute, repeated
from gradwright.core.contraction import contract, simple, zero
from gradwright.core.nodes import (
    Add,
    Apply,
    Contract,
    Direction,
    Equation,
    Factor,
    Hole,
    Node,
    Shape,
    Solve,
    Unknown,
)
from gradwright.core.sums import add
from gradwright.core.walks import depends_on, postorder
from gradwright.errors import DerivationError
from gradwright.linear.complex_linearity import is_complex_linear
from gradwright.linear.projection import project_space
from gradwright.prims.complex import real, real_part

Leaf = Direction | Hole


def push(form: Node, tensors: Mapping[Node, Node], trailing: Shape = ()) -> Node:
    """The form applied to a tensor for each leaf; leaves that are not named count as zero.

    Args:
        form: an expression linear in its leaves.
        tensors: for every leaf a tensor with the leaf's axes and the trailing ones.
        trailing: further axes, which the result has last.
    """
    touched = depends_on([form], tensors)
    done: dict[Node, Node] = dict(tensors)
    for node in postorder(form):
        if node in touched and node not in done:
            done[node] = _pushed(node, done, trailing)
    return done[form] if form in touched else zero((*form.shape, *trailing))


def jacobian(form: Node, leaf: Leaf) -> Node:
    """The tensor J with the form's axes and then the leaf's, such that the form is `J ·_T leaf`.

    Raises:
        DerivationError: the form contains the conjugate of a complex leaf, so that there is none.
    """
    if not leaf.real:
        _refuse_conjugates(form, leaf)
    return push(form, {leaf: identity_tensor(leaf.shape)}, leaf.shape)


def identity_tensor(shape: Shape) -> Node:
    """δ ⊗ δ ⊗ …: the Jacobian of a tensor with respect to itself."""
    labels = range(len(shape))
    return contract(1, [], simple((*labels, *labels)), dict(enumerate(shape)))


def transpose(form: Node, cotangent: Node, leaves: Iterable[Leaf]) -> dict[Node, Node]:
    """The cotangent of each leaf under Re⟨·,·⟩, given the form's cotangent; zero where none arrives.

    Reverse accumulation: each node passes its cotangent to the children that the leaves reach.
    """
    wanted = list(leaves)
    touched = depends_on([form], wanted)
    incoming: dict[Node, list[Node]] = {form: [cotangent]} if form in touched else {}
    arrived: dict[Node, Node] = {}
    for node in reversed(list(postorder(form))):
        if node not in incoming or node not in touched:
            continue
        total = _typed(add(incoming.pop(node)), node)
        if node in wanted:
            arrived[node] = total
            continue
        for child, part in _passed(node, total, touched):
            incoming.setdefault(child, []).append(part)
    return {leaf: arrived.get(leaf, zero(leaf.shape)) for leaf in wanted}


def _typed(cotangent: Node, node: Node) -> Node:
    """The cotangent of a real tensor is real."""
    return real(cotangent) if node.real else cotangent


def _pushed(node: Node, done: Mapping[Node, Node], trailing: Shape) -> Node:
    match node:
        case Contract():
            return _push_contract(node, done, trailing)
        case Add():
            return add(done[term] for term in node.terms if term in done)
        case Solve():
            sides = tuple(done.get(side, zero((*side.shape, *trailing))) for side in node.right_sides)
            return Solve(node.unknowns, node.equations, sides, node.index)
        case Apply() if node.primitive.linear_in:
            return _push_apply(node, done, trailing)
        case _:
            raise _not_linear(node)


def _push_contract(node: Contract, done: Mapping[Node, Node], trailing: Shape) -> Node:
    count = len(node.dims)
    extra = tuple((count + place,) for place in range(len(trailing)))
    factors = [Factor(done[f.node], (*f.groups, *extra), f.conj) if f.node in done else f for f in node.factors]
    dims = dict(enumerate((*node.dims, *trailing)))
    return contract(node.coefficient, factors, (*node.output, *extra), dims)


def _push_apply(node: Apply, done: Mapping[Node, Node], trailing: Shape) -> Node:
    """A function that is linear in one argument; the trailing axes become batch axes of it."""
    places = [p for p in node.primitive.linear_in if node.arguments[p] in done]
    if len(places) != 1 or any(a in done for p, a in enumerate(node.arguments) if p != places[0]):
        raise _not_linear(node)
    if node.primitive is real_part:
        return real(done[node.arguments[0]])
    arguments = list(node.arguments)
    arguments[places[0]] = done[node.arguments[places[0]]]
    if not trailing:
        return Apply(node.primitive, node.parameters, tuple(arguments), node.index)
    batched = tuple(
        _trailing_first(a, len(trailing)) if p == places[0] else repeated(a, trailing) for p, a in enumerate(arguments)
    )
    return _trailing_last(Apply(node.primitive, node.parameters, batched, node.index), len(trailing))


def _trailing_first(node: Node, count: int) -> Node:
    order = [*range(node.rank - count, node.rank), *range(node.rank - count)]
    return permute(node, order)


def _trailing_last(node: Node, count: int) -> Node:
    return permute(node, [*range(count, node.rank), *range(count)])


def _passed(node: Node, cotangent: Node, touched: set[Node]) -> list[tuple[Node, Node]]:
    match node:
        case Contract():
            places = [p for p, f in enumerate(node.factors) if f.node in touched]
            if len(places) != 1:
                raise _not_linear(node)
            return [(node.factors[places[0]].node, contract_adjoint(node, places[0], cotangent))]
        case Add():
            return [(term, cotangent) for term in node.terms if term in touched]
        case Solve():
            return solve_adjoint(node, cotangent, touched)
        case Apply() if node.primitive.adjoint is not None:
            places = [p for p in node.primitive.linear_in if node.arguments[p] in touched]
            return [(node.arguments[p], node.primitive.adjoint(node, p, cotangent)) for p in places]
        case _:
            raise _not_linear(node)


def contract_adjoint(node: Contract, place: int, cotangent: Node) -> Node:
    """The cotangent of one factor: the others conjugated, the cotangent in the factor's place.

    With ⟨A, B⟩ = Σ conj(A) B and a form F·D, Re⟨G, F D⟩ = Re⟨conj(F) G, D⟩; and for F·conj(D),
    Re⟨G, F conj(D)⟩ = Re⟨F conj(G), D⟩.
    """
    target = node.factors[place]
    flip = not target.conj
    factors = [
        Factor(cotangent, node.output, target.conj) if p == place
        else Factor(f.node, f.groups, f.conj != flip)
        for p, f in enumerate(node.factors)
    ]  # fmt: skip
    return contract(node.coefficient, factors, target.groups, dict(enumerate(node.dims)))


def solve_adjoint(node: Solve, cotangent: Node, touched: set[Node]) -> list[tuple[Node, Node]]:
    """The cotangents of the right sides: spaces swapped, operator adjoined, cotangent projected.

    If the solution is H = S E⁻¹ C with E a map between the spaces U and W, then the cotangent of C
    is E⁻ᵀ applied to the projection of the cotangent of H on U.
    """
    adjoint = adjoint_solve(node)
    sides = tuple(
        project_space(cotangent, unknown.space) if place == node.index else zero((*unknown.shape, *node.trailing))
        for place, unknown in enumerate(node.unknowns)
    )
    return [
        (side, Solve(adjoint.unknowns, adjoint.equations, sides, place))
        for place, side in enumerate(node.right_sides)
        if side in touched
    ]


def adjoint_solve(node: Solve) -> Solve:
    """The same equations with the adjoint operator; the right sides are zero."""
    multipliers = [Hole.of(e.operator, place) for place, e in enumerate(node.equations)]
    holes = _holes(node)
    adjoints: list[list[Node]] = [[] for _ in holes]
    for equation, multiplier in zip(node.equations, multipliers, strict=True):
        parts = transpose(equation.operator, multiplier, holes)
        for place, hole in enumerate(holes):
            adjoints[place].append(parts[hole])
    unknowns = tuple(Unknown(e.operator.shape, e.space, e.operator.real) for e in node.equations)
    equations = tuple(
        Equation(add(parts), unknown.space) for parts, unknown in zip(adjoints, node.unknowns, strict=True)
    )
    zeros = tuple(zero(unknown.shape) for unknown in node.unknowns)
    return Solve(unknowns, equations, zeros, 0)


def _holes(node: Solve) -> list[Leaf]:
    return [Hole.of(u, place) for place, u in enumerate(node.unknowns)]


def _refuse_conjugates(form: Node, leaf: Leaf) -> None:
    if not is_complex_linear(form, [leaf]):
        raise DerivationError(
            f"the differential contains both {_name(leaf)} and its conjugate, so that no single "
            f"Jacobian exists with respect to the complex variable; its jvp and vjp do"
        )


def _name(leaf: Leaf) -> str:
    return leaf.name if isinstance(leaf, Direction) else "the unknown"


def _not_linear(node: Node) -> AssertionError:
    return AssertionError(f"a linear form contains {type(node).__name__}, which is not linear")

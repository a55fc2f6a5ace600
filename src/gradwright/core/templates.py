"""The texts of a primitive's record as nodes, and their instantiation.

A template is a node in the formal names of the signature. It is put to use by one simultaneous
substitution of formals, outputs, directions and dimension names, over any leading batch axes; it is
an error if a formal is left.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import lru_cache

from gradwright.core.build import common_shape, repeated, size, spread
from gradwright.core.contraction import contract
from gradwright.core.declarations import Declaration, parse_declarations
from gradwright.core.dims import Dim, substituted
from gradwright.core.facts import closure, tangent
from gradwright.core.language import translate
from gradwright.core.nodes import (
    Add,
    Apply,
    Contract,
    Direction,
    Equation,
    Factor,
    HalfVectorisation,
    Hole,
    Mask,
    Node,
    Parameter,
    Selection,
    Shape,
    Size,
    Solve,
    Symbol,
    Unknown,
)
from gradwright.core.primitive import Primitive, Texts, shape_text
from gradwright.core.spaces import Space
from gradwright.core.sums import add
from gradwright.core.walks import free_leaves, postorder
from gradwright.errors import DeclarationError, GradwrightError, IdentityError, ShapeError, UnsupportedError
from gradwright.frozen import frozen

Parameters = tuple[Parameter, ...]


@frozen
class Formals:
    """The leaves of a primitive's templates."""

    inputs: tuple[Symbol, ...]
    outputs: tuple[Symbol, ...]
    input_directions: tuple[Direction, ...]
    output_directions: tuple[Direction, ...]
    dims: Mapping[str, Dim]

    @property
    def scope(self) -> dict[str, Node]:
        """The names of a template: inputs, outputs, and their directions."""
        values = (*self.inputs, *self.outputs)
        moves = (*self.input_directions, *self.output_directions)
        return {**{s.name: s for s in values}, **{d.name: d for d in moves}}


@lru_cache(maxsize=4096)
def formals(primitive: Primitive) -> Formals:
    """The formal symbols of a primitive; complex ones where they may be, so that no conjugate is lost."""
    complex_fields = tuple(map(primitive.takes_complex, primitive.inputs))
    inputs = tuple(map(_formal, primitive.inputs, complex_fields))
    reals = tuple(not complex_field for complex_field in complex_fields)
    outputs = tuple(
        _formal(declared, not primitive.real(place, reals)) for place, declared in enumerate(primitive.outputs)
    )
    names = {name for symbol in inputs for dim in symbol.shape for name in dim.names}
    return Formals(
        inputs,
        outputs,
        tuple(Direction(s.name, s.shape, tangent(s.facts)) for s in inputs),
        tuple(Direction(s.name, s.shape, tangent(s.facts)) for s in outputs),
        {name: Dim.of(name) for name in sorted(names)},
    )


def _formal(declared: Declaration, complex_field: bool) -> Symbol:
    facts = closure((*declared.words, "complex")) if complex_field else declared.facts
    return Symbol(declared.name, declared.shape, facts)


@lru_cache(maxsize=4096)
def definition(primitive: Primitive, index: int, parameters: Parameters) -> Node | None:
    """The formula that an output is given by."""
    return _template(primitive, "definition", primitive.definition, index, parameters)


@lru_cache(maxsize=4096)
def stated_differential(primitive: Primitive, index: int, parameters: Parameters) -> Node | None:
    """The differential of an output as the record states it."""
    return _template(primitive, "differential", primitive.differential, index, parameters)


@lru_cache(maxsize=4096)
def identities(primitive: Primitive) -> tuple[tuple[Node, Node], ...]:
    """Both sides of each equation that defines a primitive."""
    found = tuple(_equation_of(primitive, "identity", text) for text in primitive.identity)
    occurring = {leaf for sides in found for side in sides for leaf in free_leaves(side)}
    if found and not primitive.of_user and not occurring.issuperset(formals(primitive).outputs):
        raise IdentityError(f"'identity' of the record of {primitive.name} does not speak of all outputs")
    return found


@lru_cache(maxsize=4096)
def laws(primitive: Primitive) -> tuple[tuple[Node, Node], ...]:
    """Both sides of each equation that defines a primitive, and of those that hold besides."""
    further = tuple(_equation_of(primitive, "laws", text) for text in primitive.laws)
    return (*identities(primitive), *further)


@lru_cache(maxsize=4096)
def gauge_equations(primitive: Primitive) -> tuple[tuple[Node, Node], ...]:
    """Both sides of each equation that fixes the gauge, in formal names and directions."""
    return tuple(_equation_of(primitive, "gauge_fixing", text) for text in primitive.gauge_fixing)


@lru_cache(maxsize=4096)
def free_moves(primitive: Primitive) -> tuple[Direction, tuple[Node | None, ...]] | None:
    """The generator of the freedom, and each output's direction in it, in formal names."""
    if primitive.freedom is None:
        return None
    (declared,) = parse_declarations(primitive.freedom.generator)
    generator = Direction(declared.name, declared.shape, frozenset({"complex"}))
    scope = formals(primitive)
    names: dict[str, Node] = {**scope.scope, declared.name: generator}
    return generator, tuple(_one_tensor(text, names, scope.dims) if text else None for text in primitive.freedom.moves)


def _equation_of(primitive: Primitive, field: str, text: str) -> tuple[Node, Node]:
    with _field(primitive, field):
        return read_equation(text, formals(primitive))


@contextmanager
def _field(primitive: Primitive, field: str) -> Generator[None]:
    """Errors of a record's texts say where they stand; a user's own equation is not called a record."""
    try:
        yield
    except GradwrightError as error:
        if not primitive.of_user:
            error.args = (f"in '{field}' of the record of {primitive.name}: {error}",)
        raise


def read_equation(text: str, scope: Formals) -> tuple[Node, Node]:
    """Both sides of `left = right`."""
    sides = sides_of(text)
    if len(sides) != 2:
        raise IdentityError(f"'{text}' is not an equation: write two sides with one '=' between them")
    left, right = (_tensor(side, scope) for side in sides)
    shape = common_shape(left, right, "'='")
    _refuse_number_for_matrix(text, left, right)
    return spread(left, shape), spread(right, shape)


def _refuse_number_for_matrix(text: str, left: Node, right: Node) -> None:
    """`Y X = 1` would say that every entry is 1, and hardly ever means that."""
    for matrix, number in ((left, right), (right, left)):
        if not isinstance(number, Contract) or number.factors or number.rank or not number.coefficient:
            continue
        if matrix.is_square:
            n, times = matrix.shape[0], "" if number.coefficient == 1 else f"{number.coefficient} * "
            raise IdentityError(
                f"'{text}' says that a matrix is a number: write {times}eye({n}) for the identity matrix, or "
                f"{times}ones({n}, {n}) if every entry is {number.coefficient}"
            )


def sides_of(text: str) -> list[str]:
    """What stands between the `=` of a text, besides those of arguments by keyword: `sum(X, axis=0) = b` has two."""
    sides, depth, quote = [""], 0, ""
    for sign in text:
        if sign in "'\"" and quote in ("", sign):
            quote = "" if quote else sign
        elif not quote:
            depth += (sign in "([{") - (sign in ")]}")
        if sign == "=" and not quote and not depth:
            sides.append("")
        else:
            sides[-1] += sign
    return sides


def _tensor(text: str, scope: Formals) -> Node:
    return _one_tensor(text, scope.scope, scope.dims)


def _one_tensor(text: str, names: Mapping[str, Node], dims: Mapping[str, Dim]) -> Node:
    found = translate(text.strip(), names, dims)
    if isinstance(found, Node):
        return found
    raise IdentityError(f"'{text.strip()}' has several outputs: pick one by its name")


def _template(primitive: Primitive, field: str, texts: Texts, index: int, parameters: Parameters) -> Node | None:
    written = texts(*parameters) if callable(texts) else texts
    if not written:
        return None
    scope, count = formals(primitive), len(primitive.outputs)
    with _field(primitive, field):
        if isinstance(written, str) or len(written) != count:
            raise DeclarationError(f"it is a tuple with one text for each output, of which there are {count}")
        found = _tensor(written[index], scope)
        wanted = scope.outputs[index].shape
        if found.shape != wanted:
            raise ShapeError(f"'{written[index]}' is {shape_text(found.shape)}, and the output {shape_text(wanted)}")
        return found


def leaves_at(node: Apply) -> dict[Node, Node]:
    """What the formal inputs and outputs of a function stand for in an application."""
    formal = formals(node.primitive)
    return dict(zip((*formal.inputs, *formal.outputs), (*node.arguments, *node.outputs), strict=True))


def instantiate(template: Node, leaves: Mapping[Node, Node], dims: Mapping[str, Dim], batch: Shape = ()) -> Node:
    """A template with nodes put for its leaves and dimensions for its dimension names.

    Args:
        template: a node over formal symbols and directions.
        leaves: what each of them stands for, with the batch axes in front.
        dims: what the dimension names stand for.
        batch: leading axes that every leaf has.
    """
    real = all(leaf.real for leaf in leaves.values())
    done: dict[Node, Node] = {}
    lifted: set[Node] = set()
    for node in postorder(template):
        if isinstance(node, Symbol | Direction):
            done[node] = leaves[node]
            lifted.add(node)
            continue
        if isinstance(node, Hole):
            shape = substituted(node.shape, dims)
            done[node] = Hole(node.number, shape, node.real or real)
            continue
        if any(child in lifted for child in node.children):
            lifted.add(node)
        done[node] = _instance(node, done, lifted, dims, batch, real)
    return done[template] if template in lifted else repeated(done[template], batch)


def _instance(
    node: Node, done: Mapping[Node, Node], lifted: set[Node], dims: Mapping[str, Dim], batch: Shape, real: bool
) -> Node:
    match node:
        case Contract():
            return _contract_instance(node, done, lifted, dims, batch)
        case Add():
            return add(_children_instances(node, done, lifted, batch))
        case Apply():
            arguments = tuple(_children_instances(node, done, lifted, batch))
            return Apply(node.primitive, node.parameters, arguments, node.index)
        case Solve():
            if batch:
                raise UnsupportedError(
                    "a function that is defined by an identity cannot be differentiated over leading "
                    "batch axes here; differentiate one matrix (the emitted code takes batches)"
                )
            return _solve_instance(node, done, dims, real)
        case _:
            return _leaf_instance(node, dims)


def _children_instances(node: Node, done: Mapping[Node, Node], lifted: set[Node], batch: Shape) -> list[Node]:
    """The instances of the children: all with the batch axes if the node has them, none otherwise."""
    return [_lift(child, done, lifted, batch) if node in lifted else done[child] for child in node.children]


def _contract_instance(
    node: Contract, done: Mapping[Node, Node], lifted: set[Node], dims: Mapping[str, Dim], batch: Shape
) -> Node:
    count = len(node.dims)
    extra = tuple((count + place,) for place in range(len(batch)))
    labels = {**dict(enumerate(dim.substitute(dims) for dim in node.dims))}
    factors = [
        Factor(done[f.node], (*extra, *f.groups) if f.node in lifted else f.groups, f.conj) for f in node.factors
    ]
    if node not in lifted:
        return contract(node.coefficient, factors, node.output, labels)
    labels.update({count + place: dim for place, dim in enumerate(batch)})
    return contract(node.coefficient, factors, (*extra, *node.output), labels)


def _solve_instance(node: Solve, done: Mapping[Node, Node], dims: Mapping[str, Dim], real: bool) -> Node:
    """The solution for these leaves; `real` if all of them are, so that its unknowns are, too."""
    unknowns = tuple(Unknown(substituted(u.shape, dims), _space(u.space, real), u.real or real) for u in node.unknowns)
    equations = tuple(Equation(done[e.operator], _space(e.space, real)) for e in node.equations)
    return Solve(unknowns, equations, tuple(done[side] for side in node.right_sides), node.index)


def _space(space: Space, real: bool) -> Space:
    """A Hermitian real matrix is symmetric."""
    return {Space.HERMITIAN: Space.SYMMETRIC, Space.SKEW_HERMITIAN: Space.SKEW}.get(space, space) if real else space


def _lift(child: Node, done: Mapping[Node, Node], lifted: set[Node], batch: Shape) -> Node:
    return done[child] if child in lifted else repeated(done[child], batch)


def _leaf_instance(node: Node, dims: Mapping[str, Dim]) -> Node:
    match node:
        case Size(dim=dim):
            return size(dim.substitute(dims))
        case Mask():
            return Mask(*node.weights, substituted(node.shape, dims))
        case Selection():
            part = None if node.part is None else node.part.substitute(dims)
            return Selection(node.whole.substitute(dims), part, node.offset.substitute(dims))
        case HalfVectorisation():
            return HalfVectorisation(node.dim.substitute(dims))
        case _:
            return node

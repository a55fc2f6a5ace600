"""`solution("H: n n skew", A @ H + H @ B == C)`: the solution of linear equations, in the text language.

A construct and no function, since it binds names: what the first argument declares is known on the left
sides of the equations, and nowhere else. A declaration gives the unknown's dimensions, the linear space that it
lives in, and `complex` if it is. With several unknowns one is picked by its name, `solution(…).H`. Each
equation is one in the space of the unknown at its place; `within="free, lower"` names other spaces.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping, Sequence

from gradwright.core import build
from gradwright.core.declarations import check_name, parse_dim, split_commas
from gradwright.core.dims import Dim
from gradwright.core.nodes import Add, Apply, Contract, Equation, Hole, Node, Solve, Unknown
from gradwright.core.primitive import shape_text
from gradwright.core.registry import Outputs
from gradwright.core.spaces import Space
from gradwright.core.walks import depends_on
from gradwright.errors import DeclarationError, LanguageError, ShapeError

NAME = "solution"
USAGE = 'solution("H: n n", A @ H + H @ B == C)'
SPACES: dict[str, Space] = {space.value.replace(" ", "_").replace("-", "_"): space for space in Space}
WORDS = {space: word for word, space in SPACES.items()}


def is_solution(tree: ast.AST) -> bool:
    """Whether a part of a text is a solution: a call with that name whose first argument is a text."""
    return (
        isinstance(tree, ast.Call)
        and isinstance(tree.func, ast.Name)
        and tree.func.id == NAME
        and bool(tree.args)
        and isinstance(tree.args[0], ast.Constant)
        and isinstance(tree.args[0].value, str)
    )


def declared_unknowns(tree: ast.Call) -> dict[str, Unknown]:
    """The unknowns of a solution by name, as its first argument declares them."""
    first = tree.args[0]
    assert isinstance(first, ast.Constant)
    found: dict[str, Unknown] = {}
    for part in split_commas(str(first.value)):
        name, colon, text = part.partition(":")
        name = name.strip()
        if not colon:
            raise DeclarationError(
                f"'{part.strip()}' declares no unknown: write a name, a colon and dimensions, {USAGE}"
            )
        check_name(name)
        if name in found:
            raise DeclarationError(f"the unknown '{name}' is declared twice; declare every name once")
        found[name] = _unknown(name, text)
    return found


def _unknown(name: str, text: str) -> Unknown:
    words = text.split()
    spaces = [SPACES[word] for word in words if word in SPACES]
    shape = tuple(parse_dim(word, name) for word in words if word not in SPACES and word != "complex")
    if len(spaces) > 1:
        raise DeclarationError(f"the unknown '{name}' lives in one space, and '{text.strip()}' names several")
    space = spaces[0] if spaces else Space.FREE
    if space is not Space.FREE and (len(shape) != 2 or shape[0] != shape[1]):
        raise DeclarationError(f"the unknown '{name}' is {shape_text(shape)}, and '{space}' is said of square matrices")
    # Only a complex matrix is called Hermitian; of a real one it is said that it is symmetric.
    is_complex = "complex" in words or space.conjugated
    return Unknown(shape, space, not is_complex)


def bound_names(tree: ast.AST) -> set[str]:
    """The unknowns of all solutions in a text: names that are no variables."""
    return {name for call in _solutions(tree) for name in declared_unknowns(call)}


def bound_dims(tree: ast.AST) -> dict[str, Dim]:
    """The dimension names in the declarations of unknowns."""
    shapes = [unknown.shape for call in _solutions(tree) for unknown in declared_unknowns(call).values()]
    return {name: Dim.of(name) for shape in shapes for dim in shape for name in dim.names}


def _solutions(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_solution(node))


def equation_sides(tree: ast.Call, unknowns: Container[str]) -> tuple[list[ast.expr], list[ast.expr]]:
    """The left and the right sides of the equations, in order; an unknown stands on the left."""
    lefts, rights = list[ast.expr](), list[ast.expr]()
    for argument in tree.args[1:]:
        match argument:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                lefts.append(left)
                rights.append(right)
            case _:
                raise LanguageError(f"solution takes equations, two sides with == between them: {USAGE}")
    if not lefts:
        raise LanguageError(f"solution takes at least one equation: {USAGE}")
    for right in rights:
        for name in _names_around(right):
            if name in unknowns:
                raise LanguageError(
                    f"the unknown '{name}' of solution stands on the right of ==: bring its terms to the left"
                )
    return lefts, rights


def _names_around(tree: ast.AST) -> Iterator[str]:
    """The names in a text that are not the unknowns of a solution within it."""
    stack: list[tuple[ast.AST, frozenset[str]]] = [(tree, frozenset())]
    while stack:
        node, bound = stack.pop()
        if isinstance(node, ast.Name) and node.id not in bound:
            yield node.id
        if isinstance(node, ast.Call) and is_solution(node):
            bound = bound.union(declared_unknowns(node))
        stack += [(child, bound) for child in ast.iter_child_nodes(node)]


def equation_spaces(tree: ast.Call, unknowns: Sequence[Unknown]) -> list[Space]:
    """The space of each equation: that of the unknown at its place, or what `within` says."""
    count = len(tree.args) - 1
    for keyword in tree.keywords:
        value = keyword.value
        if keyword.arg != "within" or not isinstance(value, ast.Constant):
            raise LanguageError(f'solution has one keyword, within, a text such as "free, lower": {USAGE}')
        words = [word.strip() for word in str(value.value).split(",")]
        strange = [word for word in words if word not in SPACES]
        if strange or len(words) != count:
            raise LanguageError(f"'within' names a space for each of the {count} equation(s): {', '.join(SPACES)}")
        return [SPACES[word] for word in words]
    return [unknown.space for unknown in unknowns[:count]] + [Space.FREE] * (count - len(unknowns))


def holes_of(unknowns: Mapping[str, Unknown], taken: Container[str]) -> dict[str, Hole]:
    """The unknowns as they stand in operators.

    Raises:
        DeclarationError: an unknown has the name of something else.
    """
    for name in unknowns:
        if name in taken:
            raise DeclarationError(f"'{name}' is declared already: give the unknown of solution another name")
    return {name: Hole.of(u, number) for number, (name, u) in enumerate(unknowns.items())}


def solution(
    unknowns: Mapping[str, Unknown], operators: Sequence[Node], sides: Sequence[Node], spaces: Sequence[Space]
) -> Node | Outputs:
    """The solution of `operators = sides`, or the solutions by name where there are several unknowns."""
    holes = [Hole.of(u, number) for number, u in enumerate(unknowns.values())]
    for operator in operators:
        _require_linear(operator, holes)
    made = [_right_side(operator, side) for operator, side in zip(operators, sides, strict=True)]
    equations = tuple(Equation(o, space) for o, space in zip(operators, spaces, strict=True))
    known = tuple(unknowns.values())
    _require_as_many(equations, known)
    found = {name: Solve(known, equations, tuple(made), number) for number, name in enumerate(unknowns)}
    return next(iter(found.values())) if len(found) == 1 else Outputs(NAME, found)


def _require_as_many(equations: Sequence[Equation], unknowns: Sequence[Unknown]) -> None:
    """Refuse another number of equations than of unknown entries, which then differ at almost all sizes."""
    rows, columns = Dim.of(0), Dim.of(0)
    for equation in equations:
        rows = rows + equation.space.dimension(equation.operator.shape, equation.operator.real)
    for unknown in unknowns:
        columns = columns + unknown.space.dimension(unknown.shape, unknown.real)
    smaller = any(atom not in dim.names for dim in (rows, columns) for monomial, _ in dim.terms for atom in monomial)
    if rows != columns and not smaller:  # min(m, n) is m or n, which sizes decide
        raise ShapeError(
            f"solution has {rows} equations for {columns} unknown entries, and needs as many: declare in which space "
            "the unknown lives, name the space of an equation with within=, or write lstsq(A, B) for least squares"
        )


def _right_side(operator: Node, side: Node) -> Node:
    """The right side, which may have more axes behind those of the left one: so many more equations."""
    if not side.rank:
        return build.spread(side, operator.shape)
    if side.shape[: operator.rank] != operator.shape:
        raise ShapeError(
            f"an equation of solution has a left side {shape_text(operator.shape)} and a right side "
            f"{shape_text(side.shape)}"
        )
    return side


def _require_linear(operator: Node, holes: Sequence[Hole]) -> None:
    touched = depends_on([operator], holes)
    if operator not in touched:
        raise LanguageError("an equation of solution has no unknown on its left side")
    for node in touched:
        if isinstance(node, Hole):
            continue
        inside = [child in touched for child in node.children]
        match node:
            case Contract():
                linear = sum(inside) == 1
            case Add():
                linear = all(inside)
            case Apply():
                linear = sum(inside) == 1 and inside.index(True) in node.primitive.linear_in
            case Solve():
                linear = True
            case _:
                linear = False
        if not linear:
            raise LanguageError(
                "an equation of solution is not linear in its unknowns: every term on the left has one of them "
                "once, and what has none stands on the right"
            )

"""Parsing a text with declarations, some of which may be left out.

A variable that is not declared gets the shape that the text forces: every rank is tried, and where
two dimensions have to be equal they are made so. If more than one shape is possible, the error says
which declaration would settle it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import product

from gradwright.core.declarations import (
    Declaration,
    check_distinct,
    check_name,
    in_its_field,
    parse_declaration,
)
from gradwright.core.dims import Dim, substituted
from gradwright.core.facts import closure
from gradwright.core.language import MEANT, translate, undeclared
from gradwright.core.nodes import Node
from gradwright.core.primitive import kind_of
from gradwright.core.registry import Outputs
from gradwright.core.signature import Signature
from gradwright.core.solutions import bound_dims, bound_names
from gradwright.core.syntax import parse_text
from gradwright.errors import (
    AmbiguousShapeError,
    DeclarationError,
    DimensionMismatchError,
    ShapeError,
    UnknownNameError,
)
from gradwright.front.functions import FUNCTIONS
from gradwright.frozen import frozen

MOST_UNDECLARED = 6
NAMES = ("n", "m", "k", "p", "q", "r", "l", "j", "h", "g")
DIMENSION_CALLS = {"eye": 0, "ones": 0, "zeros": 0, "size": 0, "elimination": 0, "commutation": 0, "reshape": 1}


@frozen
class Parsed:
    """A node, or the outputs of a function that has several, and the declared variables."""

    value: Node | Outputs
    signature: Signature


def parse_expression(text: str, declarations: Mapping[str, str]) -> Parsed:
    """Parse a text of the language.

    Args:
        text: the expression.
        declarations: what stands after the colon of each declaration, by name.
    """
    tree = parse_text(text, FUNCTIONS)
    declared = Signature(tuple(read_declaration(name, d) for name, d in declarations.items()))
    check_distinct(declared.declarations)
    _check_dims(declared)
    names = _variable_names(tree, declared)
    if not names:
        return Parsed(_translate(text, declared, _dims(tree, declared)), declared)
    if len(names) > MOST_UNDECLARED:
        raise AmbiguousShapeError(
            f"{len(names)} variables are not declared ({', '.join(names)}); declare some of them, "
            f"for instance {names[0]}='n n'"
        ).suggest((names[0], "n n"))
    _check_not_a_slip(tree, names, declared)
    _check_not_a_constant(names)
    return _inferred(text, tree, declared, names)


def read_declaration(name: str, text: object) -> Declaration:
    """Read the declaration of a variable that may occur in a text."""
    check_name(name)
    if name in FUNCTIONS or name == "pi":
        kind = "a function" if name in FUNCTIONS else "a constant"
        raise DeclarationError(f"'{name}' is {kind} of the language and cannot be a variable; choose another name")
    if not isinstance(text, str):
        raise DeclarationError(
            f"the declaration of '{name}' has to be a text such as 'n n symmetric' (empty for a "
            f"scalar), and it is {type(text).__name__}"
        )
    if text.split()[:1] == ["..."]:
        raise DeclarationError(
            f"'{name}: {text}' begins with '...', but a variable has no batch axes: name every axis (what is "
            f"emitted takes batches of it)"
        )
    return in_its_field(parse_declaration(name, text))


def _check_dims(signature: Signature) -> None:
    both = [name for name in signature.names if name in signature.dims]
    if both:
        raise DeclarationError(
            f"'{both[0]}' is declared as a variable and used as a dimension; give one of them another name"
        )


def _variable_names(tree: ast.expr, declared: Signature) -> list[str]:
    """The names that are neither declared nor dimensions nor functions, in order of appearance."""
    dims = _dims(tree, declared)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [
        (node.lineno, node.col_offset, node.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in called
    ]
    known = {*declared.names, *dims, "pi", *FUNCTIONS, *bound_names(tree)}
    return list(dict.fromkeys(name for *_, name in sorted(names) if name not in known))


def _check_not_a_slip(tree: ast.expr, names: Sequence[str], declared: Signature) -> None:
    """Refuse an undeclared name that is that of a declared variable, which does not occur, but for a slip."""
    occurring = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    unused = [name for name in declared.names if name not in occurring]
    for name in names if unused else ():
        near = [other for other in unused if other.lower() == name.lower()] or get_close_matches(name, unused, 1, 0.8)
        if near:
            raise UnknownNameError(
                f"'{name}' is not declared, and '{near[0]}', which is, does not occur: did you mean '{near[0]}'? "
                f"(declare '{name}' too if not)"
            )


def _check_not_a_constant(names: Sequence[str]) -> None:
    """Refuse an undeclared name that a reader takes for a constant, rather than make it a variable."""
    for name in names:
        if name in MEANT:
            raise undeclared(name)


def _dims(tree: ast.expr, declared: Signature) -> dict[str, Dim]:
    """The dimension names: those of the declarations, and the arguments of `eye`, `ones`, `zeros`."""
    found = {**bound_dims(tree), **declared.dims}
    for node in ast.walk(tree):
        places: Sequence[ast.expr] = ()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DIMENSION_CALLS:
            places = node.args[DIMENSION_CALLS[node.func.id] :]
        if isinstance(node, ast.Slice):
            places = [bound for bound in (node.lower, node.upper) if bound is not None]
        for place in places:
            functions = {id(inner.func) for inner in ast.walk(place) if isinstance(inner, ast.Call)}
            for inner in ast.walk(place):
                if isinstance(inner, ast.Name) and inner.id not in declared and id(inner) not in functions:
                    found.setdefault(inner.id, Dim.of(inner.id))
    return found


def _translate(text: str, signature: Signature, dims: Mapping[str, Dim]) -> Node | Outputs:
    variables = {s.name: s for s in signature.symbols}
    known = {name: dim for name, dim in dims.items() if name not in variables}
    return translate(text, variables, known)


def _inferred(text: str, tree: ast.expr, declared: Signature, names: list[str]) -> Parsed:
    dims = _dims(tree, declared)
    facts = _argument_facts(tree, names)
    found: list[tuple[tuple[int, ...], Parsed]] = []
    failures: dict[tuple[int, ...], ShapeError] = {}
    for ranks in product((2, 1, 0), repeat=len(names)):
        attempt = _attempt(text, declared, dims, dict(zip(names, ranks, strict=True)), facts)
        if isinstance(attempt, Parsed):
            found.append((ranks, attempt))
        else:
            failures[ranks] = attempt
    if not found:
        raise _no_shape_fits(names, failures, {*dims, *declared.names, *names})
    if len(found) > 1:
        raise _ambiguity(names, [ranks for ranks, _ in found])
    return found[0][1]


def _no_shape_fits(names: Sequence[str], failures: Mapping[tuple[int, ...], ShapeError], taken: set[str]) -> ShapeError:
    """What goes wrong for each shape of a variable; for several, what goes wrong if they are matrices."""
    if len(names) > 1:
        return ShapeError(_with_usual_names(str(failures[(2,) * len(names)]), taken))
    causes = {rank: str(failures[(rank,)]) for rank in (2, 1, 0)}
    if len(set(causes.values())) == 1:
        return ShapeError(causes[2])
    told = "; ".join(f"as {kind_of(rank)}, {cause}" for rank, cause in causes.items())
    return ShapeError(f"no shape of '{names[0]}' fits the whole text: {_with_usual_names(told, taken)}")


def _with_usual_names(message: str, taken: set[str]) -> str:
    """A message in which the dimensions that were tried have the usual names."""
    fresh = _fresh_names(taken)
    names: dict[str, str] = {}
    return re.sub(r"\w+_axis\d_", lambda found: names.setdefault(found.group(), next(fresh)), message)


def _ambiguity(names: Sequence[str], candidates: Sequence[tuple[int, ...]]) -> AmbiguousShapeError:
    for place, name in enumerate(names):
        ranks = sorted({ranks[place] for ranks in candidates})
        if len(ranks) > 1:
            choices = " or ".join(kind_of(rank) for rank in ranks)
            forms = [(name, " ".join(NAMES[:rank])) for rank in ranks]
            listed = " or ".join(f"{name}='{words}'" for name, words in forms)
            hint = " (the exponential function is exp(x))" if name == "e" else ""
            message = f"the text does not say whether '{name}' is {choices}: declare it, {listed}{hint}"
            return AmbiguousShapeError(message).suggest(*forms)
    return AmbiguousShapeError(f"the shapes of {', '.join(names)} are not forced by the text: declare them")


def _attempt(
    text: str,
    declared: Signature,
    dims: Mapping[str, Dim],
    ranks: Mapping[str, int],
    facts: Mapping[str, set[str]],
) -> Parsed | ShapeError:
    """Parse with given ranks; unknown dimensions are made equal where they have to be."""
    unknown = {name: [Dim.of(f"{name}_axis{axis}_") for axis in range(rank)] for name, rank in ranks.items()}
    replacements: dict[str, Dim] = {}
    free = {dim.name for axes in unknown.values() for dim in axes}
    for _ in range(4 * sum(ranks.values()) + 1):
        shapes = {n: substituted(axes, replacements) for n, axes in unknown.items()}
        try:
            signature = declared.with_declarations(_declare(n, s, facts[n]) for n, s in shapes.items())
            _translate(text, signature, dims)
        except DimensionMismatchError as error:
            if not _unify(error.left, error.right, free, replacements):
                return error
        except ShapeError as error:
            return error
        else:
            return _named(text, declared, dims, shapes, free, facts)
    return ShapeError("the dimensions cannot be made to fit")


def _unify(left: Dim, right: Dim, free: set[str | None], replacements: dict[str, Dim]) -> bool:
    for one, other in ((left, right), (right, left)):
        if one.name in free and one.name not in other.names:
            assert one.name is not None
            step = {one.name: other}
            for key in list(replacements):
                replacements[key] = replacements[key].substitute(step)
            replacements[one.name] = other
            return True
    return False


def _declare(name: str, shape: tuple[Dim, ...], facts: set[str]) -> Declaration:
    square = len(shape) == 2 and shape[0] == shape[1]
    words = tuple(sorted(facts)) if square else ()
    return Declaration(name, shape, closure(words), words=words)


def _named(
    text: str,
    declared: Signature,
    dims: Mapping[str, Dim],
    shapes: Mapping[str, tuple[Dim, ...]],
    free: set[str | None],
    facts: Mapping[str, set[str]],
) -> Parsed:
    """Give the dimensions that are still unknown the usual names."""
    left = [dim.name for shape in shapes.values() for dim in shape if dim.name in free]
    names = _fresh_names({*dims, *declared.names, *shapes})
    chosen = {str(name): Dim.of(next(names)) for name in dict.fromkeys(left)}
    final = {n: substituted(shape, chosen) for n, shape in shapes.items()}
    signature = declared.with_declarations(_declare(n, s, facts[n]) for n, s in final.items())
    return Parsed(_translate(text, signature, {**dims, **signature.dims}), signature)


def _fresh_names(taken: set[str]) -> Iterator[str]:
    yield from (name for name in NAMES if name not in taken)
    number = 1
    while True:
        if f"n{number}" not in taken:
            yield f"n{number}"
        number += 1


def _argument_facts(tree: ast.expr, names: Sequence[str]) -> dict[str, set[str]]:
    """Facts that functions need of a bare argument: a Cholesky factor needs a positive matrix."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        function = FUNCTIONS.get(node.func.id)
        if function is None:
            continue
        for primitive in function.primitives[:1]:
            for argument, fact in zip(node.args, primitive.argument_facts, strict=False):
                if isinstance(argument, ast.Name) and argument.id in found and fact:
                    found[argument.id].add(fact)
    return found

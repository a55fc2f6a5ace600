"""New primitives from their identities.

The identity is data: texts of equations, with the sets in which the unknowns live. It is checked at
generic points when the primitive is made, and solved for the differentials on first use.
"""

from __future__ import annotations

import re
from _blake2 import blake2b
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any

from gradwright.core.arithmetic import Array
from gradwright.core.declarations import (
    Declaration,
    check_distinct,
    in_its_field,
    parse_declaration,
    parse_declarations,
)
from gradwright.core.dims import Dim
from gradwright.core.nodes import Node
from gradwright.core.primitive import USERS, Notation, Primitive, Sample, shape_text
from gradwright.core.registry import FUNCTIONS, Function, primitive_function, register
from gradwright.core.templates import sides_of
from gradwright.diff.identities.asked import Definition
from gradwright.diff.identities.determinacy import require_determined
from gradwright.diff.identities.problem import problem_of
from gradwright.errors import DeclarationError, IdentityError
from gradwright.front.forwards import HeldToIdentity
from gradwright.front.newton import NewtonSolver
from gradwright.front.supplied import SuppliedForward, SuppliedStart, function_named
from gradwright.frozen import replace

Declared = str | Mapping[str, str]
BUILT_IN = frozenset(FUNCTIONS)


def define_primitive(
    name: str,
    identity: Sequence[str],
    unknown: Declared,
    given: Declared,
    forward: Callable[..., Any] | str | None,
    start: Callable[..., Any] | str | None,
    gauge: Sequence[str],
    shown: Callable[[Node], str],
) -> Function:
    """A primitive from the equations that its outputs satisfy; see `gradwright.define`.

    `shown` is how an expression is written in a message.
    """
    _check_function_name(name)
    outputs, inputs = read_declared(unknown, "unknown"), read_declared(given, "given")
    _check_names(name, outputs, inputs)
    _check_sizes(name, outputs, inputs, [text for text in identity if isinstance(text, str)])
    primitive = _primitive(name, tuple(identity), outputs, inputs, tuple(gauge))
    problem = problem_of(primitive)
    supplied = None if forward is None else SuppliedForward(problem, function_named(forward, "forward"))
    first_guess = None if start is None else SuppliedStart(problem, function_named(start, "start"))
    tried = None if supplied is None else supplied.tried
    orders, points = require_determined(Definition(problem, primitive.identity, tried, first_guess, shown))
    _check_sizes(name, outputs, inputs)
    if first_guess is not None:  # which a point that needs no steps has not tried
        first_guess(*(points[0].values[given] for given in problem.givens))
    origin = _origin(primitive, forward, start)
    finished = replace(
        primitive,
        numpy=_numpy_name(forward) or supplied or NewtonSolver(problem, first_guess, points[0], _numpy_name(start)),
        torch=forward if isinstance(forward, str) and forward.startswith("torch.") else None,
        origin=origin,
        size_orders=orders,
        witnesses=tuple({s.name: p.values[s] for s in (*problem.unknowns, *problem.givens)} for p in points),
        regular=None if forward is None else HeldToIdentity(problem, primitive.identity),
    )
    function = primitive_function(finished)
    return register(function)


def read_declared(declared: Any, role: str) -> tuple[Declaration, ...]:
    """The declarations of a text, or of a mapping from names to texts."""
    if isinstance(declared, str):
        found = parse_declarations(declared)
    elif isinstance(declared, Mapping):
        found = tuple(parse_declaration(str(name), str(text)) for name, text in declared.items())
    else:
        raise DeclarationError(
            f"{role}={declared!r}: declarations are a text such as 'Y: n n, z: n', or a mapping such as {{'Y': 'n n'}}"
        )
    found = tuple(map(in_its_field, found))
    if not found:
        raise DeclarationError(f"define needs at least one {role}: write {role}='Y: n n'")
    return found


def _check_function_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise DeclarationError(f"{name!r} cannot be the name of a function: it is not an identifier of Python")
    if name in BUILT_IN:  # its text would be read back as the other function
        raise DeclarationError(f"'{name}' is a function of the language already: give what is defined another name")


def _check_names(function: str, outputs: tuple[Declaration, ...], inputs: tuple[Declaration, ...]) -> None:
    names = [d.name for d in (*outputs, *inputs)]
    for name in names:
        if name == function:
            raise DeclarationError(f"'{name}' is the name of the function and of a variable; rename one of them")
        if names.count(name) > 1:
            raise DeclarationError(f"'{name}' is declared both as unknown and as given")
        if name in FUNCTIONS:
            whose = "a function of the language" if name in BUILT_IN else "a function that was defined before"
            raise DeclarationError(f"'{name}' is {whose} and cannot be a variable; choose another name")
        if f"d{name}" in names:
            raise DeclarationError(f"'d{name}' is the name of the direction of '{name}'; choose another name")
    check_distinct((*outputs, *inputs))


def _check_sizes(
    function: str, outputs: tuple[Declaration, ...], inputs: tuple[Declaration, ...], texts: Sequence[str] | None = None
) -> None:
    """Refuse an unknown whose size the givens do not tell; of texts, where they speak of that size as `eye(m)` does."""
    dims = [dim for d in inputs for dim in d.shape]
    known = _told(dims)
    spoken = None if texts is None else set(re.findall(r"\w+", " ".join(texts)))
    for output in outputs:
        for name in sorted({name for dim in output.shape for name in dim.names} - known):
            if spoken is not None and name not in spoken:
                continue
            within = next((f" but in {dim}" for dim in dims if name in dim.names), "")
            fixed = " ".join("2" if str(dim) == name else str(dim) for dim in output.shape)
            raise DeclarationError(
                f"{function}: the unknown '{output.name}' is {shape_text(output.shape)}, and no given has the "
                f"dimension '{name}'{within}, so that nothing says how large '{output.name}' is: write a number for "
                f"it, as in '{output.name}: {fixed}', or add a given that has it"
            )


def _told(dims: Sequence[Dim]) -> set[str]:
    """The names whose sizes follow from those of some dimensions, one after the other: k from n + k once n is known."""
    known = set[str]()
    while True:
        told = {name for dim in dims if len(names := set(dim.names) - known) == 1 for name in names}
        if not told:
            return known
        known |= told


def _primitive(
    name: str,
    identity: tuple[str, ...],
    outputs: tuple[Declaration, ...],
    inputs: tuple[Declaration, ...],
    gauge: tuple[str, ...],
) -> Primitive:
    if not identity:
        raise IdentityError(f"{name}: an identity is needed, such as 'Y @ X = eye(n)'")
    for text in (*identity, *gauge):
        if not is_equation(text):
            raise IdentityError(f"{name}: '{text}' is not an equation: {how_to_write_it(text)}")
    signature = f"{', '.join(map(str, inputs))} -> {', '.join(map(str, outputs))}"
    fields = tuple("complex" if "complex" in d.words else "real" for d in outputs)
    takes_complex = any("complex" in d.words for d in inputs)
    return Primitive(
        name=name,
        signature=signature,
        summary=f"defined by {' and '.join(identity)}",
        identity=tuple(" ".join(text.split()) for text in identity),
        gauge_fixing=tuple(" ".join(text.split()) for text in gauge),
        gauge=f"the choice that {' and '.join(gauge)} makes" if gauge else "",
        real_only=not takes_complex,
        field=fields[0] if len(set(fields)) == 1 else fields,
        numpy=_not_yet,
        origin=USERS,
        notation=Notation(name=name),
        samples=(Sample(", ".join(map(str, inputs))),),
        source="the definition",
    )


def is_equation(text: object) -> bool:
    """Whether a text has two sides with an equals sign between them."""
    sides = sides_of(text) if isinstance(text, str) else []
    return len(sides) == 2 and not sides[0].rstrip().endswith(("<", ">", "!"))


def how_to_write_it(text: object) -> str:
    """What to write in place of what is no equation."""
    if isinstance(text, str) and re.search(r"[^<>=!]==[^=]", text):
        return "write '=' for '=='"
    if isinstance(text, str) and any(side.rstrip().endswith(("<", ">")) for side in sides_of(text)[:-1]):
        return "of inequalities, only those count that hold with equality at the solution"
    if isinstance(text, str) and re.search(r"=.*[,;].*=", text):
        return "write several equations as a list of texts"
    return "write two sides with one '=' between them"


def _not_yet(*arguments: Array) -> Array:
    raise AssertionError("the forward function is set when the identity has been checked")


def _origin(primitive: Primitive, forward: object, start: object) -> str:
    """What tells two primitives of one name apart."""
    stated = (primitive.identity, primitive.gauge_fixing, primitive.signature)
    described = repr((*stated, _identity_of(forward), _identity_of(start)))
    return USERS + blake2b(described.encode(), digest_size=6).hexdigest()


def _identity_of(function: object) -> str:
    if function is None or isinstance(function, str):
        return str(function)
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}@{id(function)}"


def _numpy_name(function: object) -> str:
    """The dotted name of a function of NumPy arrays; nothing for any other."""
    return function if isinstance(function, str) and not function.startswith("torch.") else ""

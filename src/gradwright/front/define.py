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

import numpy as np

from gradwright.core.arithmetic import Array, resolve
from gradwright.core.declarations import (
    Declaration,
    declared_facts,
    in_its_field,
    parse_declaration,
    parse_declarations,
)
from gradwright.core.membership import LINEAR, departure
from gradwright.core.nodes import Symbol
from gradwright.core.primitive import USERS, Notation, Primitive, Sample, shape_text
from gradwright.core.registry import FUNCTIONS, Function, primitive_function, register
from gradwright.core.templates import sides_of
from gradwright.diff.identities.determinacy import require_determined
from gradwright.diff.identities.problem import Problem, problem_of
from gradwright.errors import DeclarationError, GradwrightError, IdentityError
from gradwright.front.forwards import HeldToIdentity
from gradwright.front.newton import NewtonSolver, sizes_of
from gradwright.frozen import replace

Declared = str | Mapping[str, str]
BUILT_IN = frozenset(FUNCTIONS)


def define_primitive(
    name: str,
    identity: Sequence[str],
    unknown: Declared,
    given: Declared,
    forward: Callable[..., Any] | str | None = None,
    start: Callable[..., Any] | str | None = None,
    gauge: Sequence[str] = (),
) -> Function:
    """A primitive from the equations that its outputs satisfy; see `gradwright.define`."""
    _check_function_name(name)
    outputs, inputs = read_declared(unknown, "unknown"), read_declared(given, "given")
    _check_names(name, outputs, inputs)
    _check_sizes(name, outputs, inputs, [text for text in identity if isinstance(text, str)])
    primitive = _primitive(name, tuple(identity), outputs, inputs, tuple(gauge))
    problem = problem_of(primitive)
    given_forward = None if forward is None else _solving(_function_named(forward, "forward"), problem)
    first_guess = None if start is None else _started(_function_named(start, "start"), problem)
    tried = None if given_forward is None else _tried(given_forward, problem)
    orders, points = require_determined(problem, primitive.identity, tried, first_guess)
    _check_sizes(name, outputs, inputs)
    if first_guess is not None:  # which a point that needs no steps has not tried
        first_guess(*(points[0].values[given] for given in problem.givens))
    origin = _origin(primitive, forward, start)
    finished = replace(
        primitive,
        numpy=_recorded(forward, given_forward, len(outputs))
        or NewtonSolver(problem, first_guess, points[0], _numpy_name(start)),
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


def _check_sizes(
    function: str, outputs: tuple[Declaration, ...], inputs: tuple[Declaration, ...], texts: Sequence[str] | None = None
) -> None:
    """Refuse an unknown whose size the givens do not tell; of texts, where they speak of that size as `eye(m)` does."""
    known = {name for d in inputs for dim in d.shape for name in dim.names}
    spoken = None if texts is None else set(re.findall(r"\w+", " ".join(texts)))
    for output in outputs:
        for name in sorted({name for dim in output.shape for name in dim.names} - known):
            if spoken is not None and name not in spoken:
                continue
            fixed = " ".join("2" if str(dim) == name else str(dim) for dim in output.shape)
            raise DeclarationError(
                f"{function}: the unknown '{output.name}' is {shape_text(output.shape)}, and no given has the "
                f"dimension '{name}', so that nothing says how large '{output.name}' is: write a number for it, as in "
                f"'{output.name}: {fixed}', or add a given that has it"
            )


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
        if not isinstance(text, str) or len(sides_of(text)) != 2:
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


def how_to_write_it(text: object) -> str:
    """What to write in place of what is no equation."""
    if isinstance(text, str) and re.search(r"[^<>=!]==[^=]", text):
        return "write '=' for '=='"
    if isinstance(text, str) and re.search(r"=.*[,;].*=", text):
        return "write several equations as a list of texts"
    return "write two sides with one '=' between them"


def _recorded(
    forward: Callable[..., Any] | str | None, evaluate: Callable[..., tuple[Array, ...]] | None, count: int
) -> Callable[..., Any] | str | None:
    """The forward function for the record: by its name if it is a named function of NumPy arrays."""
    if isinstance(forward, str) and not forward.startswith("torch."):
        return forward
    return None if evaluate is None else _implementation(evaluate, count)


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


def _function_named(function: Any, role: str) -> Callable[..., Any]:
    if callable(function):
        return function
    if not isinstance(function, str):
        raise DeclarationError(
            f"{role}= takes a function of the givens, or its dotted name in numpy, scipy or torch, "
            f"and this is a {type(function).__name__}"
        )
    if function.split(".")[0] not in ("numpy", "scipy", "torch"):
        raise DeclarationError(f"{role}='{function}': a name starts with numpy, scipy or torch")
    try:
        found = resolve(function)
    except (ModuleNotFoundError, AttributeError) as error:
        raise DeclarationError(f"{role}='{function}': there is no such function") from error
    return _of_arrays(found) if function.startswith("torch.") else found


def _numpy_name(function: object) -> str:
    """The dotted name of a function of NumPy arrays; nothing for any other."""
    return function if isinstance(function, str) and not function.startswith("torch.") else ""


def _of_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of PyTorch tensors as one of NumPy arrays."""

    def apply(*arrays: Array) -> Any:
        import torch

        result = function(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays))
        parts = result if isinstance(result, tuple) else (result,)
        values = tuple(part.detach().resolve_conj().numpy() for part in parts)
        return values if isinstance(result, tuple) else values[0]

    return apply


def _tupled(
    function: Callable[..., Any], count: int, name: str, role: str = "forward function"
) -> Callable[..., tuple[Array, ...]]:
    """The same function, always returning a tuple of arrays."""

    def apply(*arrays: Array) -> tuple[Array, ...]:
        result = function(*arrays)
        parts = tuple(result) if isinstance(result, tuple | list) else (result,)
        if len(parts) != count:
            raise IdentityError(f"{name}: the {role} returns {len(parts)} result(s), and there are {count} unknown(s)")
        arrays_of = tuple(np.asarray(part) for part in parts)
        if any(part.dtype.kind not in "biufc" for part in arrays_of):
            raise IdentityError(f"{name}: the {role} returns something that is no array of numbers")
        return arrays_of

    return apply


def _solving(forward: Callable[..., Any], problem: Problem) -> Callable[..., tuple[Array, ...]]:
    """The forward function as a tuple of arrays; complex unknowns are complex where their values happen to be real."""
    tupled = _tupled(forward, len(problem.unknowns), problem.name)

    def apply(*arrays: Array) -> tuple[Array, ...]:
        return tuple(
            value if unknown.real else value.astype(np.result_type(value, np.complex64))
            for unknown, value in zip(problem.unknowns, tupled(*arrays), strict=True)
        )

    return apply


def _tried(forward: Callable[..., tuple[Array, ...]], problem: Problem) -> Callable[..., tuple[Array, ...]]:
    """The forward function as it is tried at generic points: what it does not take or does not give is said."""

    def apply(*arrays: Array) -> tuple[Array, ...]:
        try:
            found = forward(*arrays)
        except (TypeError, LookupError, AttributeError) as error:
            names = ", ".join(given.name for given in problem.givens)
            raise IdentityError(
                f"{problem.name}: the forward function fails when called with {names} ({error})"
            ) from error
        sizes = sizes_of(problem, arrays)
        for unknown, value in zip(problem.unknowns, found, strict=True):
            _require_shape(problem, "forward=", unknown, value, sizes)
        return found

    return apply


def _started(start: Callable[..., Any], problem: Problem) -> Callable[..., tuple[Array, ...]]:
    """The first guess as arrays with the shapes, in the fields and the linear spaces of the unknowns' declarations."""
    name, unknowns = problem.name, problem.unknowns
    tupled = _tupled(start, len(unknowns), name, "starting point")

    def apply(*arrays: Array) -> tuple[Array, ...]:
        try:
            guesses = tupled(*arrays)
        except GradwrightError:
            raise
        except Exception as error:
            raise IdentityError(f"{name}: the starting point start= fails ({error})") from error
        sizes = sizes_of(problem, arrays)
        for unknown, guess in zip(unknowns, guesses, strict=True):
            _require_shape(problem, "start=", unknown, guess, sizes)
            _require_space(name, unknown, guess)
        return tuple(
            _in_field(not unknown.real, guess, f"{name}: start= gives complex numbers for '{unknown.name}'")
            for unknown, guess in zip(unknowns, guesses, strict=True)
        )

    return apply


def _require_shape(problem: Problem, role: str, unknown: Symbol, value: Array, sizes: Mapping[str, int]) -> None:
    """Refuse an array that has not the unknown's shape."""
    expected = tuple(dim.evaluate(sizes) if set(dim.names) <= sizes.keys() else None for dim in unknown.shape)
    if value.ndim == len(expected) and all(e in (None, n) for e, n in zip(expected, value.shape, strict=True)):
        return
    raise IdentityError(
        f"{problem.name}: {role} gives an array of shape {value.shape} for '{unknown.name}', which is "
        f"{shape_text(unknown.shape)} and here has the shape {expected}{_in_order(problem)}"
    )


def _in_order(problem: Problem) -> str:
    """In which order several unknowns are expected."""
    several = len(problem.unknowns) > 1
    return f"; the order is {', '.join(u.name for u in problem.unknowns)}" if several else ""


def _require_space(name: str, unknown: Symbol, guess: Array) -> None:
    """Refuse a first guess outside of the linear space of its unknown, which no step brings back to it."""
    facts = unknown.facts & LINEAR
    found = departure(guess, facts) if guess.ndim == 2 and guess.shape[0] == guess.shape[1] else ""
    if found:
        raise IdentityError(
            f"{name}: start= gives for '{unknown.name}', which is declared {' '.join(declared_facts(unknown.facts))}, "
            f"a matrix that {found}; the steps from there stay outside: let start= return a matrix of that kind"
        )


def _in_field(is_complex: bool, value: Array, what: str) -> Array:
    """A value with the type of its field; what has an imaginary part is no real number."""
    if is_complex:
        return value.astype(np.result_type(value, np.complex64, float))
    if np.any(np.imag(value)):
        raise IdentityError(f"{what}, which is declared real: declare it complex, or take the real part")
    return np.real(value).astype(np.result_type(np.real(value), float))


def _implementation(forward: Callable[..., tuple[Array, ...]], count: int) -> Callable[..., Any]:
    def evaluate(*arrays: Array) -> Any:
        parts = forward(*arrays)
        return parts if count > 1 else parts[0]

    return evaluate

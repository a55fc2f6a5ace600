"""New primitives from their identities.

The identity is data: texts of equations, with the sets in which the unknowns live. It is checked at
generic points when the primitive is made, and solved for the differentials on first use.
"""

from __future__ import annotations

from _blake2 import blake2b
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.core.arithmetic import Array, resolve
from gradwright.core.declarations import Declaration, check_name, parse_declaration, parse_declarations
from gradwright.core.nodes import Node
from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import FUNCTIONS, Function, primitive_function, register
from gradwright.diff.identities.determinacy import require_determined
from gradwright.diff.identities.problem import Problem, problem_of
from gradwright.diff.identities.solution_points import lie_in_their_sets, newton, relative_residual
from gradwright.errors import ConditionError, DeclarationError, IdentityError
from gradwright.frozen import frozen, replace

Declared = str | Mapping[str, str]
BUILT_IN = frozenset(FUNCTIONS)


def define_primitive(
    name: str,
    identity: Sequence[str],
    unknown: Declared,
    given: Declared,
    forward: Callable[..., Any] | str | None = None,
    start: Callable[..., Any] | None = None,
    gauge: Sequence[str] = (),
) -> Function:
    """A primitive from the equations that its outputs satisfy; see `gradwright.define`."""
    check_name(name)
    outputs, inputs = _read(unknown, "unknown"), _read(given, "given")
    _check_names(outputs, inputs)
    primitive = _primitive(name, tuple(identity), outputs, inputs, tuple(gauge))
    problem = problem_of(primitive)
    given_forward = None if forward is None else _tupled(_callable(forward), len(outputs))
    first_guess = None if start is None else _tupled(start, len(outputs))
    orders, point = require_determined(problem, primitive.identity, given_forward, first_guess)
    origin = _origin(primitive, forward, start)
    finished = replace(
        primitive,
        numpy=_recorded(forward, given_forward, len(outputs)) or NewtonSolver(problem, first_guess),
        torch=forward if isinstance(forward, str) and forward.startswith("torch.") else None,
        origin=origin,
        size_orders=orders,
        witness={symbol.name: point.values[symbol] for symbol in (*problem.unknowns, *problem.givens)},
    )
    function = primitive_function(finished)
    if name not in BUILT_IN:
        register(function)
    return function


def _read(declared: Declared, role: str) -> tuple[Declaration, ...]:
    if isinstance(declared, str):
        found = parse_declarations(declared)
    else:
        found = tuple(parse_declaration(name, text) for name, text in declared.items())
    if not found:
        raise DeclarationError(f"define needs at least one {role}: write {role}='Y: n n'")
    return found


def _check_names(outputs: tuple[Declaration, ...], inputs: tuple[Declaration, ...]) -> None:
    names = [d.name for d in (*outputs, *inputs)]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(f"'{name}' is declared both as unknown and as given")
        if name in FUNCTIONS:
            raise DeclarationError(f"'{name}' is a function of the language and cannot be a variable")
        if f"d{name}" in names:
            raise DeclarationError(f"'d{name}' is the name of the direction of '{name}'; choose another name")


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
        if not isinstance(text, str) or text.count("=") != 1:
            raise IdentityError(f"{name}: '{text}' is not an equation: write two sides with one '=' between them")
    signature = f"{', '.join(map(str, inputs))} -> {', '.join(map(str, outputs))}"
    is_complex = any("complex" in d.words for d in (*inputs, *outputs))
    return Primitive(
        name=name,
        signature=signature,
        summary=f"defined by {' and '.join(identity)}",
        identity=tuple(" ".join(text.split()) for text in identity),
        gauge_fixing=tuple(" ".join(text.split()) for text in gauge),
        gauge=f"the choice that {' and '.join(gauge)} makes" if gauge else "",
        real_only=not is_complex,
        field="same",
        numpy=_not_yet,
        notation=Notation(name=name),
        samples=(Sample(", ".join(map(str, inputs))),),
        source="the definition",
    )


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
    return f" #{blake2b(described.encode(), digest_size=6).hexdigest()}"


def _identity_of(function: object) -> str:
    if function is None or isinstance(function, str):
        return str(function)
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}@{id(function)}"


def _callable(forward: Callable[..., Any] | str) -> Callable[..., Any]:
    if not isinstance(forward, str):
        return forward
    if forward.split(".")[0] not in ("numpy", "scipy", "torch"):
        raise DeclarationError(f"forward='{forward}': a name starts with numpy, scipy or torch")
    try:
        function = resolve(forward)
    except (ModuleNotFoundError, AttributeError) as error:
        raise DeclarationError(f"forward='{forward}': there is no such function") from error
    return _of_arrays(function) if forward.startswith("torch.") else function


def _of_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of PyTorch tensors as one of NumPy arrays."""

    def apply(*arrays: Array) -> Any:
        import torch

        result = function(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays))
        parts = result if isinstance(result, tuple) else (result,)
        values = tuple(part.detach().resolve_conj().numpy() for part in parts)
        return values if isinstance(result, tuple) else values[0]

    return apply


def _tupled(function: Callable[..., Any], count: int) -> Callable[..., tuple[Array, ...]]:
    """The same function, always returning a tuple of arrays."""

    def apply(*arrays: Array) -> tuple[Array, ...]:
        result = function(*arrays)
        parts = tuple(result) if isinstance(result, tuple | list) else (result,)
        if len(parts) != count:
            raise IdentityError(
                f"the forward function returns {len(parts)} result(s), and there are {count} unknown(s)"
            )
        return tuple(np.asarray(part) for part in parts)

    return apply


def _implementation(forward: Callable[..., tuple[Array, ...]], count: int) -> Callable[..., Any]:
    def evaluate(*arrays: Array) -> Any:
        parts = forward(*arrays)
        return parts if count > 1 else parts[0]

    return evaluate


@frozen(eq=False)
class NewtonSolver:
    """A forward function that solves the identity by Newton's method.

    Attributes:
        problem: the identity.
        start: a function of the givens to the first guess; None for the usual starting points.
    """

    problem: Problem
    start: Callable[..., tuple[Array, ...]] | None

    def __call__(self, *arrays: Array) -> Any:
        """The unknowns; the unknown itself if there is only one."""
        parts = self.solve(*arrays)
        return parts[0] if len(parts) == 1 else parts

    def solve(self, *arrays: Array) -> tuple[Array, ...]:
        """The unknowns, in order."""
        problem = self.problem
        sizes = {
            name: size
            for symbol, array in zip(problem.givens, arrays, strict=True)
            for dim, size in zip(symbol.shape, np.shape(array), strict=True)
            if (name := dim.name) is not None
        }
        givens: dict[Node, Array] = dict(zip(problem.givens, map(np.asarray, arrays), strict=True))
        outside = ""
        for guess in _guesses(problem, sizes, arrays, self.start):
            values = newton(problem, {**givens, **guess}, sizes)
            if relative_residual(problem, values, sizes) >= 1e-9:
                continue
            if lie_in_their_sets(problem, values):
                return tuple(values[u] for u in problem.unknowns)
            outside = " in the declared sets, only others"
        raise ConditionError(
            f"{problem.name}: Newton's method found no solution of its identity{outside} at these inputs; "
            f"give forward=, or a starting point start="
        )


def _guesses(
    problem: Problem,
    sizes: Mapping[str, int],
    arrays: Sequence[Array],
    start: Callable[..., tuple[Array, ...]] | None,
) -> Any:
    """The starting point that was given; else the identity, zeros, and a few random ones."""
    if start is not None:
        yield dict(zip(problem.unknowns, start(*arrays), strict=True))
        return
    from gradwright.core.points import draw

    shapes = {u: tuple(d.evaluate(sizes) for d in u.shape) for u in problem.unknowns}
    kind = np.result_type(float, *arrays)
    yield {u: np.eye(*s, dtype=kind) if len(s) == 2 else np.ones(s, dtype=kind) for u, s in shapes.items()}
    yield {u: np.zeros(s, dtype=kind) for u, s in shapes.items()}
    for seed in range(5):
        generator = np.random.default_rng(seed)
        yield {u: draw(s, u.facts, generator).astype(kind) for u, s in shapes.items()}

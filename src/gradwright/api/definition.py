"""Primitives that a user defines by an identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradwright.api.expression import Expression, as_expression, as_result
from gradwright.back.render import unicode_of
from gradwright.core.primitive import Primitive
from gradwright.core.registry import Call, Function, primitive_function, register
from gradwright.core.signature import Signature
from gradwright.diff.conditions import conditions_of_identity
from gradwright.errors import IdentityError, ShapeError
from gradwright.front.define import define_primitive

EquationLike = str | tuple[Expression, Expression]


class DefinedFunction:
    """A function that is defined by the equations it satisfies.

    It is called with expressions, in the declared order of the givens, like any function of the
    language; several unknowns are attributes of the result.

    Attributes:
        primitive: the record.
    """

    def __init__(self, function: Function) -> None:
        self._function = function

    @property
    def primitive(self) -> Primitive:
        """The record of the primitive."""
        return self._function.primitives[0]

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.primitive.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DefinedFunction) and self.primitive.token == other.primitive.token

    def __hash__(self) -> int:
        return hash(self.primitive.token)

    def __call__(self, *arguments: Any) -> Any:
        """The function of expressions, in the declared order of the givens."""
        values = [as_expression(argument) for argument in arguments]
        if any(value is None for value in values):
            raise ShapeError(f"{self.name} takes expressions and numbers")
        expressions = [value for value in values if value is not None]
        signature = Signature().merged(*(expression.signature for expression in expressions))
        call = Call(self.name, tuple(expression.node for expression in expressions), {})
        return as_result(self._function.build(call), signature)

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the derivative needs."""
        return conditions_of_identity(self.primitive, unicode_of)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles: a process that reads one knows the function from then on, as if it had defined it."""
        return _defined, (self.primitive,)

    def __repr__(self) -> str:
        return f"<{self.name}: {' and '.join(self.primitive.identity)}>"


def _defined(primitive: Primitive) -> DefinedFunction:
    return DefinedFunction(register(primitive_function(primitive)))


def define(
    name: str,
    identity: EquationLike | Sequence[EquationLike],
    *,
    unknown: str | Mapping[str, str],
    given: str | Mapping[str, str],
    forward: Callable[..., Any] | str | None = None,
    start: Callable[..., Any] | str | None = None,
    gauge: str | Sequence[str] = (),
) -> DefinedFunction:
    """Define a function by the equations that it satisfies.

        inverse = define("inverse", "Y @ X = eye(n)", unknown="Y: n n", given="X: n n")
        factors = define("factors", ["Q @ R = A"], unknown={"Q": "n m stiefel", "R": "m m upper"}, given={"A": "n m"})

    Args:
        name: what the function is called.
        identity: one equation or several, as texts with one `=`, or as pairs of expressions.
        unknown: declarations of the outputs, with the sets in which they live.
        given: declarations of the inputs.
        forward: a function of the givens, in order, to the unknown (or a tuple of them); a callable, or
            a dotted name in numpy, scipy or torch. It is held to the identity at a generic point.
            Without one, the identity is solved by Newton's method.
        start: a function of the givens to Newton's first guess, or its dotted name.
        gauge: where the identity leaves directions free, the equations that choose one, in the unknowns and their
            directions: `"Y.T @ dY = dY.T @ Y"`. A cotangent that depends on the choice is reported.

    Raises:
        IdentityError: the identity does not determine the unknowns; the message says what is free, what
            contradicts, or that the forward function does not satisfy it.
    """
    single = isinstance(identity, str) or (
        isinstance(identity, tuple) and len(identity) == 2 and not isinstance(identity[0], str)
    )
    if not single and not isinstance(identity, Sequence):
        raise IdentityError(f"{name}: an identity is an equation such as 'Y @ X = eye(n)', or a list of them")
    equations: Sequence[Any] = [identity] if single else list(identity)
    texts = [_text(name, equation) for equation in equations]
    fixing = (gauge,) if isinstance(gauge, str) else tuple(gauge)
    return DefinedFunction(define_primitive(name, texts, unknown, given, forward, start, fixing, unicode_of))


def _text(name: str, equation: Any) -> str:
    if isinstance(equation, str):
        return equation
    if isinstance(equation, tuple) and len(equation) == 2:
        sides = [as_expression(side) for side in equation]
        if all(side is not None for side in sides):
            return " = ".join(side.text() for side in sides if side is not None)
    raise IdentityError(f"{name}: an equation is a text such as 'Y @ X = eye(n)', or a pair of expressions")

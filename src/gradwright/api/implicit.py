"""Functions that are given implicitly: fixed points, and optima of smooth problems.

Both are identities: `y = f(y, θ)`, and `∇f(y, θ) = 0`, or with constraints c(y, θ) = 0 and multipliers l,
`∇f + (∂c/∂y)ᵀ l = 0` together with `c = 0` (Karush, Kuhn & Tucker). What follows is `define`'s work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import Any

from gradwright.api.definition import DefinedFunction, define
from gradwright.api.expression import Expression
from gradwright.core.declarations import Declaration, parse_declaration, parse_declarations
from gradwright.core.nodes import Contract, Node
from gradwright.core.primitive import shape_text
from gradwright.core.registry import Outputs
from gradwright.core.signature import Signature, symbol_of
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.diff.derivatives import gradient, vjp
from gradwright.errors import IdentityError, ShapeError
from gradwright.front.parsing import parse_expression
from gradwright.simplify.pipeline import simplify

Declared = str | Mapping[str, str]


def fixed_point(
    name: str,
    update: str,
    *,
    unknown: str,
    given: Declared,
    forward: Callable[..., Any] | str | None = None,
    start: Callable[..., Any] | None = None,
) -> DefinedFunction:
    """Define the fixed point of an update, `y = f(y, θ)`.

        equilibrium = fixed_point("equilibrium", "tanh(W @ y + b)", unknown="y: n", given="W: n n, b: n")

    Args:
        name: what the function is called.
        update: f as a text, in the names of the unknown and of the givens.
        unknown: the declaration of y.
        given: the declarations of θ.
        forward: a function of the givens to the unknown, as for `define`.
        start: a function of the givens to Newton's first guess.

    Raises:
        IdentityError: the fixed point is not determined by the inputs.
    """
    (declared,) = parse_declarations(unknown)
    identity = f"{declared.name} = {update}"
    return define(name, identity, unknown=unknown, given=given, forward=forward, start=start)


def optimum(
    name: str,
    objective: str,
    *,
    over: str,
    given: Declared,
    subject_to: Sequence[str] = (),
    forward: Callable[..., Any] | str | None = None,
    start: Callable[..., Any] | None = None,
) -> DefinedFunction:
    """Define the stationary point of a smooth objective, with equality constraints.

        ridge = optimum("ridge", "norm(X @ w - y)**2 + a * norm(w)**2", over="w: m", given="X: n m, y: n, a: ")
        nearest = optimum("nearest", "norm(x - z)**2", over="x: n", given="z: n, A: m n, b: m",
                          subject_to=["A @ x = b"])

    The outputs are the point, and with constraints one multiplier for each, called `l1`, `l2`, ….

    Args:
        name: what the function is called.
        objective: a scalar, as a text.
        over: the declaration of the variable that is optimised.
        given: the declarations of the parameters.
        subject_to: equations that hold at the solution.
        forward: a function of the givens to the point and the multipliers, as for `define`.
        start: a function of the givens to Newton's first guess at them.

    Raises:
        ShapeError: the objective is no scalar.
        IdentityError: the conditions do not determine the point.
    """
    (variable,) = parse_declarations(over)
    givens = _declarations(given)
    signature = Signature((variable, *givens))
    point = symbol_of(variable)
    goal = _node(objective, signature)
    if goal.rank:
        raise ShapeError(f"the objective of {name} is {shape_text(goal.shape)}, and only a scalar has an optimum")
    terms = [gradient(simplify(goal), point)]
    equations: list[str] = []
    multipliers: list[Declaration] = []
    for number, text in enumerate(subject_to, 1):
        gap = _gap(text, signature)
        multiplier = Declaration(f"l{number}", gap.shape, frozenset())
        multipliers.append(multiplier)
        terms.append(vjp(simplify(gap), point, symbol_of(multiplier)))
        equations.append(" ".join(text.split()))
    whole = Signature((variable, *givens, *multipliers))
    slope = simplify(add(terms))  # with constraints its numbers count, since the multipliers are measured by them
    stationary = Expression(slope if multipliers else _without_common_number(slope), whole).text()
    unknown = {d.name: _words(d) for d in (variable, *multipliers)}
    zero = f"zeros({', '.join(map(str, point.shape))})" if point.shape else "0"
    identity = [f"{stationary} = {zero}", *equations]
    return define(
        name, identity, unknown=unknown, given={d.name: _words(d) for d in givens}, forward=forward, start=start
    )


def _without_common_number(node: Node) -> Node:
    """The node without the number that all its terms share: where `2 X w − 2 y` is 0, `X w − y` is."""
    numbers = [term.coefficient if isinstance(term, Contract) else Fraction(1) for term in terms_of(node)]
    common = Fraction(gcd(*(c.numerator for c in numbers)), lcm(*(c.denominator for c in numbers)))
    return simplify(scaled(1 / common, node)) if common else node


def _declarations(given: Declared) -> tuple[Declaration, ...]:
    if isinstance(given, str):
        return parse_declarations(given)
    return tuple(parse_declaration(name, text) for name, text in given.items())


def _words(declaration: Declaration) -> str:
    return str(declaration).partition(":")[2].strip()


def _node(text: str, signature: Signature) -> Node:
    parsed = parse_expression(text, {d.name: _words(d) for d in signature})
    if isinstance(parsed.value, Outputs):
        raise IdentityError(f"'{text}' has several outputs: pick one by its name")
    return parsed.value


def _gap(text: str, signature: Signature) -> Node:
    sides = text.split("=")
    if len(sides) != 2:
        raise IdentityError(f"'{text}' is not an equation: write two sides with one '=' between them")
    left, right = (_node(side, signature) for side in sides)
    if left.shape != right.shape:
        raise ShapeError(f"'{text}': the sides are {shape_text(left.shape)} and {shape_text(right.shape)}")
    return subtract(left, right)

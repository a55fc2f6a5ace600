"""Functions that are given implicitly: fixed points, and optima of smooth problems.

Both are identities: `y = f(y, θ)`, and `∇f(y, θ) = 0`, or with constraints c(y, θ) = 0 and multipliers l,
`∇f + (∂c/∂y)ᵀ l = 0` together with `c = 0` (Karush, Kuhn & Tucker). What follows is `define`'s work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import count
from math import gcd, lcm
from typing import Any

from gradwright.api.definition import DefinedFunction, define
from gradwright.api.expression import Expression
from gradwright.core.contraction import is_zero
from gradwright.core.declarations import Declaration
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Contract, Node
from gradwright.core.primitive import shape_text
from gradwright.core.registry import Outputs
from gradwright.core.signature import Signature, symbol_of
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.core.templates import sides_of
from gradwright.diff.derivatives import gradient, vjp
from gradwright.errors import IdentityError, ShapeError
from gradwright.front.define import how_to_write_it, is_equation, read_declared
from gradwright.front.parsing import parse_expression
from gradwright.simplify.pipeline import simplify

Declared = str | Mapping[str, str]


def fixed_point(
    name: str,
    update: str | Sequence[str],
    *,
    unknown: Declared,
    given: Declared,
    forward: Callable[..., Any] | str | None = None,
    start: Callable[..., Any] | str | None = None,
) -> DefinedFunction:
    """Define the fixed point of an update, `y = f(y, θ)`.

        equilibrium = fixed_point("equilibrium", "tanh(W @ y + b)", unknown="y: n", given="W: n n, b: n")
        pair = fixed_point("pair", ["tanh(W @ v)", "V @ u + b"], unknown="u: n, v: n", given="W: n n, V: n n, b: n")

    Args:
        name: what the function is called.
        update: f as a text, in the names of the unknown and of the givens; one for each unknown.
        unknown: the declaration of y, or of several unknowns.
        given: the declarations of θ.
        forward: a function of the givens to the unknown, as for `define`.
        start: a function of the givens to Newton's first guess.

    Raises:
        IdentityError: the fixed point is not determined by the inputs.
    """
    declared = read_declared(unknown, "unknown")
    updates = [update] if isinstance(update, str) else list(update)
    if len(updates) != len(declared):
        raise IdentityError(
            f"{name}: there are {len(declared)} unknown(s) and {len(updates)} update(s), and each unknown needs one"
        )
    for text in updates:
        if not isinstance(text, str) or len(sides_of(text)) > 1:
            raise IdentityError(f"{name}: an update is a text such as 'tanh(W @ y + b)', without '=', and not {text!r}")
    identity = [f"{d.name} = {text}" for d, text in zip(declared, updates, strict=True)]
    return define(name, identity, unknown=unknown, given=given, forward=forward, start=start)


def optimum(
    name: str,
    objective: str,
    *,
    over: Declared,
    given: Declared,
    subject_to: str | Sequence[str] = (),
    forward: Callable[..., Any] | str | None = None,
    start: Callable[..., Any] | str | None = None,
) -> DefinedFunction:
    """Define the stationary point of a smooth objective, with equality constraints.

        ridge = optimum("ridge", "norm(X @ w - y)**2 + a * norm(w)**2", over="w: m", given="X: n m, y: n, a: ")
        nearest = optimum("nearest", "norm(x - z)**2", over="x: n", given="z: n, A: m n, b: m",
                          subject_to=["A @ x = b"])

    The outputs are the point, in all its variables, and with constraints one multiplier for each, called `l1`, `l2`, ….

    Args:
        name: what the function is called.
        objective: a scalar, as a text.
        over: the declaration of the variable that is optimised, or of several.
        given: the declarations of the parameters.
        subject_to: an equation that holds at the solution, or several.
        forward: a function of the givens to the point and the multipliers, as for `define`.
        start: a function of the givens to Newton's first guess at them.

    Raises:
        ShapeError: the objective is no scalar.
        IdentityError: the conditions do not determine the point.
    """
    variables, givens = read_declared(over, "over"), read_declared(given, "given")
    constraints = (subject_to,) if isinstance(subject_to, str) else tuple(subject_to)
    signature = Signature((*variables, *givens))
    points = [symbol_of(variable) for variable in variables]
    goal = _node(objective, signature)
    if goal.rank:
        raise ShapeError(f"the objective of {name} is {shape_text(goal.shape)}, and only a scalar has an optimum")
    terms = [[gradient(simplify(goal), point)] for point in points]
    gaps = [_gap(text, signature) for text in constraints]
    multipliers = _multipliers(gaps, {d.name for d in signature})
    for gap, multiplier in zip(gaps, multipliers, strict=True):
        for own, point in zip(terms, points, strict=True):
            own.append(vjp(simplify(gap), point, symbol_of(multiplier)))
    whole = Signature((*variables, *givens, *multipliers))
    identity: list[str] = []
    for own, point in zip(terms, points, strict=True):
        stationary = simplify(add(own))
        if is_zero(stationary):
            raise IdentityError(f"{name}: neither the objective nor a constraint depends on '{point.name}'")
        if not multipliers:  # which are measured by its numbers
            stationary = _without_common_number(stationary)
        zero = f"zeros({', '.join(map(str, point.shape))})" if point.shape else "0"
        identity.append(f"{Expression(stationary, whole).text()} = {zero}")
    identity += [" ".join(text.split()) for text in constraints]
    return define(
        name, identity, unknown={d.name: d.after_colon for d in (*variables, *multipliers)},
        given={d.name: d.after_colon for d in givens}, forward=forward, start=start,
    )  # fmt: skip


def _without_common_number(node: Node) -> Node:
    """The node without the number that all its terms share: where `2 X w − 2 y` is 0, `X w − y` is."""
    numbers = [term.coefficient if isinstance(term, Contract) else Fraction(1) for term in terms_of(node)]
    common = Fraction(gcd(*(c.numerator for c in numbers)), lcm(*(c.denominator for c in numbers)))
    return simplify(scaled(1 / common, node)) if common else node


def _multipliers(gaps: Sequence[Node], taken: set[str]) -> list[Declaration]:
    """One for each constraint, with names that are not taken; symmetric or skew where the constraint is."""
    free = (f"l{number}" for number in count(1) if f"l{number}" not in taken)
    return [Declaration(next(free), gap.shape, facts_of(gap) & {"symmetric", "skew"}) for gap in gaps]


def _node(text: str, signature: Signature) -> Node:
    parsed = parse_expression(text, {d.name: d.after_colon for d in signature})
    if isinstance(parsed.value, Outputs):
        raise IdentityError(f"'{text}' has several outputs: pick one by its name")
    return parsed.value


def _gap(text: str, signature: Signature) -> Node:
    if not is_equation(text):
        raise IdentityError(f"'{text}' is not an equation: {how_to_write_it(text)}")
    left, right = (_node(side, signature) for side in sides_of(text))
    if not right.rank and left.rank and is_zero(right):
        return left
    if left.shape != right.shape:
        raise ShapeError(f"'{text}': the sides are {shape_text(left.shape)} and {shape_text(right.shape)}")
    return subtract(left, right)

"""The conditions of linear equations that derivatives solve."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from gradwright.core.build import adjoint
from gradwright.core.nodes import Hole, Node, Solve
from gradwright.core.primitive import Primitive
from gradwright.core.spaces import Space
from gradwright.core.sums import scaled
from gradwright.core.walks import applications, postorder
from gradwright.diff.identities.engine import solved
from gradwright.linear.forms import adjoint_solve
from gradwright.linear.recognise import discrete_factors, sylvester_operands
from gradwright.simplify.pipeline import simplify

_EQUATIONS = {
    "sylvester": "{0} and {1} share no eigenvalue",
    "lyapunov": "no two eigenvalues of {0} add up to zero",
    "stein": "no two eigenvalues of {0} multiply to one",
    "discrete": "no eigenvalues of {0} and {1} multiply to one",
}


def conditions_of_equation(node: Solve, written: Callable[[Node], str]) -> list[str]:
    """The condition of an equation, or of its adjoint, which is the same one: whichever is shorter to write."""
    known, factors = sylvester_operands(node, many=True), discrete_factors(node)
    if known is not None:
        name, known_part = known[0], known[1][:-1]
    elif factors is not None:
        name, known_part = "discrete", factors
    else:
        return [_of_map(node, written)]
    if name == "sylvester" and known_part[0] == known_part[1]:
        name, known_part = "lyapunov", known_part[:1]
    forms = [
        tuple(map(written, _compared(name, o))) for o in (known_part, tuple(simplify(adjoint(x)) for x in known_part))
    ]
    return [_EQUATIONS[name].format(*min(forms, key=lambda texts: len("".join(texts))))]


def _compared(name: str, operands: tuple[Node, ...]) -> tuple[Node, ...]:
    """The matrices whose eigenvalues decide: A and −B for Sylvester's equation."""
    return (operands[0], simplify(scaled(-1, operands[1]))) if name == "sylvester" else operands


def _of_map(node: Solve, written: Callable[[Node], str]) -> str:
    """`the map H ↦ A H B + H is invertible`, with the set of matrices on which it has to be; or so of the adjoint."""
    return min((_map_words(n, written) for n in (node, adjoint_solve(node))), key=len)


def _map_words(node: Solve, written: Callable[[Node], str]) -> str:
    holes = [written(Hole.of(u, place)) for place, u in enumerate(node.unknowns)]
    images = [written(simplify(e.operator)) for e in node.equations]
    spaces = {u.space for u in node.unknowns}
    kind = f" of {spaces.pop()} matrices" if len(spaces) == 1 and Space.FREE not in spaces else ""
    return f"the map {_listed(holes)} ↦ {_listed(images)}{kind} is invertible"


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def equation_key(node: Solve) -> Hashable:
    """The same for an equation and its adjoint."""
    known = sylvester_operands(node)
    if known is None:
        both = (node, adjoint_solve(node))
        return frozenset(tuple(simplify(equation.operator) for equation in n.equations) for n in both)
    name, operands = known
    return name, frozenset(frozenset({o, simplify(adjoint(o))}) for o in operands[:-1])


def is_covered(node: Solve) -> bool:
    """Whether a function whose derivative solves equations, and whose record states conditions, is in an operator."""
    operators = [equation.operator for equation in node.equations]
    return any(n.primitive.conditions and _solves_equations(n.primitive) for n in applications(*operators))


def _solves_equations(primitive: Primitive) -> bool:
    return bool(primitive.identity) and any(isinstance(n, Solve) for n in postorder(*solved(primitive).differentials))

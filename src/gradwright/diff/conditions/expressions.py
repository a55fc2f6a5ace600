"""What an expression and its derivatives need."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from gradwright.core.build import adjoint
from gradwright.core.nodes import Apply, Node, Solve
from gradwright.core.primitive import Primitive
from gradwright.core.walks import applications, postorder, substitute
from gradwright.diff.conditions.corollaries import factors_without_zeros, invertible_parts, sum_of_sizes
from gradwright.diff.conditions.equations import conditions_of_equation, equation_key, is_covered
from gradwright.diff.conditions.functions import conditions_of_application, in_arguments
from gradwright.diff.conditions.implications import is_granted, is_implied
from gradwright.diff.guards import with_guards
from gradwright.diff.identities.engine import solved
from gradwright.prims.inv import inv
from gradwright.simplify.pipeline import simplify


def conditions_of(
    expressions: tuple[Node, ...], derivatives: tuple[Node, ...], written: Callable[[Node], str]
) -> tuple[str, ...]:
    """The conditions of all functions that occur, in the words of their records, each once.

    A derivative solves the adjoint of an equation under the same condition as the equation itself; and
    the equations that the derivative of a function leads to are covered by the function's own record,
    if that states conditions. That eigenvalues or singular values are distinct is needed where the
    vectors are left in a derivative; what depends on the values alone is smooth where they meet.

    Args:
        expressions: what is differentiated.
        derivatives: the derivatives that are asked about.
        written: renders a node; formulas of LaTeX may stand between dollar signs.
    """
    (expressions, meanings), (derivatives, others) = with_guards(expressions), with_guards(derivatives)
    told = _as_told(written, {**meanings, **others})
    found: dict[str, None] = {}
    solved_before = set[Hashable]()
    own = set(postorder(*expressions))
    implied: set[str] = set()
    sums: dict[str, set[str]] = {}
    decomposed = {_decomposition(n) for n in postorder(*(derivatives or expressions)) if _is_free_in_gauge(n)}
    systems = {matrix for n in own if isinstance(n, Apply) for matrix in _inverted_by_derivative(n)}
    for node in postorder(*expressions, *derivatives):
        if isinstance(node, Apply):
            if node not in own and node.primitive is inv and _and_adjoint(node.arguments[0]) in systems:
                continue
            smooth = bool(node.primitive.gauge) and _decomposition(node) not in decomposed
            texts = conditions_of_application(node, told)
            implied.update(invertible_parts(node, told))
            implied.update(factors_without_zeros(node, told))
            sums.update(sum_of_sizes(node, told))
            found.update(dict.fromkeys(text for text in texts if not (smooth and "are distinct" in text)))
        elif isinstance(node, Solve):
            key = equation_key(node)
            if key not in solved_before and (node in own or not is_covered(node)):
                found.update(dict.fromkeys(conditions_of_equation(node, told)))
            solved_before.add(key)
    bare = {condition: condition.replace("$", "") for condition in found}
    implied.update(c for c, stronger in sums.items() if not stronger.isdisjoint(found))
    return tuple(c for c in found if c not in implied and not is_implied(bare[c], bare.values()))


def conditions_of_identity(primitive: Primitive, written: Callable[[Node], str]) -> tuple[str, ...]:
    """What the differentials that an identity determines need, in the names of the identity."""
    solution = solved(primitive)
    pivots = [f"{written(p)} is invertible" for p in solution.pivots if not is_granted("{} is invertible", p)]
    return tuple(dict.fromkeys((*pivots, *conditions_of((), solution.differentials, written))))


def _as_told(written: Callable[[Node], str], meanings: Mapping[Node, Node]) -> Callable[[Node], str]:
    """What writes a node with that in it which variables stand for."""
    return (lambda node: written(simplify(substitute(node, meanings)))) if meanings else written


def _decomposition(node: Node) -> Hashable:
    """What the outputs of one factorisation have in common."""
    assert isinstance(node, Apply)
    return node.primitive, node.arguments


def _is_free_in_gauge(node: Node) -> bool:
    """Whether a node is a matrix of vectors, which its factorisation leaves a freedom; eigenvalues have none."""
    return isinstance(node, Apply) and bool(node.primitive.gauge) and node.rank > 1


def _inverted_by_derivative(node: Apply) -> list[frozenset[Node]]:
    """The matrices of linear systems in the derivative of a function whose record states conditions."""
    if not node.primitive.conditions or not node.primitive.identity:
        return []
    inverses = [n for n in applications(*solved(node.primitive).differentials) if n.primitive is inv]
    return [_and_adjoint(in_arguments(node, n.arguments[0])) for n in inverses]


def _and_adjoint(matrix: Node) -> frozenset[Node]:
    return frozenset({matrix, simplify(adjoint(matrix))})

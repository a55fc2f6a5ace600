"""The ways to use an identity: which of its equations, as which relations, and what they say of an input.

None of them is always best, so that each is tried until one leads to a closed form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from gradwright.core.build import matmul, multiply
from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_simple
from gradwright.core.nodes import Apply, Node
from gradwright.core.walks import free_leaves
from gradwright.diff.identities.diagonals import merge_diagonals
from gradwright.diff.identities.linearised import needed_equations
from gradwright.diff.identities.problem import Equation, Problem
from gradwright.diff.identities.solution_points import SolutionPoint
from gradwright.linear.chains import Chain, chain_of
from gradwright.prims.inv import inv
from gradwright.prims.power import raise_to
from gradwright.simplify.pipeline import simplify
from gradwright.simplify.relations import Relation

NOTHING: Mapping[Node, Node] = {}


def sufficient_equations(problem: Problem, points: Sequence[SolutionPoint]) -> Iterator[tuple[Equation, ...]]:
    """The equations; then without those that follow from the others, as `Y X = I` does from `X Y = I`."""
    yield problem.equations
    kept = needed_equations(problem, points) if points else problem.equations
    if len(kept) < len(problem.equations):
        yield kept


def rewritings(problem: Problem) -> Iterator[tuple[Relation, ...]]:
    """Ways to use the identities: where they shorten a product, or `A V = V Λ` from either side."""
    yield problem.relations()
    together = _exchanges_of_givens(problem)
    if len(together) > 1:
        yield (*problem.relations(besides=together), *together.values())
    for equation in problem.equations:
        for left, right in ((equation.left, equation.right), (equation.right, equation.left)):
            exchange = _exchange(merge_diagonals(left), merge_diagonals(right))
            if exchange is not None:
                yield (*problem.relations(besides=(equation,)), exchange)


def _exchanges_of_givens(problem: Problem) -> dict[Equation, Relation]:
    """`A V → U S` and `Aᵀ U → V S` together: of each equation the way that leaves fewer inputs, else as it is written.

    None of them undoes another.
    """
    found: dict[Equation, Relation] = {}
    for equation in problem.equations:
        sides = merge_diagonals(equation.left), merge_diagonals(equation.right)
        counts = [sum(leaf in problem.givens for leaf in free_leaves(side)) for side in sides]
        exchange = _exchange(*(sides if counts[0] >= counts[1] else sides[::-1]))
        others = found.values()
        if exchange is not None and not any(_undoes(exchange, o) or _undoes(o, exchange) for o in others):
            found[equation] = exchange
    return found


def _undoes(one: Relation, other: Relation) -> bool:
    """Whether a relation applies to what another one leads to."""
    return {f.node for f in one.pattern.factors} <= {f.node for f in as_product(other.replacement).factors}


def _exchange(left: Node, right: Node) -> Relation | None:
    """`left → right` for products of which neither contains the other's factors."""
    pattern, replacement = as_product(left), as_product(right)
    if len(pattern.factors) < 2 or len(replacement.factors) < 2:
        return None
    labels = list(pattern.free_labels)
    if not is_simple(pattern.output) or len(set(labels)) != len(labels):
        return None
    if {f.node for f in pattern.factors} <= {f.node for f in replacement.factors}:
        return None
    return Relation(pattern, right)


def stated_givens(problem: Problem) -> Iterator[Mapping[Node, Node]]:
    """Nothing; then an input as an equation states it in terms of unknowns: A is `U W⁻¹` where `A W = U`."""
    yield NOTHING
    for equation in problem.equations:
        for side, other in ((equation.left, equation.right), (equation.right, equation.left)):
            chain = chain_of(side) if side.rank == 2 else None
            if chain is None or chain.scalar.rank:
                continue
            places = [place for place, element in enumerate(chain.elements) if element in problem.givens]
            if len(places) != 1:
                continue
            given = chain.elements[places[0]]
            if given not in free_leaves(other) and (value := _without_the_rest(chain, places[0], other)) is not None:
                yield {given: value}


def _without_the_rest(chain: Chain, place: int, other: Node) -> Node | None:
    """`B⁻¹ C D⁻¹` for what a product `B A D = C` says of A; None unless there are B or D, all of them square."""
    before, after = chain.elements[:place], chain.elements[place + 1 :]
    if not (before or after) or any(e.shape[0] != e.shape[1] for e in (*before, *after)):
        return None
    value = multiply(raise_to(chain.scalar, Fraction(-1)), other)
    for element in before:
        value = matmul(Apply(inv, (), (element,)), value)
    for element in reversed(after):
        value = matmul(value, Apply(inv, (), (element,)))
    return simplify(value)

"""Invertible factors that all terms of an identity share, cancelled before it is differentiated.

`Y X = Y A` says what `X = A` says.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.build import multiply
from gradwright.core.contraction import is_zero, split_coefficient
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Node
from gradwright.core.sums import add, scaled, terms_of
from gradwright.diff.identities.problem import Equation, Problem
from gradwright.frozen import replace
from gradwright.linear.chains import chain_of, product_of_chain


def cancel_outer_factors(problem: Problem) -> Problem:
    """Cancel an invertible unknown that begins or ends both sides of an equation."""
    return replace(problem, equations=tuple(map(_cancelled, problem.equations)))


def _cancelled(equation: Equation) -> Equation:
    if equation.left.rank != 2:
        return equation
    if is_zero(equation.left) or is_zero(equation.right):
        terms = [*terms_of(equation.left), *(scaled(-1, term) for term in terms_of(equation.right))]
        return _shortened([term for term in terms if not is_zero(term)], equation)
    return _shortened([equation.left, equation.right], equation)


def _shortened(sides: Sequence[Node], equation: Equation) -> Equation:
    """The sides of an equation, or its terms where one side is zero, without invertible factors that all share."""
    chains = [chain_of(side) for side in sides]
    known = [chain for chain in chains if chain is not None]
    if len(known) < max(2, len(chains)):
        return equation
    elements = [list(chain.elements) for chain in known]
    changed = False
    while _share_an_end(elements, 0):
        elements, changed = [e[1:] for e in elements], True
    while _share_an_end(elements, -1):
        elements, changed = [e[:-1] for e in elements], True
    if not changed:
        return equation
    short = [multiply(c.scalar, product_of_chain(e, equation.left)) for c, e in zip(known, elements, strict=True)]
    if not is_zero(equation.left) and not is_zero(equation.right):
        return Equation(short[0], short[1])
    number, first = split_coefficient(short[0])
    return Equation(first, scaled(-1 / number, add(short[1:])))


def _share_an_end(chains: Sequence[Sequence[Node]], end: int) -> bool:
    """Whether all chains begin (or end) with one invertible matrix, and something is left of one of them without it."""
    if not all(chains) or any(chain[end] != chains[0][end] for chain in chains):
        return False
    return "invertible" in facts_of(chains[0][end]) and sum(map(len, chains)) > len(chains)

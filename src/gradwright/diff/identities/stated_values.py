"""Values of symbols that the equations of an identity state in terms of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gradwright.core.arithmetic import Array, is_finite
from gradwright.core.contraction import split_coefficient
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Node, Symbol
from gradwright.core.points import (
    OF_FIXED_SIZE,
    project_array,
)
from gradwright.core.sums import add, scaled, terms_of
from gradwright.core.walks import free_leaves
from gradwright.diff.identities.problem import Equation, Problem
from gradwright.errors import GradwrightError


def explicit_unknowns(problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> dict[Node, Array]:
    """Unknowns as equations such as `p = softmax(Aᵀ l)` state them in terms of others, where no input is free for that.

    One equation states one unknown, and none of those that are used before speaks of it.
    """
    found: dict[Node, Array] = {}
    spoken: set[Node] = set()
    for equation in problem.equations:
        terms = [*terms_of(equation.left), *(scaled(-1, term) for term in terms_of(equation.right))]
        if any(_is_alone(split_coefficient(term)[1], problem, _others(problem, equation)) for term in terms):
            continue
        for place, term in enumerate(terms):
            alone = split_coefficient(term)[1]
            rest = [t for p, t in enumerate(terms) if p != place]
            if alone not in problem.unknowns or alone in spoken or any(alone in free_leaves(t) for t in rest):
                continue
            value = _stated(term, rest, {**values, **found}, sizes)
            if value is not None:
                found[alone] = value
                spoken |= {leaf for t in terms for leaf in free_leaves(t)}
                break
    return found


def explicit_givens(problem: Problem, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> dict[Node, Array]:
    """Inputs that are a term of one equation and occur nowhere else, with the values that make it true."""
    found: dict[Node, Array] = {}
    for equation in problem.equations:
        terms = [*terms_of(equation.left), *(scaled(-1, term) for term in terms_of(equation.right))]
        for place, term in enumerate(terms):
            alone = split_coefficient(term)[1]
            rest = [t for p, t in enumerate(terms) if p != place]
            if alone in found or not rest or not _is_alone(alone, problem, [*rest, *_others(problem, equation)]):
                continue
            value = _stated(term, rest, {**values, **found}, sizes)
            if value is not None:
                found[alone] = value
                break
    return found


def _others(problem: Problem, equation: Equation) -> list[Node]:
    """The sides of the other equations."""
    return [side for e in problem.equations if e is not equation for side in (e.left, e.right)]


def _stated(term: Node, rest: Sequence[Node], values: Mapping[Node, Array], sizes: Mapping[str, int]) -> Array | None:
    """The value that a multiple of a symbol needs for `term + rest = 0`; None if it is not in the symbol's set."""
    number, alone = split_coefficient(term)
    assert isinstance(alone, Symbol)
    try:
        (value,) = evaluate_all((scaled(-1 / number, add(list(rest))),), values, sizes)
    except (GradwrightError, np.linalg.LinAlgError):
        return None
    return value if is_finite(value) and _has_facts(value, alone) else None


def _is_alone(term: Node, problem: Problem, rest: Sequence[Node]) -> bool:
    return isinstance(term, Symbol) and term in problem.givens and not any(term in free_leaves(r) for r in rest)


def _has_facts(value: Array, symbol: Symbol) -> bool:
    """Whether a computed value lies in the set that its symbol was declared to lie in."""
    facts = symbol.facts
    if OF_FIXED_SIZE & facts or (np.iscomplexobj(value) and symbol.real):
        return False
    if not np.allclose(project_array(value, facts, value), value, atol=1e-9 * max(1.0, float(np.abs(value).max()))):
        return False
    if "positive" in facts:
        return bool(np.all(value > 0.05))
    return "psd" not in facts or bool(np.linalg.eigvalsh(value)[0] > 0.05)

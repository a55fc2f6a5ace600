"""What is said of an identity that has no solution which serves, and of the values of a wrong forward function."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.declarations import declared_facts
from gradwright.core.dims import sizes_text
from gradwright.core.membership import departure
from gradwright.core.nodes import Symbol
from gradwright.diff.identities.asked import Definition
from gradwright.diff.identities.declared_sets import first_outside, is_in_open_set
from gradwright.diff.identities.frames import is_orthonormal
from gradwright.diff.identities.linearised import linear_system
from gradwright.diff.identities.problem import Problem
from gradwright.diff.identities.residuals import residuals
from gradwright.diff.identities.solution_points import SolutionPoint
from gradwright.errors import GradwrightError

HOLDS = 1e-7
MOST_REORDERED = 4


def without_solution(asked: Definition, best: SolutionPoint | None) -> str:
    """What is said where the equations hold at no point that was tried, or only in a limit."""
    problem, texts = asked.problem, asked.texts
    if best is None:
        return (
            f"no generic point serves to test {listed(texts)}; declare the facts that the inputs need, or give a "
            f"forward function"
        )
    text = _worst(problem, texts, best)
    if asked.forward is not None and best.residual < HOLDS:
        return (
            f"the values of the forward function satisfy {listed(texts)} in a limit only, or so that rounding errors "
            f"decide about the derivative{with_sizes(best)}; are there terms of very different size?"
        )
    if asked.forward is not None:
        return (
            f"the forward function does not satisfy {text}: at a generic point{with_sizes(best)} the two sides "
            f"differ by {best.residual:.1g} of their size{_repair(problem, best)}"
        )
    if best.residual < HOLDS:
        return (
            f"{listed(texts)} {'holds' if len(texts) == 1 else 'hold'} at generic inputs only in a limit, where "
            f"{names_of(problem)} {'grows' if len(problem.unknowns) == 1 else 'grow'} without bound or vanishes to "
            f"more than first order, so that there is no derivative; is a term missing? If not, give forward= or "
            f"{'another' if asked.start is not None else 'a'} starting point start="
        )
    return (
        f"no solution of {text} was found at a generic point (its sides differ by {best.residual:.1g} of their size "
        f"there): {_counted(problem, best)}the equations may contradict each other, or the inputs need a fact such as "
        f"symmetric or spd; else give forward= or a starting point start="
    )


def _worst(problem: Problem, texts: tuple[str, ...], point: SolutionPoint) -> str:
    """The equation, or the orthonormality, that is violated most."""
    worst = int(np.argmax(residuals(problem, point.values, point.sizes)))
    orthonormal = [f"the declared orthonormality of '{u.name}'" for u in problem.unknowns if is_orthonormal(u)]
    return [*(f"'{text}'" for text in texts), *orthonormal][worst]


def failure(problem: Problem, texts: tuple[str, ...], point: SolutionPoint) -> str:
    """What is wrong with the values of a forward function at a point."""
    unknown = first_outside(problem, point.values)
    if unknown is None:
        return f"the two sides of {_worst(problem, texts, point)} differ by {point.residual:.1g} of their size"
    wanted, found = _departure(unknown, point.values[unknown])
    return f"'{unknown.name}' is not {wanted}, as it is declared{': it ' if found else ''}{found}"


def _repair(problem: Problem, point: SolutionPoint) -> str:
    """In which order, or with which of them transposed, the values of a forward function would be a solution."""
    unknowns = problem.unknowns
    if len(unknowns) > MOST_REORDERED:
        return ""
    values = [point.values[u] for u in unknowns]
    for order in permutations(range(len(unknowns))):
        for turned in product((False, True), repeat=len(unknowns)):
            tried = [values[k].T if turn else values[k] for k, turn in zip(order, turned, strict=True)]
            if [v.shape for v in tried] != [v.shape for v in values]:
                continue
            at = {**point.values, **dict(zip(unknowns, tried, strict=True))}
            try:
                residual = max(residuals(problem, at, point.sizes), default=0.0)
            except (GradwrightError, np.linalg.LinAlgError):
                continue
            if residual < HOLDS and first_outside(problem, at) is None:
                names = [f"'{unknowns[k].name}'" for k, turn in enumerate(turned) if turn]
                wrong = [] if order == tuple(range(len(unknowns))) else ["in another order"]
                wrong += [f"with {' and '.join(names)} transposed"] if names else []
                declared = f" (the order is {', '.join(u.name for u in unknowns)})" if wrong[0].startswith("in") else ""
                return f"; {' and '.join(wrong)} its values would be a solution{declared}"
    return ""


def outside_words(asked: Definition, point: SolutionPoint) -> str:
    """What is said of solutions that do not lie where they were declared to lie."""
    problem = asked.problem
    unknown = first_outside(problem, point.values)
    assert unknown is not None
    wanted, found = _departure(unknown, point.values[unknown])
    if asked.forward is not None:
        return (
            f"{problem.name}: the forward function's '{unknown.name}' is not {wanted}, as it is declared, "
            f"at a generic point{with_sizes(point)}{': it ' if found else ''}{found}"
        )
    return (
        f"{problem.name}: no solution of {listed(asked.texts)} was found at which '{unknown.name}' is {wanted}, as it "
        f"is declared; the inputs may need a fact such as spd or positive; else give forward= or a starting point "
        f"start="
    )


def _departure(unknown: Symbol, value: Array) -> tuple[str, str]:
    """The declared set that a value is outside of, and how it departs from it, in words."""
    if is_in_open_set(value, unknown.facts):
        return _declared(unknown), departure(value, unknown.facts) or "is complex"
    return "positive definite" if "spd" in unknown.facts else "positive", ""


def _declared(unknown: Symbol) -> str:
    """The set in which an unknown lives, in words."""
    return " ".join(declared_facts(unknown.facts)) or "real"


def _counted(problem: Problem, point: SolutionPoint) -> str:
    """How many numbers are asked for and how many equations there are, where these are more."""
    system = linear_system(problem, point.values, point.sizes)
    equations, unknowns = system.matrix.shape
    if equations <= unknowns:
        return ""
    return f"there are {equations} scalar equations for {unknowns} unknown numbers{declared_real(problem, ', and')}; "


def declared_real(problem: Problem, before: str) -> str:
    """Which unknowns were declared real, if there are equations between complex numbers; what stands before that."""
    real = [f"'{u.name}'" for u in problem.unknowns if u.real]
    if not real or all(problem.real_equations):
        return ""
    return f"{before} {' and '.join(real)} {'is' if len(real) == 1 else 'are'} declared real and should be complex"


def with_sizes(point: SolutionPoint) -> str:
    """` with n = 3`; nothing for scalars."""
    sizes = sizes_text(point.sizes)
    return f" with {sizes}" if sizes else ""


def names_of(problem: Problem) -> str:
    """The unknowns, as they are listed in a message."""
    return " and ".join(f"'{u.name}'" for u in problem.unknowns)


def listed(texts: tuple[str, ...]) -> str:
    """The equations, as they are listed in a message."""
    return " and ".join(f"'{text}'" for text in texts)

"""Derivatives measured by central differences, which no rule of differentiation has touched.

Inputs move along curves in their declared sets. A factorisation that is unique up to a choice only, of signs or
phases say, is followed: at every input it is chosen such that it moves as its derivative does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.evaluate import evaluate, evaluate_all
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.primitive import Freedom
from gradwright.core.walks import applications
from gradwright.diff.identities.problem import Problem, problem_of
from gradwright.diff.identities.solution_points import nearby_solution, point_of

STEP = 1e-3


def difference(
    node: Node, values: Mapping[Node, Array], moves: Mapping[Symbol, Array], sizes: Mapping[str, int]
) -> tuple[Array, Array]:
    """The value of a node, and its fourth-order central difference along a direction."""
    with np.errstate(all="ignore"):
        centre, moved, _ = measured(node, values, moves, sizes)
    return centre, moved


def measured(
    node: Node, values: Mapping[Node, Array], moves: Mapping[Symbol, Array], sizes: Mapping[str, int]
) -> tuple[Array, Array, float]:
    """The value of a node, its difference along a direction, and how far two steps of it disagree."""
    centre = evaluate(node, values, sizes)
    factors = [_Factor(first, values, sizes) for first in _free_factors(node)]
    size = max((largest(m) for m in moves.values()), default=1.0)
    h = STEP / max(size, 1e-12)
    shifted: dict[float, Array] = {}
    for k in (1, -1, 2, -2, 0.5, -0.5):
        at = {**values, **{v: _along(v, values[v], k * h, move) for v, move in moves.items()}}
        for factor in factors:
            at |= factor.moved(at)
        shifted[k] = evaluate(node, at, sizes)
    coarse, fine = (_fourth_order(shifted, k, k * h) for k in (1, 0.5))
    return centre, fine, largest(coarse - fine) / max(largest(fine), 1e-3 * largest(centre), 1e-12)


def _fourth_order(shifted: Mapping[float, Array], k: float, h: float) -> Array:
    """`(8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12 h`."""
    return (8 * (shifted[k] - shifted[-k]) - (shifted[2 * k] - shifted[-2 * k])) / (12 * h)


def _free_factors(node: Node) -> list[Apply]:
    """The first output of every factorisation in an expression that leaves a freedom, inner ones first."""
    free = [n for n in applications(node) if n.primitive.gauge]
    return list(dict.fromkeys(n.outputs[0] for n in free))


class _Factor:
    """A factorisation that leaves a freedom: at other inputs it is chosen such that it moves as its derivative does."""

    def __init__(self, first: Apply, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> None:
        self.outputs = first.outputs
        self.arguments = first.arguments
        self.sizes = sizes
        self.centre = evaluate_all((*self.outputs, *self.arguments), values, sizes)

    def moved(self, values: Mapping[Node, Array]) -> dict[Node, Array]:
        """The outputs at other inputs."""
        found = evaluate_all((*self.outputs, *self.arguments), values, self.sizes)
        count, primitive = len(self.outputs), self.outputs[0].primitive
        if primitive.freedom is not None:
            chosen = _turned(primitive.freedom, self.centre[:count], found[:count])
        elif primitive.gauge_fixing:
            chosen = self._followed(problem_of(primitive), found[count:])
        else:
            chosen = [_with_signs_of(*parts) for parts in zip(self.centre, found, self.outputs, strict=False)]
        return dict(zip(self.outputs, chosen, strict=True))

    def _followed(self, problem: Problem, arguments: Sequence[Array]) -> Sequence[Array]:
        """The solution to which an equation that fixes the gauge leads."""
        symbols = (*problem.unknowns, *problem.givens)
        centre: dict[Node, Array] = dict(zip(symbols, self.centre, strict=True))
        sizes = point_of(problem, {s.name: centre[s] for s in symbols}).sizes
        givens: dict[Node, Array] = dict(zip(problem.givens, arguments, strict=True))
        return nearby_solution(problem, centre, givens, sizes)


def _turned(freedom: Freedom, centre: Sequence[Array], values: Sequence[Array]) -> list[Array]:
    """Factors near others, turned so that they move along their freedom as the derivative does.

    Columns of the last output that has free phases move, in the frame of all columns, along themselves by a real
    number, and the other outputs are turned with it. What is free up to a rotation does not rotate.
    """
    turned = [place for place, move in enumerate(freedom.moves) if move]
    held, moved = centre[turned[-1]], values[turned[-1]]
    if freedom.rotation:
        left, _, right = np.linalg.svd(moved.conj().T @ held)
        turn = left @ right
    else:
        overlap = np.diagonal(np.linalg.pinv(held) @ moved)
        turn = np.diag(np.conj(overlap / np.abs(overlap)))
    return [value @ turn if place in turned else value for place, value in enumerate(values)]


def _with_signs_of(centre: Array, value: Array, node: Apply) -> Array:
    """A factor whose columns (of an upper triangle: rows) are free up to sign, as at the centre."""
    if value.ndim != 2:
        return value
    frame = np.linalg.pinv(centre)
    if "upper" in facts_of(node):
        overlap = np.diagonal(value @ frame)[:, None]
    else:
        overlap = np.diagonal(frame @ value)[None, :]
    # A convention such as the real diagonal of R makes the phases move with the input; only a sign may jump.
    return value * np.where(np.real(overlap) < 0, -1.0, 1.0)


def _along(symbol: Symbol, value: Array, t: float, move: Array) -> Array:
    """A point on a curve in the symbol's set with the given velocity."""
    if "stiefel" not in symbol.facts:
        return value + t * move
    # exp(t (W − Wᴴ)) X with W = (I − ½ X Xᴴ) Ẋ Xᴴ keeps the columns orthonormal and has velocity Ẋ.
    from scipy.linalg import expm

    n = len(value)
    half = (np.eye(n) - value @ value.conj().T / 2) @ move @ value.conj().T
    return expm(t * (half - half.conj().T)) @ value

"""Functions of one number, and their divided differences: what functions of eigenvalues are made of."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import factorial

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.build import number
from gradwright.core.dims import Dim
from gradwright.core.evaluate import evaluate
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.templates import instantiate
from gradwright.core.walks import free_leaves, substitute
from gradwright.frozen import frozen
from gradwright.simplify.pipeline import simplify

ARGUMENT = Symbol("x", ())


@frozen
class ScalarFunction:
    """A function of one number, as a node in the symbol x."""

    body: Node

    def parameters(self) -> tuple[Node, ...]:
        """What else it depends on."""
        return tuple(leaf for leaf in free_leaves(self.body) if leaf != ARGUMENT)

    def with_numbers(self) -> ScalarFunction:
        """The function with a number for each parameter."""
        return ScalarFunction(substitute(self.body, {leaf: number(Fraction(7, 10)) for leaf in self.parameters()}))

    def derivative(self) -> ScalarFunction:
        """The derivative, as a function."""
        return _derivative(self.body)

    def __call__(self, values: Array) -> Array:
        """The values at many points at once."""
        flat = np.ravel(np.asarray(values, dtype=float))
        points = Symbol("x_points", (Dim.of("points"),))
        lifted = instantiate(self.body, {ARGUMENT: points}, {}, points.shape)
        found = evaluate(lifted, {points: flat}, {"points": len(flat)})
        return np.broadcast_to(found, flat.shape).reshape(np.shape(values))


@lru_cache(maxsize=256)
def _derivative(body: Node) -> ScalarFunction:
    from gradwright.diff.differential import differential  # the two need one another

    moved = differential(body, {ARGUMENT: Direction("x", ())})
    return ScalarFunction(simplify(substitute(moved, {Direction("x", ()): number(1)})))


def divided_difference(function: ScalarFunction, points: Array) -> Array:
    """`g[x₀, …, x_k]` along the last axis of an array of points; of points that are close by the limit.

    The difference loses digits where they are close, and the limit, `g⁽ᵏ⁾ / k!` at their mean, is one at equal points
    only. How close they may be is a matter of g: 10⁻⁶ and 2·10⁻⁶ are close for exp and not for a root. So each comes
    with an estimate of its error, and the better one is taken.
    """
    derivatives = [function]
    for _ in range(points.shape[-1] - 1):
        derivatives.append(derivatives[-1].derivative())
    return _with_error(derivatives, points)[0]


def _with_error(derivatives: Sequence[ScalarFunction], points: Array) -> tuple[Array, Array]:
    order, precision = points.shape[-1] - 1, float(np.finfo(points.dtype).eps)
    if order == 0:
        value = derivatives[0](points[..., 0])
        return value, precision * np.abs(value)
    ordered = np.sort(points, axis=-1)
    above, error_above = _with_error(derivatives, ordered[..., 1:])
    below, error_below = _with_error(derivatives, ordered[..., :-1])
    places = (ordered[..., 0], np.mean(ordered, axis=-1), ordered[..., -1])
    coefficients: list[Array] = [derivatives[order](place) / factorial(order) for place in places]
    lowest, limit, highest = coefficients
    gap = ordered[..., -1] - ordered[..., 0]
    apart = np.where(gap == 0, 1.0, gap)
    # By the variance of the mean of which the difference is the mean value (Hermite and Genocchi).
    error = np.abs((lowest + highest) / 2 - limit) / (order + 2) + precision * np.abs(limit)
    rounding = (error_above + error_below) / apart
    near = (gap == 0) | (error <= rounding)
    return np.where(near, limit, (above - below) / apart), np.where(near, error, rounding)

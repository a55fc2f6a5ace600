"""Derivatives of several orders held to central differences.

A tensor is paired with fixed random weights, which makes a scalar; the scalar's gradients are paired with
weights again, and so on. At every order the gradients along a random direction are compared with a
difference of the scalar, and at the first the differential as well: reverse over reverse over reverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numerics import Point, directional_difference, inner, random_direction

from gradwright.core.arithmetic import Array
from gradwright.core.build import product_of
from gradwright.core.contraction import conjugate
from gradwright.core.nodes import Node, Symbol
from gradwright.core.sums import add
from gradwright.diff.derivatives import gradients, total_differential
from gradwright.diff.differential import direction
from gradwright.prims.complex import real
from gradwright.simplify.pipeline import simplify


def residuals(outputs: Sequence[Node], variables: tuple[Symbol, ...], point: Point, order: int) -> Iterator[float]:
    """The relative error of each order's derivative: differential, gradients, gradients of those."""
    moves = {v: random_direction(v, point) for v in variables}
    scalar, point = _paired(outputs, point, 1)
    size = 1.0
    for level in range(1, order + 1):
        wanted = directional_difference(scalar, point, moves)
        size = max(float(np.abs(wanted)), 1e-3 * size)
        if level == 1:
            along = Point({**point.values, **{direction(v): m for v, m in moves.items()}}, point.sizes)
            (found,) = along.at(total_differential(scalar, variables))
            yield _error(found, wanted, size)
        slopes = gradients(simplify(scalar), variables)
        values = point.at(*slopes.values())
        yield _error(sum(inner(value, moves[v]) for v, value in zip(variables, values, strict=True)), wanted, size)
        scalar, point = _paired(list(slopes.values()), point, level + 1)


def _error(found: Array | float, wanted: Array, size: float) -> float:
    return float(np.abs(np.real(found) - np.real(wanted))) / size


def _paired(tensors: Sequence[Node], point: Point, level: int) -> tuple[Node, Point]:
    """`Σ Re⟨W, T⟩` with new weights W."""
    generator = np.random.default_rng(level)
    terms: list[Node] = []
    values = dict(point.values)
    for place, tensor in enumerate(tensors):
        weights = Symbol(f"W{level}_{place}", tensor.shape, frozenset() if tensor.real else frozenset({"complex"}))
        shape = tuple(dim.evaluate(point.sizes) for dim in tensor.shape)
        values[weights] = generator.normal(size=shape) + (0 if tensor.real else 1j * generator.normal(size=shape))
        labels = range(tensor.rank)
        terms.append(real(product_of([(conjugate(weights), labels), (tensor, labels)], ())))
    return add(terms), Point(values, point.sizes)

"""Inputs at which an expression has a value, approached from inputs at which it has none.

A barrier, a root or the logarithm of a difference has a value on a part of its inputs, which may be a small one:
`A x < b` in every row. So the inputs, or some entries of them, are drawn again, or made smaller or larger, and what is
new is kept as long as no more entries are without a value than before, in the expression and in its parts. Inputs are
taken with their neighbours, at which differences have to exist too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.evaluate import evaluate_all
from gradwright.core.facts import MATRIX_FACTS, Facts
from gradwright.core.nodes import Hole, Node, Symbol
from gradwright.core.points import OF_FIXED_SIZE, SIDES, sample, tangent_direction
from gradwright.core.walks import applications, free_leaves
from gradwright.errors import GradwrightError

if TYPE_CHECKING:
    from numpy.random import Generator  # on first use only: it takes as long to load as all of gradwright

TRIES = 300
NEIGHBOURHOOD = 0.02


def approached(
    nodes: Sequence[Node], values: Mapping[Node, Array], sizes: Mapping[str, int], generator: Generator
) -> dict[Node, Array]:
    """Values of the inputs at which the nodes have values, or the nearest to such that is found.

    Args:
        nodes: the expressions.
        values: of every input; where the search starts.
        sizes: of the dimensions.
        generator: of random numbers.
    """
    parts = [n for n in applications(*nodes) if not _has_hole(n)]
    inputs = [leaf for leaf in values if isinstance(leaf, Symbol)]
    best, lacking = dict(values), _lacking(parts, values, sizes, generator)
    for _ in range(TRIES if inputs else 0):
        if not lacking:
            break
        leaf = inputs[generator.integers(len(inputs))]
        tried = {**best, leaf: _changed(leaf, best[leaf], sizes, generator)}
        count = _lacking(parts, tried, sizes, generator)
        if count <= lacking:
            best, lacking = tried, count
    return best


def _has_hole(node: Node) -> bool:
    return any(isinstance(leaf, Hole) for leaf in free_leaves(node))


def _changed(leaf: Symbol, value: Array, sizes: Mapping[str, int], generator: Generator) -> Array:
    """An input with another size, or with entries that are drawn again."""
    if generator.random() < 0.3 and not OF_FIXED_SIZE & leaf.facts:
        return value * 10.0 ** generator.uniform(-1, 0.5)
    fresh = sample(leaf, sizes, generator, side=int(generator.integers(SIDES)))
    shape: tuple[int, ...] = value.shape
    again = np.asarray(generator.random(size=shape) < generator.random())
    return np.where(again, fresh, value) if _is_free(leaf.facts) else fresh


def _is_free(facts: Facts) -> bool:
    """Whether every entry may be drawn by itself."""
    return facts.isdisjoint(MATRIX_FACTS)


def _lacking(
    parts: Sequence[Node], values: Mapping[Node, Array], sizes: Mapping[str, int], generator: Generator
) -> float:
    """How many entries of the parts have no value, at inputs and at neighbours of them."""
    with np.errstate(all="ignore"):
        try:
            at_points = [evaluate_all(parts, dict(point), sizes) for point in _with_neighbours(values, generator)]
        except GradwrightError:
            return np.inf
    return float(sum(np.sum(~np.isfinite(value)) for found in at_points for value in found))


def _with_neighbours(values: Mapping[Node, Array], generator: Generator) -> Iterator[Mapping[Node, Array]]:
    yield values
    for _ in range(2):
        yield {leaf: _neighbour(leaf, value, generator) for leaf, value in values.items()}


def _neighbour(leaf: Node, value: Array, generator: Generator) -> Array:
    if not isinstance(leaf, Symbol):
        return value
    return value + NEIGHBOURHOOD * largest(value) * tangent_direction(leaf, value, generator)

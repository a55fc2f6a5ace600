"""Values of formulas at generic points, by which changes of a formula are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from gradwright.core.arithmetic import Array, is_finite, largest
from gradwright.core.evaluate import evaluating
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, sample
from gradwright.core.walks import free_leaves
from gradwright.errors import GradwrightError

POINTS = 2
TRIALS = 12
NUDGE = 1e-9
TOLERANCE = 1e-8
LARGEST_DENOMINATOR = 100
MOST_VALUES = 1500  # then the search ends: a comparison takes seconds

At = Callable[[Sequence[Node]], tuple[Array, ...]]


@dataclass(frozen=True)
class Measure:
    """Generic points, as functions from formulas to their values there, and the values that are known."""

    points: Sequence[At]
    known: dict[Node, Array | None] = field(default_factory=dict[Node, Array | None])

    def values(self, node: Node) -> Array | None:
        """The entries at all points, in one row; None where there are none."""
        if node not in self.known:
            self.known[node] = self._evaluated(node) if len(self.known) < MOST_VALUES else None
        return self.known[node]

    def close(self, left: Node, right: Node) -> bool:
        """Whether two formulas have the same values."""
        a, b = self.values(left), self.values(right)
        if left.shape != right.shape or a is None or b is None:
            return False
        return bool(largest(a - b) <= TOLERANCE * max(largest(a), largest(b)))

    def ratio(self, left: Node, right: Node) -> Fraction | None:
        """The simple number c with `left = c · right`, if there is one."""
        a, b = self.values(left), self.values(right)
        if left.shape != right.shape or a is None or b is None or not largest(a) or not largest(b):
            return None
        factor = complex(np.vdot(b, a) / np.vdot(b, b))
        found = Fraction(factor.real).limit_denominator(LARGEST_DENOMINATOR)
        fits = bool(largest(a - float(found) * b) <= TOLERANCE * largest(a))
        return found if found and fits else None

    def _evaluated(self, node: Node) -> Array | None:
        try:
            with np.errstate(all="ignore"):
                found = [values_at((node,))[0].reshape(-1) for values_at in self.points]
        except GradwrightError:
            return None
        row = np.concatenate(found)
        return row if is_finite(row) else None


def measure_of(*nodes: Node) -> Measure | None:
    """Points at which some formulas have stable values; None if none is found."""
    leaves = [leaf for node in nodes for leaf in free_leaves(node) if isinstance(leaf, Symbol | Direction)]
    names = sorted(dimension_names((*nodes, *leaves)))
    points: list[At] = []
    for seed in range(TRIALS):
        sizes = choose_sizes(names, demanded_orders(nodes), variant=seed)
        generator = np.random.default_rng([seed, 11])
        values: dict[Node, Array] = {leaf: sample(leaf, sizes, generator, side=seed) for leaf in dict.fromkeys(leaves)}
        if _is_stable(nodes, values, sizes):
            points.append(evaluating(values, sizes))
        if len(points) == POINTS:
            return Measure(points)
    return None


def _is_stable(nodes: Sequence[Node], values: Mapping[Node, Array], sizes: Mapping[str, int]) -> bool:
    """Whether rounding does not decide the values: a point next to it gives nearly the same."""
    nearby = {leaf: value * (1 + NUDGE) for leaf, value in values.items()}
    here, there = Measure([evaluating(values, sizes)]), Measure([evaluating(nearby, sizes)])
    for node in nodes:
        a, b = here.values(node), there.values(node)
        if a is None or b is None or largest(a - b) > 1e-5 * largest(a):
            return False
    return True

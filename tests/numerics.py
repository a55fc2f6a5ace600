"""Ground truth in numbers: generic points, directions, and fourth-order central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from hypothesis import assume

from gradwright.core.arithmetic import Array
from gradwright.core.evaluate import evaluate_all
from gradwright.core.nodes import Apply, Direction, Node, Symbol
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, sample, tangent_direction
from gradwright.core.walks import free_leaves, postorder
from gradwright.errors import ConditionError

LARGEST = 1e8
ROUNDING = 1e-10
"""By how much two runs of one function may differ: LAPACK's last digits depend on where memory begins."""


@dataclass(frozen=True)
class Point:
    """Values for the leaves of some expressions, and the sizes of the dimensions."""

    values: Mapping[Node, Array]
    sizes: Mapping[str, int]

    def at(self, *nodes: Node) -> tuple[Array, ...]:
        """The values of expressions."""
        with np.errstate(all="ignore"):
            return evaluate_all(nodes, dict(self.values), self.sizes)

    def moved(self, directions: Mapping[Node, Array], step: float) -> Point:
        """The point a step along directions of its leaves; orthogonal matrices stay orthogonal."""
        changed = {leaf: _moved(leaf, self.values[leaf], step * d) for leaf, d in directions.items()}
        return Point({**self.values, **changed}, self.sizes)

    def stable(self, *nodes: Node) -> tuple[Array, ...]:
        """The values, where they are finite and hardly change when the inputs are rounded differently."""
        try:
            values = self.at(*nodes)
            noise = {leaf: 1e-9 * value for leaf, value in self.values.items()}
            others = Point({leaf: v + noise[leaf] for leaf, v in self.values.items()}, self.sizes).at(*nodes)
        except ConditionError:
            assume(False)
        for a, b in zip(values, others, strict=True):
            size = np.max(np.abs(a), initial=1.0)
            assume(np.isfinite(size) and size < LARGEST)
            assume(np.max(np.abs(a - b), initial=0.0) < 1e-6 * size)
        return values


def generic_point(*nodes: Node, seed: int = 0, symbols: tuple[Symbol, ...] = (), side: int = 0) -> Point:
    """A generic point of the leaves of some expressions, eigenvalues on the given side of zero."""
    leaves = dict.fromkeys((*symbols, *(leaf for node in nodes for leaf in free_leaves(node))))
    named = [leaf for leaf in leaves if isinstance(leaf, Symbol | Direction)]
    sizes = choose_sizes(dimension_names([*named, *nodes]), demanded_orders([*nodes, *named]))
    generator = np.random.default_rng(seed)
    return Point({leaf: sample(leaf, sizes, generator, side) for leaf in named}, sizes)


def random_direction(symbol: Symbol, point: Point, seed: int = 7) -> Array:
    """A random direction in the tangent space of the symbol's set."""
    return tangent_direction(symbol, point.values[symbol], np.random.default_rng(seed))


def random_like(value: Array, real: bool, seed: int = 11) -> Array:
    """A random tensor of the same shape: a cotangent."""
    generator = np.random.default_rng(seed)
    entries = generator.normal(size=value.shape)
    return entries if real else entries + 1j * generator.normal(size=value.shape)


def central_difference(function: Callable[[float], Array], step: float = 1e-3) -> Array:
    """The derivative at 0, to fourth order in the step."""
    near = function(step) - function(-step)
    far = function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def directional_difference(node: Node, point: Point, directions: Mapping[Node, Array], step: float = 1e-3) -> Array:
    """The directional derivative of an expression by central differences."""
    return central_difference(lambda t: point.moved(directions, t).at(node)[0], step)


def inner(left: Array, right: Array) -> float:
    """Re⟨left, right⟩."""
    return float(np.real(np.sum(np.conj(left) * right)))


def close(left: Array, right: Array, tolerance: float = 1e-8) -> bool:
    """Whether two arrays have one shape and agree relative to their size."""
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != right.shape:
        return False
    scale = max(np.max(np.abs(left), initial=0.0), np.max(np.abs(right), initial=0.0), 1.0)
    return bool(np.max(np.abs(left - right), initial=0.0) <= tolerance * scale)


def applications(node: Node) -> list[Apply]:
    """The applications of primitives in an expression."""
    return [inner_node for inner_node in postorder(node) if isinstance(inner_node, Apply)]


def _moved(leaf: Node, value: Array, change: Array) -> Array:
    facts = leaf.facts if isinstance(leaf, Symbol) else frozenset[str]()
    if "stiefel" not in facts and "unitary" not in facts:
        return value + change
    from scipy.linalg import expm

    skew = change @ value.conj().T - value @ change.conj().T
    skew = skew - value @ (value.conj().T @ change) @ value.conj().T
    return expm(skew) @ value

"""Whether two expressions are equal: proved, refuted at a point, or undecided.

Equality is decided by evaluation modulo a prime at several generic points and sizes (see
`core.modular`), in the factored form: expanding the products would be exponential, and proves less,
since `inv(P + Q) @ (P + Q) = I` does not follow from expansion. Inequality is shown by a
floating-point value, so that "refuted" always comes with a point at which the two sides differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.evaluate import evaluate_all
from gradwright.core.facts import Facts
from gradwright.core.modular import (
    PRIMES,
    Complex,
    ModularArithmetic,
    PointError,
    UndecidableError,
)
from gradwright.core.nodes import Apply, Direction, Node, Symbol
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, sample
from gradwright.core.primitive import shape_text
from gradwright.core.walks import free_leaves, postorder
from gradwright.errors import GradwrightError, ShapeError
from gradwright.prims.exponential import exp
from gradwright.simplify.definitions import expand_definitions

POINTS = 3
TRIALS = 400
FLOAT_POINTS = 3
FLOAT_TRIALS = 12
NUDGE = 1e-10
TOLERANCE = 1e-7


@dataclass(frozen=True)
class Equality:
    """The answer to "are these equal?"; true only if it was proved.

    Attributes:
        status: `proved`, `refuted` or `undecided`.
        reason: why, in words.
        point: the values at which the two sides differ, by name, where refuted.
        difference: how much they differ there, relative to their size.
    """

    status: str
    reason: str
    point: Mapping[str, Array] = field(default_factory=dict[str, Array])
    difference: float = 0.0

    def __bool__(self) -> bool:
        return self.status == "proved"


def equal(left: Node, right: Node) -> Equality:
    """Compare two expressions of one shape as functions of their symbols."""
    if left.shape != right.shape:
        raise ShapeError(f"the shapes differ: {shape_text(left.shape)} and {shape_text(right.shape)}")
    if left == right:
        return Equality("proved", "both sides have the same normal form")
    try:
        if _equal_modulo_primes(left, right):
            return Equality("proved", "equal modulo a 61-bit prime at several generic points and sizes")
        suspicion = "the two sides differ modulo a prime"
    except UndecidableError as error:
        suspicion = f"'{error}' has no value modulo a prime"
    return _by_floats(left, right, suspicion)


def proved_equal(left: Node, right: Node) -> bool:
    """Whether equality can be proved."""
    if left == right:
        return True
    try:
        return left.shape == right.shape and _equal_modulo_primes(left, right)
    except (UndecidableError, GradwrightError):
        return False


def _equal_modulo_primes(left: Node, right: Node) -> bool:
    roots = expand_definitions(left), expand_definitions(right)
    leaves = list(dict.fromkeys((*free_leaves(roots[0]), *free_leaves(roots[1]))))
    names = sorted(dimension_names((*roots, *leaves)))
    found = 0
    wanted = POINTS if len(names) < 3 else 2 * POINTS
    for trial in range(TRIALS):
        sizes = choose_sizes(names, demanded_orders(roots), smallest=2 if trial % 2 else 3, variant=trial)
        try:
            a, b = _Point(leaves, sizes, trial).evaluate(roots)
        except PointError:
            continue
        if not bool(np.all(np.asarray(a) == np.asarray(b))):
            return False
        found += 1
        if found == wanted:
            return True
    raise UndecidableError("a root")


class _Point:
    """One random point, seen modulo each prime of the chain."""

    def __init__(self, leaves: Iterable[Node], sizes: Mapping[str, int], seed: int) -> None:
        self.leaves = list(leaves)
        self.sizes = sizes
        self.seed = seed

    def evaluate(self, roots: tuple[Node, ...], level: int = 0) -> tuple[Array, ...]:
        arithmetic = ModularArithmetic(level)
        values = {leaf: self._sample(leaf, level, arithmetic) for leaf in self.leaves}
        exponentials = _exponentials(roots)
        if exponentials and level + 1 < len(PRIMES):
            arguments = tuple(node.arguments[0] for node in exponentials)
            for node, raised in zip(exponentials, self.evaluate(arguments, level + 1), strict=True):
                if not node.real:
                    raise UndecidableError("exp of a complex number")
                values[node] = arithmetic.exponential(raised)
        return evaluate_all(roots, values, self.sizes, arithmetic)

    def _sample(self, leaf: Node, level: int, arithmetic: ModularArithmetic) -> Array:
        """A random value with the leaf's facts; the same whole numbers modulo every prime."""
        generator = np.random.default_rng([self.seed, *leaf.digest])
        shape = tuple(dim.evaluate(self.sizes) for dim in leaf.shape)
        facts = leaf.facts if isinstance(leaf, Symbol | Direction) else frozenset[str]()
        return _modular_value(shape, facts, leaf.real, generator, arithmetic)


def _modular_value(
    shape: tuple[int, ...], facts: Facts, real: bool, generator: np.random.Generator, field_: ModularArithmetic
) -> Array:
    def integers() -> Array:
        return generator.integers(1, 2**31, size=shape).astype(object)

    if "positive" in facts:
        return integers() ** 2 % field_.prime
    value: Array = integers()
    if not real:
        pairs = [Complex(int(a), int(b), field_.prime) for a, b in zip(value.ravel(), integers().ravel(), strict=True)]
        value = np.empty(len(pairs), dtype=object)
        value[:] = pairs
        value = value.reshape(shape)
    return _structured(value, facts, field_) if len(shape) == 2 else value


def _structured(value: Array, facts: Facts, field_: ModularArithmetic) -> Array:
    adjoint = field_.conjugate(value).T
    if "diagonal" in facts:
        return np.where(np.eye(len(value), dtype=bool), value**2 if "spd" in facts else value, 0) % field_.prime
    if "spd" in facts or "psd" in facts:
        # A product of triangles, whose pivots are squares: so its Cholesky factor exists here too.
        lower = np.tril(value)
        return lower @ field_.conjugate(lower).T % field_.prime
    if "stiefel" in facts or "unitary" in facts:
        return _cayley(value, facts, field_)
    for side, keep in (("lower", np.tril), ("upper", np.triu)):
        if side in facts:
            kept = keep(value)
            if "unit_diagonal" in facts:
                np.fill_diagonal(kept, 1)
            if f"strictly_{side}" in facts:
                np.fill_diagonal(kept, 0)
            return kept
    if "skew" in facts:
        return (value - value.T) % field_.prime
    if "symmetric" in facts:
        return (value + value.T) % field_.prime
    return (value + adjoint) % field_.prime if "hermitian" in facts else value


def _cayley(value: Array, facts: Facts, field_: ModularArithmetic) -> Array:
    """`(I − S)⁻¹ (I + S)` is orthogonal for a skew S; its first columns are orthonormal."""
    n, m = value.shape
    square = np.zeros((n, n), dtype=object)
    square[:, :m] = value
    skew = square - field_.conjugate(square).T
    unit = np.eye(n, dtype=int).astype(object)
    return field_.solve((unit - skew) % field_.prime, (unit + skew) % field_.prime)[:, :m]


def _exponentials(roots: tuple[Node, ...]) -> list[Apply]:
    return [n for n in postorder(*roots) if isinstance(n, Apply) and n.primitive is exp]


def _by_floats(left: Node, right: Node, suspicion: str) -> Equality:
    """Refute at a generic point, or say that the sides agree; points without a stable value are passed over."""
    leaves = dict.fromkeys((*free_leaves(left), *free_leaves(right)))
    named = [leaf for leaf in leaves if isinstance(leaf, Symbol | Direction)]
    names = sorted(dimension_names((left, right)))
    differences: list[float] = []
    for seed in range(FLOAT_TRIALS):
        sizes = choose_sizes(names, demanded_orders((left, right)), variant=seed)
        generator = np.random.default_rng(seed)
        values: dict[Node, Array] = {leaf: sample(leaf, sizes, generator) for leaf in named}
        difference = _difference(left, right, values, sizes)
        if difference is None:
            continue
        if difference > TOLERANCE:
            point = {leaf.name: values[leaf] for leaf in named}
            return Equality("refuted", f"the sides differ by {difference:.1g} at a point", point, difference)
        differences.append(difference)
        if len(differences) == FLOAT_POINTS:
            return Equality("undecided", f"{suspicion}; at {FLOAT_POINTS} points they agree to {max(differences):.1g}")
    return Equality("undecided", f"{suspicion}, and too few generic points serve to compare them in numbers")


def _difference(left: Node, right: Node, values: Mapping[Node, Array], sizes: Mapping[str, int]) -> float | None:
    """How much two expressions differ at a point, relative to their size; None if rounding decides it."""
    nearby = {leaf: (1 + NUDGE) * value for leaf, value in values.items()}
    try:
        with np.errstate(all="ignore"):
            a, b = evaluate_all((left, right), values, sizes)
            c, d = evaluate_all((left, right), nearby, sizes)
    except GradwrightError:
        return None
    if not all(bool(np.all(np.isfinite(array))) for array in (a, b, c, d)):
        return None
    scale = max(_largest(a), _largest(b), 1e-300)
    difference, noise = _largest(a - b) / scale, max(_largest(a - c), _largest(b - d)) / scale
    return None if difference > TOLERANCE and difference < 100 * noise else difference


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0))

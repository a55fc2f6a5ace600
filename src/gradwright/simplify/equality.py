"""Whether two expressions are equal: proved, refuted at a point, or undecided.

Equality is decided by evaluation modulo a prime at several generic points and sizes (see
`core.modular`), in the factored form: expanding the products would be exponential, and proves less,
since `inv(P + Q) @ (P + Q) = I` does not follow from expansion. Inequality is shown by a
floating-point value, so that "refuted" always comes with a point at which the two sides differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from types import MappingProxyType

import numpy as np

from gradwright.core.arithmetic import Array, largest
from gradwright.core.canonical import as_product
from gradwright.core.contraction import conjugate, zero
from gradwright.core.evaluate import evaluate_all
from gradwright.core.facts import NO_FACTS
from gradwright.core.inference import is_real_valued
from gradwright.core.modular import ModularArithmetic
from gradwright.core.modular_numbers import PRIMES, PointError, UndecidableError
from gradwright.core.nodes import Apply, Contract, Direction, Node, Symbol
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, sample
from gradwright.core.primitive import Primitive, shape_text
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import free_leaves, postorder
from gradwright.errors import GradwrightError, ShapeError
from gradwright.frozen import frozen
from gradwright.prims.exponential import exp, log
from gradwright.simplify.definitions import expand_definitions
from gradwright.simplify.pipeline import simplify_all

POINTS = 3
TRIALS = 400
FLOAT_POINTS = 3
FLOAT_TRIALS = 12
NUDGE = 1e-10


@frozen
class Bounds:
    """When a difference in numbers refutes: above the tolerance, and above so many times the noise."""

    tolerance: float
    margin: float


CAUTIOUS = Bounds(1e-7, 100)
SURE = Bounds(1e-11, 1)  # where the sides are known to differ, and only a point that shows it is looked for


@frozen
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
    point: Mapping[str, Array] = MappingProxyType({})
    difference: float = 0.0

    def __bool__(self) -> bool:
        return self.status == "proved"

    def __str__(self) -> str:
        return f"{self.status}: {self.reason}"


def equal(left: Node, right: Node) -> Equality:
    """Compare two expressions of one shape as functions of their symbols."""
    if left.shape != right.shape:
        raise ShapeError(f"the shapes differ: {shape_text(left.shape)} and {shape_text(right.shape)}")
    if left == right:
        return Equality("proved", "both sides have the same normal form")
    bounds = CAUTIOUS
    try:
        if _equal_modulo_primes(left, right):
            return Equality("proved", "equal modulo a 61-bit prime at several generic points and sizes")
        opaque = _opaque_names(left, right)
        bounds = CAUTIOUS if opaque else SURE
        suspicion = f"the two sides differ modulo a prime{opaque}"
    except UndecidableError as error:
        suspicion = f"'{error}' has no value modulo a prime"
    found = _by_floats(left, right, suspicion, bounds)
    if found.status == "undecided" and _same_when_simplified(left, right):
        return Equality("proved", "both sides simplify to the same form, or to forms equal modulo a 61-bit prime")
    return found


def _opaque_names(left: Node, right: Node) -> str:
    """The functions of which no more is used than that they are functions, for a message."""
    applied = [node.primitive for node in postorder(left, right) if isinstance(node, Apply)]
    names = list(dict.fromkeys(p.name for p in applied if is_opaque(p)))
    return f", where {' and '.join(names)} may be any function" if names else ""


def is_opaque(primitive: Primitive) -> bool:
    """Whether little more is used of a function than that it is one; its other properties prove nothing here."""
    if primitive.modular is not None:
        return not primitive.modular.exact
    return primitive is not exp and not primitive.definition


def _same_when_simplified(left: Node, right: Node) -> bool:
    """Whether the relations that define functions, such as `L Lᵀ = A`, make the two sides equal."""
    a, b = simplify_all((left, right))
    return (a, b) != (left, right) and proved_equal(a, b)


def proved_equal(left: Node, right: Node) -> bool:
    """Whether equality can be proved."""
    if left == right:
        return True
    try:
        return left.shape == right.shape and _equal_modulo_primes(left, right)
    except (UndecidableError, GradwrightError):  # no value modulo a prime, or none at any point: not proved
        return False


def has_complex_values(node: Node) -> bool:
    """Whether values are not real: those of `det(Z)`, but not those of `tr(Zᴴ Z)`.

    Of an unknown that was declared complex that is taken at its word, where nothing is known: `z² = a` has real
    solutions at some points.
    """
    if is_real_valued(node):
        return False
    found = equal(node, conjugate(node)).status
    return found == "refuted" or (found == "undecided" and any(map(_is_declared_complex, postorder(node))))


def _is_declared_complex(node: Node) -> bool:
    return isinstance(node, Apply) and bool(node.primitive.witnesses) and not node.real


def _equal_modulo_primes(left: Node, right: Node) -> bool:
    """Whether the sides have equal values; with logarithms, whether their exponentials have."""
    roots = expand_definitions(left), expand_definitions(right)
    if _agree_at_points(roots, _Point.evaluate):
        return True
    logarithms = any(isinstance(node, Apply) and node.primitive is log for node in postorder(*roots))
    return logarithms and all(root.real for root in roots) and _agree_at_points(roots, _Point.exponentials)


def _agree_at_points(roots: tuple[Node, Node], view: Callable[[_Point, tuple[Node, ...]], tuple[Array, ...]]) -> bool:
    leaves = list(dict.fromkeys((*free_leaves(roots[0]), *free_leaves(roots[1]))))
    names = sorted(dimension_names((*roots, *leaves)))
    found = 0
    wanted = POINTS if len(names) < 3 else 2 * POINTS
    for trial in range(TRIALS):
        sizes = choose_sizes(names, demanded_orders(roots), smallest=2 if trial % 2 else 3, variant=trial)
        try:
            a, b = view(_Point(leaves, sizes, trial), roots)
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
        values = {leaf: self._sample(leaf, arithmetic) for leaf in self.leaves}
        raised = [node for node in postorder(*roots) if isinstance(node, Apply) and node.primitive is exp]
        if raised and level + 1 < len(PRIMES):
            exponents = tuple(node.arguments[0] for node in raised)
            values.update(zip(raised, self.exponentials(exponents, level), strict=True))
        return evaluate_all(roots, values, self.sizes, arithmetic)

    def exponentials(self, exponents: tuple[Node, ...], level: int = 0) -> tuple[Array, ...]:
        """`exp` of each: powers for the terms `c Σ log(u)`, and a homomorphism for the rest."""
        arithmetic = ModularArithmetic(level)
        split = [_split_logarithms(exponent) for exponent in exponents]
        others = self.evaluate(tuple(rest for _, rest in split), level + 1)
        found: list[Array] = []
        for (logarithms, rest), value in zip(split, others, strict=True):
            if not rest.real:
                raise UndecidableError("exp of a complex number")
            result = arithmetic.exponential(value)
            for term in logarithms:
                result = np.asarray(result * self._power(term, level, arithmetic) % arithmetic.prime, dtype=object)
            found.append(result)
        return tuple(found)

    def _power(self, term: Contract, level: int, arithmetic: ModularArithmetic) -> Array:
        """`exp(c Σ log(u)) = Π uᶜ`, the product over the labels that are summed."""
        factor = term.factors[0]
        assert isinstance(factor.node, Apply)
        (base,) = self.evaluate(factor.node.arguments, level)
        kept = [group for group in term.output if group[0] in factor.labels]
        summed = tuple(axis for axis, group in enumerate(factor.groups) if group not in kept)
        powers = arithmetic.power(base, term.coefficient)
        reduced = np.asarray(np.multiply.reduce(powers, axis=summed) if summed else powers, dtype=object)
        held = [group for group in factor.groups if group in kept]
        reduced = np.transpose(reduced, [held.index(group) for group in kept])
        shape = tuple(
            dim.evaluate(self.sizes) if g in kept else 1 for g, dim in zip(term.output, term.shape, strict=True)
        )
        whole = tuple(dim.evaluate(self.sizes) for dim in term.shape)
        return np.broadcast_to(reduced.reshape(shape), whole) % arithmetic.prime

    def _sample(self, leaf: Node, arithmetic: ModularArithmetic) -> Array:
        """A random value with the leaf's facts; the same whole numbers modulo every prime."""
        generator = np.random.default_rng([self.seed, *leaf.digest])
        shape = tuple(dim.evaluate(self.sizes) for dim in leaf.shape)
        facts = leaf.facts if isinstance(leaf, Symbol | Direction) else NO_FACTS
        size = prod(shape) * (1 if leaf.real else 2)
        return arithmetic.value(generator.integers(1, 2**31, size=size).tolist(), shape, facts, leaf.real)


def _split_logarithms(exponent: Node) -> tuple[list[Contract], Node]:
    """The terms that are multiples of one logarithm, summed or spread, and the sum of the others."""
    logarithms: list[Contract] = []
    others = [zero(exponent.shape)]
    for term in terms_of(exponent):
        product = as_product(term)
        if _is_plain_logarithm(product):
            logarithms.append(product)
        else:
            others.append(term)
    return logarithms, add(others)


def _is_plain_logarithm(product: Contract) -> bool:
    if len(product.factors) != 1 or not product.real:
        return False
    node, groups, _ = product.factors[0]
    labels = [label for group in (*groups, *product.output) for label in group]
    single = len(labels) == len(groups) + len(product.output)
    distinct = len(set(groups)) == len(groups) and len(set(product.output)) == len(product.output)
    return isinstance(node, Apply) and node.primitive is log and single and distinct


def _by_floats(left: Node, right: Node, suspicion: str, bounds: Bounds) -> Equality:
    """Refute at a generic point, or say that the sides agree; points without a stable value are passed over."""
    leaves = dict.fromkeys((*free_leaves(left), *free_leaves(right)))
    named = [leaf for leaf in leaves if isinstance(leaf, Symbol | Direction)]
    names = sorted(dimension_names((left, right)))
    differences: list[float] = []
    for seed in range(FLOAT_TRIALS):
        sizes = choose_sizes(names, demanded_orders((left, right)), variant=seed)
        generator = np.random.default_rng(seed)
        values: dict[Node, Array] = {leaf: sample(leaf, sizes, generator, side=seed) for leaf in named}
        difference = _difference(left, right, values, sizes, bounds)
        if difference is None:
            continue
        if difference > bounds.tolerance:
            point = {leaf.name: values[leaf] for leaf in named}
            return Equality("refuted", f"the sides differ by {difference:.1g} at a point", point, difference)
        differences.append(difference)
        if len(differences) == FLOAT_POINTS:
            return Equality("undecided", f"{suspicion}; at {FLOAT_POINTS} points they agree to {max(differences):.1g}")
    return Equality("undecided", f"{suspicion}, and too few generic points serve to compare them in numbers")


def _difference(
    left: Node, right: Node, values: Mapping[Node, Array], sizes: Mapping[str, int], bounds: Bounds
) -> float | None:
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
    scale = max(largest(a), largest(b), 1e-300)
    difference, noise = largest(a - b) / scale, max(largest(a - c), largest(b - d)) / scale
    return None if bounds.tolerance < difference < bounds.margin * noise else difference

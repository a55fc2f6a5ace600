"""Whether two expressions are equal: proved, refuted at a point, or undecided.

Equality is decided by evaluation modulo a prime at several generic points and sizes (see
`core.modular`), in the factored form: expanding the products would be exponential, and proves less,
since `inv(P + Q) @ (P + Q) = I` does not follow from expansion. Inequality is shown by a
floating-point value, so that "refuted" always comes with a point at which the two sides differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array, FloatArithmetic, is_finite, largest
from gradwright.core.contraction import conjugate, zero
from gradwright.core.evaluate import evaluate_all
from gradwright.core.inference import is_real_valued
from gradwright.core.modular_numbers import UndecidableError
from gradwright.core.nodes import Apply, Direction, Node, Parameter, Symbol, is_apply
from gradwright.core.points import SIDES, choose_sizes, demanded_orders, dimension_names, sample
from gradwright.core.primitive import Primitive, shape_text
from gradwright.core.walks import applications, free_leaves, postorder
from gradwright.errors import GradwrightError, ShapeError
from gradwright.frozen import frozen
from gradwright.prims.exponential import exp
from gradwright.prims.piecewise import has_kink, sign
from gradwright.simplify.agreement import SIZES, Agreement, agreement
from gradwright.simplify.definitions import expand_definitions
from gradwright.simplify.pipeline import simplify_all

if TYPE_CHECKING:
    from numpy.random import Generator

TRIALS_A_POINT = 3
NUDGE = 1e-12
LARGE = 4
GENERIC_SIZES = tuple((smallest, step) for smallest, step in SIZES if smallest > 2)


@frozen
class Bounds:
    """When a difference in numbers refutes: above the tolerance, and so many times the noise; and how many points."""

    tolerance: float
    margin: float
    points: int


CAUTIOUS = Bounds(1e-7, 100, 6)
OF_SIGNS = Bounds(1e-7, 100, 24)  # where the sides agree for the signs that were seen
SURE = Bounds(1e-11, 1, 24)  # where the sides are known to differ, and only a point that shows it is looked for


@frozen(eq=False)
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
        found = agreement(left, right)
        if found:
            return _proved(left, right, found)
        opaque = _opaque_names(left, right)
        bounds = CAUTIOUS if opaque else SURE
        suspicion = f"the two sides differ modulo a prime{opaque}"
    except UndecidableError as error:
        suspicion = f"'{error}' has no value modulo a prime"
    found = _by_floats(left, right, suspicion, bounds)
    if found.status == "undecided" and _same_when_simplified(left, right):
        return Equality("proved", "both sides simplify to the same form, or to forms equal modulo a 61-bit prime")
    return found


def _proved(left: Node, right: Node, found: Agreement) -> Equality:
    """What holds modulo primes; numbers are asked too where signs matter, of which the primes see some patterns."""
    if found.has_signs:
        in_numbers = _by_floats(left, right, "", OF_SIGNS)
        if in_numbers.status == "refuted":
            return in_numbers
        if any(map(_may_be_zero, _signed(left, right))):
            return Equality("undecided", "it depends on the sign of what is zero at all points, as far as they show it")
    return Equality("proved", "equal modulo a 61-bit prime at several generic points and sizes")


def _signed(left: Node, right: Node) -> list[Node]:
    """Of what the sign is taken, as far as the primes do not see whether that is zero."""
    nodes = postorder(expand_definitions(left), expand_definitions(right))
    signed = (node.arguments[0] for node in nodes if is_apply(node, sign))
    return [node for node in signed if _opaque_names(node, node)]


def _may_be_zero(node: Node) -> bool:
    return _by_floats(node, zero(node.shape), "", CAUTIOUS).status != "refuted"


def _opaque_names(left: Node, right: Node) -> str:
    """The functions of which no more is used than that they are functions, for a message."""
    applied = [node.primitive for node in applications(left, right)]
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
        return left.shape == right.shape and bool(agreement(left, right))
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


def _by_floats(left: Node, right: Node, suspicion: str, bounds: Bounds) -> Equality:
    """Refute at a generic point, or say that the sides agree; points without a stable value are passed over."""
    leaves = dict.fromkeys((*free_leaves(left), *free_leaves(right)))
    named = [leaf for leaf in leaves if isinstance(leaf, Symbol | Direction)]
    names = sorted(dimension_names((left, right)))
    differences: list[float] = []
    for seed in range(TRIALS_A_POINT * bounds.points):
        smallest, step = GENERIC_SIZES[seed % len(GENERIC_SIZES)]
        sizes = choose_sizes(names, demanded_orders((left, right)), smallest, seed, step)
        generator = np.random.default_rng(seed)
        values: dict[Node, Array] = {
            leaf: _value(leaf, sizes, generator, seed, place) for place, leaf in enumerate(named)
        }
        difference = _difference(left, right, values, sizes, bounds)
        if difference is None:
            continue
        if difference > bounds.tolerance:
            point = {leaf.name: values[leaf] for leaf in named}
            return Equality("refuted", f"the sides differ by {difference:.1g} at a point", point, difference)
        differences.append(difference)
        if len(differences) == bounds.points:
            return Equality("undecided", f"{suspicion}; at {bounds.points} points they agree to {max(differences):.1g}")
    return Equality("undecided", f"{suspicion}, and too few generic points serve to compare them in numbers")


def _value(leaf: Symbol | Direction, sizes: Mapping[str, int], generator: Generator, seed: int, place: int) -> Array:
    """A value of a variable: without facts negative at a third of the points and positive at another, and often larger.

    So there are logarithms, and what depends on signs and kinks, as `maximum(a, 3)` does, shows at some of the points.
    After two rounds, each variable is at a side of its own, as `relu(x - y)` needs to be positive throughout.
    """
    side = seed + place * (seed // (2 * SIDES))
    value = sample(leaf, sizes, generator, side=side)
    if leaf.facts or not leaf.real:
        return value
    if len(set(leaf.shape)) == len(leaf.shape):
        value = (value, -abs(value), abs(value))[side % SIDES]
    return value * (LARGE if seed // SIDES % 2 else 1)


def _difference(
    left: Node, right: Node, values: Mapping[Node, Array], sizes: Mapping[str, int], bounds: Bounds
) -> float | None:
    """How much two expressions differ at a point, relative to their size; None if rounding decides it.

    What rounding does is measured with larger errors, of the variables and of what smooth functions return.
    """
    rounded = _Rounded()
    nearby = {leaf: rounded.changed(value) for leaf, value in values.items()}
    try:
        with np.errstate(all="ignore"):
            a, b = evaluate_all((left, right), values, sizes)
            c, d = evaluate_all((left, right), nearby, sizes, rounded)
    except GradwrightError:
        return None
    if not all(map(is_finite, (a, b, c, d))):
        return None
    scale = max(largest(a), largest(b), 1e-300)
    difference, noise = largest(a - b) / scale, max(largest(a - c), largest(b - d)) / scale
    return None if bounds.tolerance < difference < bounds.margin * noise else difference


class _Rounded(FloatArithmetic):
    """Numbers of fewer digits: so a determinant of e^X shows that it is not known where its factors cancel.

    What has a kink, as a maximum, is one of its arguments, and comparisons with it are to stay as they are.
    """

    def __init__(self) -> None:
        self._generator: Generator = np.random.default_rng(0)

    def changed(self, value: Array, *, together: bool = False) -> Array:
        """The value with every entry a little off; symmetrically so in square matrices, which may be symmetric.

        Args:
            value: the value.
            together: whether the error of an entry is that of the largest one, as of eigenvalues, of which one may be
                zero but for rounding.
        """
        return value + self._error(value.shape) * (largest(value) * (value != 0) if together else value)

    def _error(self, shape: tuple[int, ...]) -> Array:
        noise: Array = np.asarray(2 * self._generator.random(size=shape) - 1)
        return NUDGE * ((noise + noise.T) / 2 if noise.ndim == 2 and shape[0] == shape[1] else noise)

    def constant(self, name: str) -> Array:
        """π with an error, which sin(π) shows."""
        value = super().constant(name)
        return self.changed(value) if name == "pi" else value

    def einsum(self, coefficient: Fraction, operands: Sequence[tuple[Array, list[int]]], output: list[int]) -> Array:
        """A product of tensors; if something is summed, with errors of the size of what may cancel."""
        product = super().einsum(coefficient, operands, output)
        is_sum = len(operands) > 1 and not set(output).issuperset(label for _, labels in operands for label in labels)
        if not is_sum:
            return product
        summed = super().einsum(abs(coefficient), [(abs(value), labels) for value, labels in operands], output)
        return product + self._error(product.shape) * summed

    def apply(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        """The outputs, with errors if the function is smooth."""
        outputs = super().apply(primitive, parameters, arguments)
        if has_kink(primitive):
            return outputs
        return tuple(self.changed(output, together=not primitive.elementwise) for output in outputs)

    def solve(self, matrix: Array, right: Array) -> Array:
        """The solution, with errors."""
        return self.changed(super().solve(matrix, right))

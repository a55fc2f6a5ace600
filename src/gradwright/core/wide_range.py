"""Evaluation in floating-point numbers, with a longer exponent where theirs is left on the way to a value.

The gradient `x / ‖x‖` is of moderate size at any x ≠ 0, the square of ‖x‖ is not at 1e200. Where numbers come near the
ends of the range of doubles, the expression is evaluated once more in NumPy's `longdouble`, which has an exponent
of fifteen bits on most processors. LAPACK has no such numbers: what needs it is computed in doubles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod

import numpy as np

from gradwright.core.arithmetic import Array, FloatArithmetic, is_finite
from gradwright.core.evaluate import Systems, evaluate_all
from gradwright.core.nodes import Node, Parameter
from gradwright.core.primitive import Primitive
from gradwright.errors import ConditionError

MOST_MULTIPLICATIONS = 10**8  # longer numbers take a hundred times as long as BLAS with doubles
NUDGE = 1 + np.ldexp(np.longdouble(1), -60)  # moves an input by less than the precision of doubles


class ObservedArithmetic(FloatArithmetic):
    """Floating-point numbers, and whether some of them came near the upper end of their range.

    What becomes small on the way, as exponentials do, is not looked at: it counts where it is divided by.

    Attributes:
        extreme: whether some did.
        multiplications: how many there were in products.
    """

    def __init__(self) -> None:
        """Nothing has come near it yet."""
        self.extreme = False
        self.multiplications = 0

    def einsum(self, coefficient: Fraction, operands: Sequence[tuple[Array, list[int]]], output: list[int]) -> Array:
        """A product of tensors, observed."""
        lengths = {label: n for array, labels in operands for label, n in zip(labels, array.shape, strict=True)}
        self.multiplications += prod(lengths.values())
        return self._observed(super().einsum(coefficient, operands, output))

    def add(self, values: Sequence[Array]) -> Array:
        """A sum, observed."""
        return self._observed(super().add(values))

    def apply(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        """All outputs of a primitive, observed."""
        return tuple(map(self._observed, super().apply(primitive, parameters, arguments)))

    def _observed(self, value: Array) -> Array:
        sizes = np.abs(value) if np.iscomplexobj(value) else value
        largest = _range(value)[1]
        within = np.max(sizes, initial=0.0) <= largest and np.min(sizes, initial=0.0) >= -largest
        self.extreme = self.extreme or not within  # NaN is not within
        return value


class WideArithmetic(FloatArithmetic):
    """NumPy's `longdouble`, and doubles where a function has no others."""

    def apply(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        """All outputs of a primitive; those of matrices, which LAPACK computes, from doubles."""
        given = [as_double(argument) for argument in arguments] if primitive.takes_matrices else arguments
        try:
            return super().apply(primitive, parameters, given)
        except TypeError:  # NumPy's and SciPy's answer
            return super().apply(primitive, parameters, [as_double(argument) for argument in arguments])

    def solve(self, matrix: Array, right: Array) -> Array:
        """LAPACK's general solver."""
        return super().solve(as_double(matrix), as_double(right))


def as_double(value: Array) -> Array:
    """The value in doubles, infinite where it is larger than all of them."""
    return value.astype(np.complex128 if np.iscomplexobj(value) else np.float64, copy=False)


def is_extreme(value: Array) -> bool:
    """Whether entries are so large or small, or infinite or no numbers, that products leave their range."""
    sizes, (small, large) = np.abs(value), _range(value)
    if not np.max(sizes, initial=0.0) <= large:  # NaN is not
        return True
    return bool(np.min(sizes, initial=large) < small and np.any((sizes != 0) & (sizes < small)))


def _range(value: Array) -> tuple[float, float]:
    """Between which numbers a product of three is in the range of the value's precision."""
    limits = np.finfo(value.dtype if np.issubdtype(value.dtype, np.inexact) else np.float64)
    return float(np.cbrt(limits.tiny)), float(np.cbrt(limits.max))


def evaluate_in_range(
    roots: Sequence[Node], leaves: Mapping[Node, Array], sizes: Mapping[str, int], systems: Systems
) -> tuple[tuple[Array, ...], bool]:
    """The values of several expressions, and whether their numbers came near the ends of the range without remedy.

    Of the first the rounding errors are looked at, by inputs that are moved.
    """
    arithmetic = ObservedArithmetic()
    values = evaluate_all(roots, leaves, sizes, arithmetic, systems)
    extreme = arithmetic.extreme or any(map(is_extreme, leaves.values()))
    if not extreme or not all(map(is_finite, leaves.values())):
        return values, False
    if arithmetic.multiplications > MOST_MULTIPLICATIONS:
        return values, True
    wide, moved = ({leaf: _wide(value) * factor for leaf, value in leaves.items()} for factor in (1, NUDGE))
    try:
        found = evaluate_all(roots, wide, sizes, WideArithmetic(), systems)
        trusted = _agree(found[0], evaluate_all(roots[:1], moved, sizes, WideArithmetic(), systems)[0])
    except (TypeError, ConditionError):  # a linear system has no such numbers, or a function none in doubles
        return values, True
    return (found, False) if trusted else (values, True)


def _agree(value: Array, moved: Array) -> bool:
    """Whether a value is not made of rounding errors, as that of `cos(a)/a − sin(a)/a²` at 1e-170 is."""
    return bool(np.max(np.abs(value - moved), initial=0.0) <= 1e-9 * np.max(np.abs(value), initial=0.0))


def _wide(value: Array) -> Array:
    return value.astype(np.clongdouble if np.iscomplexobj(value) else np.longdouble)

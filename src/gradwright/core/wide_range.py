"""Evaluation in floating-point numbers, with a longer exponent where theirs is left on the way to a value.

The gradient `x / ‖x‖` is of moderate size at any x ≠ 0, the square of ‖x‖ is not at 1e200. Where numbers come near the
ends of the range of doubles, the expression is evaluated once more in NumPy's `longdouble`, which has an exponent
of fifteen bits on most processors. LAPACK has no such numbers: what needs it is computed in doubles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from gradwright.core.arithmetic import Array, FloatArithmetic, is_finite
from gradwright.core.evaluate import Systems, evaluate_all
from gradwright.core.nodes import Node, Parameter
from gradwright.core.primitive import Primitive
from gradwright.errors import ConditionError

LARGE, SMALL = 1e100, 1e-100  # the product of three such numbers leaves the range of doubles


class ObservedArithmetic(FloatArithmetic):
    """Floating-point numbers, and whether some of them came near the ends of their range."""

    def __init__(self) -> None:
        """Nothing has come near them yet."""
        self.extreme = False

    def einsum(self, coefficient: Fraction, operands: Sequence[tuple[Array, list[int]]], output: list[int]) -> Array:
        """A product of tensors, observed."""
        return self._observed(super().einsum(coefficient, operands, output), *(array for array, _ in operands))

    def add(self, values: Sequence[Array]) -> Array:
        """A sum, observed."""
        return self._observed(super().add(values))

    def apply(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        """All outputs of a primitive, observed with its arguments."""
        outputs = super().apply(primitive, parameters, arguments)
        for array in (*arguments, *outputs):
            self._observed(array)
        return outputs

    def _observed(self, value: Array, *others: Array) -> Array:
        self.extreme = self.extreme or any(map(is_extreme, (value, *others)))
        return value


class WideArithmetic(FloatArithmetic):
    """NumPy's `longdouble`, and doubles where a function has no others."""

    def apply(
        self, primitive: Primitive, parameters: tuple[Parameter, ...], arguments: Sequence[Array]
    ) -> tuple[Array, ...]:
        """All outputs of a primitive."""
        try:
            return super().apply(primitive, parameters, arguments)
        except TypeError:  # NumPy's and SciPy's answer
            return super().apply(primitive, parameters, [as_double(argument) for argument in arguments])

    def solve(self, matrix: Array, right: Array) -> Array:
        """LAPACK's general solver."""
        return super().solve(as_double(matrix), as_double(right))


def as_double(value: Array) -> Array:
    """The value in doubles, infinite where it is larger than all of them."""
    return value.astype(np.complex128 if np.iscomplexobj(value) else np.float64, copy=False)


def is_extreme(value: Array) -> bool:
    """Whether entries are so large or small, or infinite or no numbers, that products leave the range of doubles."""
    sizes = np.abs(value)
    return not bool(np.all((sizes == 0) | ((sizes >= SMALL) & (sizes <= LARGE))))


def evaluate_in_range(
    roots: Sequence[Node], leaves: Mapping[Node, Array], sizes: Mapping[str, int], systems: Systems
) -> tuple[tuple[Array, ...], bool]:
    """The values of several expressions, and whether their numbers came near the ends of the range without remedy."""
    arithmetic = ObservedArithmetic()
    values = evaluate_all(roots, leaves, sizes, arithmetic, systems)
    if not arithmetic.extreme or not all(map(is_finite, leaves.values())):
        return values, False
    wide = {leaf: _wide(value) for leaf, value in leaves.items()}
    try:
        return evaluate_all(roots, wide, sizes, WideArithmetic(), systems), False
    except (TypeError, ConditionError):  # a linear system has no such numbers, or a function none in doubles
        return values, True


def _wide(value: Array) -> Array:
    return value.astype(np.clongdouble if np.iscomplexobj(value) else np.longdouble)

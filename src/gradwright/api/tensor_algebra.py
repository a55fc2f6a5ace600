"""The tensor algebra of the notation: `⊗`, `·_T`, `roll`, `permute`, on expressions.

Axes are counted from 1. With L a list of axes of S, `S ·_T^L R` contracts them with the axes of R, in
order, and `S ·_T R` the last k axes of S with the first k of R, k being the smaller order.

Laws (each is tested):

- associativity: `S ·_T (K ·_T R) = (S ·_T K) ·_T R` if the axes of K that S contracts with are not among
  those that R contracts with, and the axes are named; without names it can fail, since the places of
  the remaining axes change;
- commutativity: `S ·_T^L R = R ·_T^L S` if one operand is contracted completely;
- transpose invariance: `S^π ·_T^{π(L)} R = S ·_T^L R` for a permutation π of the axes of S that keeps
  the order of those that remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard, cast

from gradwright.api.expression import Expression, not_an_expression
from gradwright.core import build
from gradwright.core.primitive import shape_text
from gradwright.core.tensor_forms import roll as roll_node
from gradwright.core.tensor_forms import tensordot as tensordot_node
from gradwright.errors import ShapeError

Axes = Sequence[int]


def outer(left: Expression, right: Expression) -> Expression:
    """The outer product `S ⊗ T`: the axes of S, then those of T."""
    _require_expressions("outer", left, right)
    return Expression(build.outer(left.node, right.node), left.signature.merged(right.signature))


def tensordot(left: Expression, right: Expression, axes: Axes | tuple[Axes, Axes] | None = None) -> Expression:
    """The contraction `S ·_T R`, or `S ·_T^{a,b,…} R` with listed axes, counted from 1.

    Args:
        left: S.
        right: R.
        axes: None contracts the last k axes of S with the first k of R, k the smaller order. A list of
            axes names those of the operand of higher order (of S, if the orders are equal), which are
            contracted with all axes of the other, in order. A pair of lists names the axes of both.

    Returns:
        The axes that are left of S, then those left of R.

    Raises:
        ShapeError: an axis does not exist, or the numbers of axes differ.
        DimensionMismatchError: two contracted axes have different dimensions.
    """
    _require_expressions("tensordot", left, right)
    left_axes, right_axes = _axes(left, right, axes)
    node = tensordot_node(left.node, right.node, left_axes, right_axes)
    return Expression(node, left.signature.merged(right.signature))


def _require_expressions(function: str, *operands: object) -> None:
    for operand in operands:
        if not isinstance(operand, Expression):
            raise ShapeError(not_an_expression(function, operand))


def _axes(left: Expression, right: Expression, axes: Axes | tuple[Axes, Axes] | None) -> tuple[Axes, Axes]:
    if axes is None:
        k = min(left.ndim, right.ndim)
        return range(left.ndim - k + 1, left.ndim + 1), range(1, k + 1)
    if _are_of_both(axes):
        first, second = axes
        return first, second
    listed = cast(Axes, axes)
    if left.ndim >= right.ndim:
        _require_all(right, listed)
        return listed, range(1, len(listed) + 1)
    _require_all(left, listed)
    return range(1, len(listed) + 1), listed


def _are_of_both(axes: Axes | tuple[Axes, Axes]) -> TypeGuard[tuple[Axes, Axes]]:
    """Whether these are two lists of axes, and not one."""
    return bool(axes) and not isinstance(axes[0], int)


def _require_all(operand: Expression, axes: Axes) -> None:
    if len(axes) > operand.ndim:
        raise ShapeError(f"{len(axes)} axes are listed, and the other operand is {shape_text(operand.shape)}")


def roll(tensor: Expression, start: int, end: int) -> Expression:
    """The axis `start` moved to place `end`, counted from 1.

    `roll(A ⊗ C, 4, 2)[i,j,k,l] = A[i,k] C[l,j]`, written `roll₄→₂(A ⊗ C)`.
    """
    return Expression(roll_node(tensor.node, start, end), tensor.signature)


def permute(tensor: Expression, *order: int | Sequence[int]) -> Expression:
    """The axes in another order, counted from 1: axis i of the result is axis `order[i]` of the tensor.

    The order is given as numbers or as one sequence of them, as PyTorch and NumPy take it.
    """
    axes = [axis for part in order for axis in ([part] if isinstance(part, int) else part)]
    if sorted(axes) != list(range(1, tensor.ndim + 1)):
        raise ShapeError(f"{axes} is no order of the axes 1 … {tensor.ndim}")
    return Expression(build.permute(tensor.node, [axis - 1 for axis in axes]), tensor.signature)

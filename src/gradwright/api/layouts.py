"""The same Jacobian in other conventions; each is a rearrangement of the tensor.

- `numerator`: rows are the outputs, columns the inputs; matrices are stacked column by column.
- `denominator`: its transpose.
- `vec`: `∂vec(Y)/∂vec(X)ᵀ`, with Kronecker products (Magnus & Neudecker).
- `vech`: `∂vech(Y)/∂vech(X)ᵀ` for a symmetric X, through elimination and duplication.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.build import group_axes, product_of
from gradwright.core.canonical import as_product
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import HalfVectorisation, Mask, Node, Symbol
from gradwright.core.sums import add, distributed
from gradwright.errors import DerivationError

LAYOUTS = ("tensor", "numerator", "denominator", "vec", "vech")


def arranged(tensor: Node, outputs: int, layout: str, variable: Symbol) -> Node:
    """The Jacobian in another layout.

    Args:
        tensor: the Jacobian, the output's axes first.
        outputs: the number of the output's axes.
        layout: one of `LAYOUTS`.
        variable: what it is the Jacobian in.
    """
    if layout not in LAYOUTS:
        raise DerivationError(f"there is no layout '{layout}'; choose {', '.join(LAYOUTS)}")
    if layout == "tensor":
        return tensor
    if layout == "vech":
        return _half(tensor, outputs, variable)
    halves = range(outputs), range(outputs, tensor.rank)
    return _stacked(tensor, halves[::-1] if layout == "denominator" else halves)


def _stacked(tensor: Node, halves: Sequence[range]) -> Node:
    """Both halves of the axes as one axis each, the first index fastest; term by term, as a sum has no factors."""
    groups: list[Sequence[int]] = [tuple(reversed(half)) for half in halves if half]
    product = as_product(tensor)
    terms = distributed(product, 0) if len(product.factors) == 1 else (tensor,)
    return add(group_axes(term, groups) for term in terms)


def _half(tensor: Node, outputs: int, variable: Symbol) -> Node:
    """Lower triangles of both halves; an entry off the diagonal of X moves its mirror image too."""
    inputs = tensor.rank - outputs
    if outputs not in (0, 2) or inputs != 2:
        raise DerivationError("the vech layout is for a symmetric matrix, or a scalar, of a symmetric matrix")
    if not is_symmetric(variable):
        raise DerivationError(
            f"the vech layout is for a symmetric matrix, since only that is determined by its lower triangle: declare "
            f"{variable.name} so, as in {variable.name}='n n symmetric'"
        )
    n = tensor.shape[outputs]
    eliminate = HalfVectorisation(n)
    # Row (i ≥ j) of the transposed duplication matrix: E_ij for i = j, E_ij + E_ji otherwise.
    rows = list(range(tensor.rank))
    i, j, place = rows[outputs], rows[outputs + 1], tensor.rank
    both = []
    for labels, mask in (((place, i, j), Mask(Fraction(1), Fraction(1), Fraction(0), (n, n))),
                         ((place, j, i), Mask(Fraction(0), Fraction(0), Fraction(1), (n, n)))):  # fmt: skip
        factors: list[tuple[Node, Sequence[int]]] = [(tensor, rows), (eliminate, labels), (mask, (i, j))]
        both.append(product_of(factors, [*rows[:outputs], place]))
    halved = add(both)
    if not outputs:
        return halved
    m = tensor.shape[0]
    return product_of([(halved, (0, 1, 2)), (HalfVectorisation(m), (3, 0, 1))], (3, 2))

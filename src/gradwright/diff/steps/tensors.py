"""The Jacobian as a tensor, and the chain rule in tensor notation.

For a differential that is a sum of terms `c A dX B`:

    A B C = A ⊗ C ·_T^{2,3} B      the middle factor of a product, contracted with the outer two
    J = roll₄→₂(c A ⊗ B)           the same with the axes of the input last

and for a function f of the result, with J_g = ∂f/∂g, the vector-Jacobian product follows by
associativity, transpose invariance and commutativity of ·_T.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.build import as_number, identity, transpose
from gradwright.core.contraction import split_coefficient
from gradwright.core.nodes import Direction, Node, Symbol
from gradwright.core.sums import terms_of
from gradwright.core.tensor_forms import Dot, Form, Leaf, Outer, Rolled, Times, Total
from gradwright.core.walks import free_leaves
from gradwright.diff.steps.step import Draft
from gradwright.frozen import frozen
from gradwright.linear.chains import chain_of, product_of_chain


@frozen
class Sandwich:
    """A term `c A dX B` of a differential, or `c A dXᵀ B`."""

    coefficient: Fraction
    left: Node
    right: Node
    turned: bool

    @property
    def axes(self) -> tuple[int, int]:
        """The axes of `A ⊗ B` that dX is contracted with."""
        return (3, 2) if self.turned else (2, 3)

    def kernel(self) -> Form:
        """`c A ⊗ B`."""
        return _times(self.coefficient, Outer(Leaf(self.left), Leaf(self.right)))

    def turned_kernel(self) -> Form:
        """`c Aᵀ ⊗ Bᵀ`."""
        return _times(self.coefficient, Outer(Leaf(transpose(self.left)), Leaf(transpose(self.right))))


def _times(coefficient: Fraction, form: Form) -> Form:
    return form if coefficient == 1 else Times(coefficient, form)


def sandwiches(differential: Node, direction: Direction) -> list[Sandwich] | None:
    """The terms of a differential as `c A dX B`; None if one of them is something else."""
    if differential.rank != 2 or direction.rank != 2:
        return None
    found = [_sandwich(term, direction) for term in terms_of(differential)]
    return None if any(s is None for s in found) else [s for s in found if s is not None]


def _sandwich(term: Node, direction: Direction) -> Sandwich | None:
    coefficient, rest = split_coefficient(term)
    chain = chain_of(rest)
    if chain is None or as_number(chain.scalar) is None:
        return None
    places = [p for p, e in enumerate(chain.elements) if direction in free_leaves(e)]
    if len(places) != 1:
        return None
    element = chain.elements[places[0]]
    if element not in (direction, transpose(direction)):
        return None
    before, behind = chain.elements[: places[0]], chain.elements[places[0] + 1 :]
    left = product_of_chain(before, term)
    right = product_of_chain(behind, behind[0]) if behind else identity(term.shape[1])
    turned = element != direction
    number = as_number(chain.scalar) or Fraction(1)
    return Sandwich(coefficient * number, left, right, turned)


def jacobian_steps(output: Direction, variable: Direction, terms: Sequence[Sandwich], tensor: Node) -> list[Draft]:
    """From `dY = Σ c A dX B` to the Jacobian."""
    dotted = _sum([Dot(s.kernel(), Leaf(variable), s.axes, (1, 2), s.axes) for s in terms])
    turned = any(s.turned for s in terms)
    rolled: Form = Leaf(tensor) if turned else _sum([Rolled(s.kernel(), 4, 2) for s in terms])
    applied = Dot(rolled, Leaf(variable), (3, 4), (1, 2))
    return [
        Draft("tensor product", output, dotted, "A B C = A ⊗ C ·_T^{2,3} B", part="jacobian"),
        Draft("roll", output, applied, "bring the axes of the input to the end", part="jacobian"),
    ]


def _sum(forms: Sequence[Form]) -> Form:
    return forms[0] if len(forms) == 1 else Total(tuple(forms))


def chain_rule_steps(
    slope: Symbol, change: Direction, output: Direction, variable: Direction, terms: Sequence[Sandwich], result: Node
) -> list[Draft]:
    """From df = J_g ·_T dg to the vector-Jacobian product.

    Args:
        slope: J_g, the derivative of f with respect to the output g.
        change: df.
        output: dg.
        variable: dX.
        terms: the differential of g as `Σ c A dX B`.
        result: the vector-Jacobian product, as a matrix expression.
    """
    both = (1, 2)
    J, dX = Leaf(slope), Leaf(variable)
    inner = _sum([Dot(s.kernel(), dX, s.axes, both, s.axes) for s in terms])
    grouped = _sum([Dot(Dot(J, s.kernel(), both, (1, 4), (1, 4)), dX, _input_axes(s), both) for s in terms])
    turned = _sum([Dot(Dot(J, s.turned_kernel(), both, (2, 3), (2, 3)), dX, _input_axes(s), both) for s in terms])
    swapped = _sum([Dot(Dot(s.turned_kernel(), J, (2, 3), both, (2, 3)), dX, _input_axes(s), both) for s in terms])
    part = "chain rule"
    return [
        Draft("definition of df", change, Dot(J, Leaf(output), both, both), "J_g = ∂f/∂g", part=part),
        Draft("substitute", change, Dot(J, inner, both, both), "put in dg", part=part),
        Draft("associativity", change, grouped, "contract J_g with the axes (1, 4) first", part=part),
        Draft("transpose invariance", change, turned, "S^π ·^{π(L)} T = S ·^L T", part=part),
        Draft("commutativity", change, swapped, "S ·^L T = T ·^L S", part=part),
        Draft("back to matrices", change, Dot(Leaf(result), dX, both, both), "A B C = A ⊗ C ·_T^{2,3} B", part=part),
    ]


def _input_axes(sandwich: Sandwich) -> tuple[int, int]:
    """The axes that are left after J_g was contracted: those of dX, or of its transpose."""
    return (2, 1) if sandwich.turned else (1, 2)

"""Quantities that are mistaken for others wherever they stand, and masks taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations

from gradwright.core.build import transpose
from gradwright.core.contraction import conjugate, contract, scale, with_factors
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Apply, Contract, Factor, Mask, Node, Symbol, is_apply
from gradwright.core.sums import add
from gradwright.core.walks import postorder, transform
from gradwright.prims.inv import inv
from gradwright.prims.power import power

# The label, what is written, and what is due.
Substitution = tuple[str, Node, Node]


def inputs_for_outputs(right: Node) -> Iterator[Substitution]:
    """What a function is applied to, for the function of it; and the other way round."""
    yield from _products_with_inverses(right)
    for node in postorder(right):
        if isinstance(node, Apply) and node.primitive is not power:
            for argument in node.arguments:
                if argument.shape == node.shape:
                    yield "uses_input_instead_of_output", argument, node
                    yield "stale_saved_value", node, argument


def _products_with_inverses(right: Node) -> Iterator[Substitution]:
    """A right-hand side for the solution of the system: `b` for `A⁻¹ b`."""
    for node in postorder(right):
        factors = node.factors if isinstance(node, Contract) else ()
        for inverse, side in permutations(factors, 2):
            shared = set(inverse.labels) & set(side.labels)
            if is_apply(inverse.node, inv) and isinstance(side.node, Symbol) and len(shared) == 1:
                (label,) = shared
                (other,) = set(inverse.labels) - shared or shared
                output = tuple(tuple(other if k == label else k for k in group) for group in side.groups)
                dims = dict(enumerate(node.dims)) if isinstance(node, Contract) else {}
                used = {k: dims[k] for k in {*inverse.labels, *side.labels}}
                yield "uses_input_instead_of_output", side.node, contract(1, [inverse, side], output, used)


def other_functions(right: Node, written: Node) -> Iterator[Substitution]:
    """A function of something else, or another function of the same: entry by entry where one of the matrix is due."""
    due = [node for node in postorder(right) if isinstance(node, Apply)]
    for node in postorder(written):
        for other in due:
            if not isinstance(node, Apply) or node == other or node.shape != other.shape:
                continue
            if node.primitive is other.primitive and node.arguments[0] in set(postorder(other.arguments[0])):
                yield "uses_input_instead_of_output", node, other
            elif node.rank == 2 and node.arguments == other.arguments and _is_of_entries(node, other):
                yield "elementwise_instead_of_matrix_product", node, other


def _is_of_entries(given: Apply, due: Apply) -> bool:
    return given.primitive.elementwise and not due.primitive.elementwise


def other_powers(right: Node, written: Node) -> Iterator[Substitution]:
    """A power of a quantity for another power of it."""
    due = [node for node in postorder(right) if is_apply(node, power)]
    for node in postorder(written):
        for other in due:
            if is_apply(node, power) and node != other and node.children == other.children:
                yield "wrong_power", node, other


def turned(written: Node) -> Iterator[Substitution]:
    """A matrix for its transpose, a complex tensor for its conjugate."""
    for node in postorder(written):
        if isinstance(node, Symbol | Apply) and node.is_square and not is_symmetric(node):
            yield "", node, transpose(node)
        if isinstance(node, Symbol | Apply) and not node.real:
            yield "missing_conj", node, conjugate(node)


def split_masks(root: Node) -> Node:
    """Masks that weigh the diagonal in a way of its own as a triangle and a diagonal: Φ = tril − ½ diag."""
    return transform(root, _split)


def _split(node: Node) -> Node:
    if not isinstance(node, Contract):
        return node
    factors = [Factor(_in_parts(f.node), f.groups) if isinstance(f.node, Mask) else f for f in node.factors]
    return with_factors(node, factors)


def _in_parts(mask: Mask) -> Node:
    below, on, above = mask.weights
    triangle = below or above
    if on in (0, triangle) or (below and above):
        return mask
    whole = Mask(below, triangle, above, mask.shape)
    return add([whole, scale(on - triangle, Mask(Fraction(0), Fraction(1), Fraction(0), mask.shape))])

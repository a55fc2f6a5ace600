"""Quantities that are mistaken for others wherever they stand, and masks taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from gradwright.core.build import transpose
from gradwright.core.contraction import contract, scale
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Apply, Contract, Factor, Mask, Node, Symbol
from gradwright.core.sums import add
from gradwright.core.walks import postorder, transform
from gradwright.prims.power import power

# The label, what is written, and what is due.
Substitution = tuple[str, Node, Node]


def inputs_for_outputs(right: Node) -> Iterator[Substitution]:
    """What a function is applied to, for the function of it; and the other way round."""
    for node in postorder(right):
        if isinstance(node, Apply) and node.primitive is not power:
            for argument in node.arguments:
                if argument.shape == node.shape:
                    yield "uses_input_instead_of_output", argument, node
                    yield "stale_saved_value", node, argument


def other_powers(right: Node, written: Node) -> Iterator[Substitution]:
    """A power of a quantity for another power of it."""
    due = [node for node in postorder(right) if _is_power(node)]
    for node in postorder(written):
        for other in due:
            if _is_power(node) and node != other and node.children == other.children:
                yield "wrong_power", node, other


def _is_power(node: Node) -> bool:
    return isinstance(node, Apply) and node.primitive is power


def turned(written: Node) -> Iterator[Substitution]:
    """A matrix for its transpose."""
    for node in postorder(written):
        square = node.rank == 2 and node.shape[0] == node.shape[1]
        if isinstance(node, Symbol | Apply) and square and not is_symmetric(node):
            yield "", node, transpose(node)


def split_masks(root: Node) -> Node:
    """Masks that weigh the diagonal in a way of its own as a triangle and a diagonal: Φ = tril − ½ diag."""
    return transform(root, _split)


def _split(node: Node) -> Node:
    if not isinstance(node, Contract):
        return node
    factors = [Factor(_parts(f.node), f.groups) if isinstance(f.node, Mask) else f for f in node.factors]
    return contract(node.coefficient, factors, node.output, dict(enumerate(node.dims)))


def _parts(mask: Mask) -> Node:
    below, on, above = mask.weights
    triangle = below or above
    if on in (0, triangle) or (below and above):
        return mask
    whole = Mask(below, triangle, above, mask.shape)
    return add([whole, scale(on - triangle, Mask(Fraction(0), Fraction(1), Fraction(0), mask.shape))])

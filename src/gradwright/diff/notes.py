"""The conventions that an expression and its derivatives rest on: at kinks, in the choice of factors, in names."""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.walks import postorder
from gradwright.prims.power import base_and_exponent, power
from gradwright.simplify.equality import has_complex_values

_POWERS = {Fraction(1, 2): ("the square root", "sqrtm"), Fraction(-1): ("the reciprocal", "inv")}


def notes_of(root: Node) -> tuple[str, ...]:
    """The conventions at kinks, and hints where a matrix function may have been meant."""
    found: dict[str, None] = {}
    if not root.rank and has_complex_values(root):
        found["where the values are complex, the gradient is that of their real part"] = None
    for node in postorder(root):
        if not isinstance(node, Apply):
            continue
        if node.primitive.note:
            found[node.primitive.note] = None
        hint = _hint(node)
        if hint:
            found[hint] = None
    return tuple(found)


def _hint(node: Apply) -> str:
    """Where an elementwise function of a square matrix looks like one of the matrix."""
    argument = node.arguments[0]
    if not isinstance(argument, Symbol) or not argument.is_square:
        return ""
    written, meant = _power_names(node) if node.primitive is power else (node.primitive.name, node.primitive.of_matrix)
    if not meant:
        return ""
    words = f"{written} of the square matrix {argument.name} is taken entry by entry"
    return f"{words}; the function of the matrix is {meant}"


def _power_names(node: Apply) -> tuple[str, str]:
    """How a power of every entry is called, and the function that is the power of the matrix."""
    _, exponent = base_and_exponent(node)
    if exponent.denominator == 1 and exponent > 1:
        return f"the power {exponent}", "matrix_power"
    return _POWERS.get(exponent, ("", ""))


def gauges_of(root: Node) -> tuple[str, ...]:
    """The freedom in the outputs of factorisations that occur."""
    found: dict[str, None] = {}
    for node in postorder(root):
        if isinstance(node, Apply) and node.primitive.gauge:
            found[f"{node.primitive.name} is unique up to {node.primitive.gauge}"] = None
    return tuple(found)

"""What a value is called in code: after what it was computed from, and how."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from gradwright.back.code.names import joined
from gradwright.back.code.text import Code
from gradwright.core.nodes import Apply, Contract, Node, is_apply
from gradwright.prims.cholesky import cholesky
from gradwright.prims.factorised import cholesky_inverse
from gradwright.prims.power import base_and_exponent

# What powers are called; others are powers.
_POWERS = {
    Fraction(-1): "reciprocal",
    Fraction(-1, 2): "rsqrt",
    Fraction(1, 2): "sqrt",
    Fraction(2): "square",
    Fraction(3): "cube",
}


def name_for(node: Node, values: Mapping[Node, Code]) -> str:
    """A name for the value of a node, from those of the values that it has."""
    if isinstance(node, Apply):
        argument = values.get(_named_after(node))
        short = _short_name(node)
        return joined([argument.text, short], short) if argument is not None else short
    if isinstance(node, Contract):
        parts = [values[f.node].text for f in node.factors if f.node in values]
        if len(node.factors) == 1 and set(node.factors[0].labels).difference(*node.output):
            return joined([*parts, "sum"], "sums") if parts else "sums"
        otherwise = "product" if node.factors else "number"
        return joined(parts, otherwise) if 1 < len(parts) == len(node.factors) else otherwise
    return "total"


def _named_after(node: Apply) -> Node:
    """What a value is named after: the inverse by a Cholesky factor after the matrix."""
    first = node.arguments[0]
    return first.arguments[0] if _inverts_factorised(node) and isinstance(first, Apply) else first


def _short_name(node: Apply) -> str:
    if is_apply(node, cholesky_inverse) and not _inverts_factorised(node):
        return "gram_inv"
    primitive = node.primitive
    return _POWERS.get(base_and_exponent(node)[1]) or primitive.value_name or primitive.name


def _inverts_factorised(node: Apply) -> bool:
    """Whether it is the inverse of a matrix by the Cholesky factor that was computed of it, not of an `L Lᴴ`."""
    return is_apply(node, cholesky_inverse) and is_apply(node.arguments[0], cholesky)

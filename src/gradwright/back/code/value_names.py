"""What a value is called in code: after what it was computed from, and how."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from gradwright.back.code.names import joined
from gradwright.back.code.text import Code
from gradwright.core.nodes import Apply, Contract, Node
from gradwright.prims.power import base_and_exponent

# What a value is called after the function that gave it.
_SHORT = {
    "cholesky": "chol",
    "cholesky_inverse": "inv",
    "cholesky_solve": "solved",
    "exp_differences": "differences",
    "hermitian_root": "root",
    "hermitian_sylvester": "solved",
    "log_differences": "differences",
    "log_of_eigenvalues": "logarithms",
    "lyapunov": "solved",
    "lu_solve": "solved",
    "lu_solve_transposed": "solved",
    "over_sums": "quotients",
    "reciprocals_of_eigenvalues": "reciprocals",
    "root_of_eigenvalues": "roots",
    "schur_root": "root",
    "solve": "solved",
    "solve_triangular": "solved",
    "solve_upper": "solved",
    "stein": "solved",
    "sylvester": "solved",
    "triangular_lyapunov": "solved",
    "triangular_lyapunov_adjoint": "solved",
    "triangular_sylvester": "solved",
    "triangular_sylvester_adjoint": "solved",
}
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
    if node.primitive.name == "cholesky_inverse" and not _inverts_factorised(node):
        return "gram_inv"
    return _POWERS.get(base_and_exponent(node)[1]) or _SHORT.get(node.primitive.name, node.primitive.name)


def _inverts_factorised(node: Apply) -> bool:
    """Whether it is the inverse of a matrix by the Cholesky factor that was computed of it, not of an `L Lᴴ`."""
    first = node.arguments[0]
    inverts = node.primitive.name == "cholesky_inverse"
    return inverts and isinstance(first, Apply) and first.primitive.name == "cholesky"

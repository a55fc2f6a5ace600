"""What emitted code says about sizes: a dimension as Python, and the refusal of sizes that are too small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradwright.core.dims import Dim, atom_names
from gradwright.core.nodes import Node
from gradwright.core.points import needed_orders


def order_checks(function: str, nodes: Sequence[Node], bound: Mapping[str, str]) -> Iterator[str]:
    """The lines that refuse a size below what an expression needs: the rows of `qr(A)`, the length of x in `x[2]`."""
    for larger, smaller in needed_orders(nodes):
        names = dict.fromkeys((*larger.names, *smaller.names))
        if not all(name in bound for name in names):
            continue
        yield f"if {size_text(larger, bound)} < {size_text(smaller, bound)}:"
        got = ", ".join(f"{name} = {{{bound[name]}}}" for name in names)
        yield f'    raise ValueError(f"Inputs to {function} need {larger} ≥ {smaller}, got {got}")'


def size_text(dim: Dim, bound: Mapping[str, str]) -> str:
    """A dimension as Python, from the sizes of the names in it."""
    denominator = max((c.denominator for _, c in dim.terms), default=1)
    terms = [
        " * ".join([*([str(c * denominator)] if c * denominator != 1 or not m else []), *(_atom(a, bound) for a in m)])
        for m, c in dim.terms
    ]
    total = " + ".join(terms) or "0"
    return total if denominator == 1 else f"({total}) // {denominator}"


def _atom(atom: str, bound: Mapping[str, str]) -> str:
    if not atom.startswith("min("):
        return bound[atom]
    parts = [bound[p] if p in atom_names(atom) else p for p in atom[4:-1].split(",")]
    return f"min({', '.join(parts)})"

"""What emitted code says about sizes: a dimension as Python, and the refusal of sizes that are too small."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gradwright.core.dims import Dim, atom_names
from gradwright.core.nodes import Node, Shape
from gradwright.core.points import needed_orders
from gradwright.core.primitive import shape_text


def order_checks(function: str, nodes: Sequence[Node], bound: Mapping[str, str]) -> Iterator[str]:
    """The lines that refuse a size below what an expression needs: the rows of `qr(A)`, the length of x in `x[2]`."""
    for larger, smaller in needed_orders(nodes):
        names = dict.fromkeys((*larger.names, *smaller.names))
        if not all(name in bound for name in names):
            continue
        yield f"if {size_text(larger, bound)} < {size_text(smaller, bound)}:"
        got = ", ".join(f"{name} = {{{bound[name]}}}" for name in names)
        yield f'    raise ValueError(f"Inputs to {function} need {larger} ≥ {smaller}, got {got}")'


def named_sizes(axes: Sequence[tuple[Dim, str]]) -> dict[str, str]:
    """The sizes of names as Python: of axes that are the name itself, then of axes in which nothing else is unknown.

    Args:
        axes: each axis with the code of its length.
    """
    found: dict[str, str] = {}
    for dim, text in axes:
        if dim.name is not None:
            found.setdefault(dim.name, text)
    before = -1
    while before < len(found):
        before = len(found)
        for dim, text in axes:
            found |= _solved(dim, text, found)
    return found


def _solved(dim: Dim, text: str, known: Mapping[str, str]) -> dict[str, str]:
    """The size of the one name that is not known, in a dimension that is linear in it: `n` in `2*n + m`."""
    unknown = [name for name in dim.names if name not in known]
    if len(unknown) != 1:
        return {}
    (name,) = unknown
    inside = [(m, c) for m, c in dim.terms if any(name in atom_names(atom) for atom in m)]
    if len(inside) != 1 or inside[0][0].count(name) != 1:
        return {}
    monomial, coefficient = inside[0]
    slope = Dim({tuple(atom for atom in monomial if atom != name): coefficient})
    rest = Dim({m: c for m, c in dim.terms if m != monomial})
    if any(part not in known for part in slope.names):
        return {}
    above = f"({text} - {_grouped(size_text(rest, known))})" if rest.terms else text
    return {name: above if slope == Dim.of(1) else f"({above} // {_grouped(size_text(slope, known))})"}


def _grouped(text: str) -> str:
    return text if re.fullmatch(r"[\w.\[\]]+", text) else f"({text})"


def composed_checks(function: str, inputs: Mapping[str, tuple[str, Shape]], bound: Mapping[str, str]) -> Iterator[str]:
    """The lines that refuse sizes that are made of others, as `n*m`, and are not what these say.

    Args:
        function: what messages call the function.
        inputs: of each input, what the code calls it, and its dimensions.
        bound: the sizes of names, as Python.
    """
    told: set[Dim] = set()
    for name, (identifier, shape) in inputs.items():
        for axis, dim in enumerate(shape):
            if dim.name is not None or dim.value is not None or dim in told or any(n not in bound for n in dim.names):
                continue
            told.add(dim)
            sizes = ", ".join(f"{part} = {{{bound[part]}}}" for part in dict.fromkeys(dim.names))
            yield f"if {identifier}.shape[{axis}] != {size_text(dim, bound)}:"
            yield (
                f'    raise ValueError(f"Input {name} to {function} is not {shape_text(shape)} with {sizes}, '
                f'got dimensions {{{identifier}.shape}}")'
            )


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

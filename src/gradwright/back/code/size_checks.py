"""What emitted code says about sizes: a dimension as Python, and the refusal of sizes that are too small."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gradwright.back.code.size_readings import readings
from gradwright.core.dims import Dim, atom_names
from gradwright.core.nodes import Node, Shape
from gradwright.core.points import even_sizes, needed_orders
from gradwright.core.primitive import shape_text


def order_checks(
    function: str, nodes: Sequence[Node], bound: Mapping[str, str], derivative: bool = True
) -> Iterator[str]:
    """The lines that refuse sizes: below what an expression needs, as x in `x[2]` may be; odd, of a skew inverse.

    Args:
        function: what messages call the function.
        nodes: the expressions.
        bound: the sizes of names, as Python.
        derivative: whether derivatives of the expressions are taken, which may need more.
    """
    for larger, smaller in needed_orders(nodes):
        names = dict.fromkeys((*larger.names, *smaller.names))
        if not all(name in bound for name in names):
            continue
        yield f"if {size_text(larger, bound)} < {size_text(smaller, bound)}:"
        got = ", ".join(f"{name} = {{{bound[name]}}}" for name in names)
        yield f'    raise ValueError(f"Inputs to {function} need {larger} ≥ {smaller}, got {got}")'
    for dim in even_sizes(nodes, derivative):
        if all(name in bound for name in dim.names):
            yield f"if {_grouped(size_text(dim, bound))} % 2:"
            told = f"a skew matrix of odd size has no inverse, got {dim} = {{{size_text(dim, bound)}}}"
            yield f'    raise ValueError(f"Inputs to {function} need an even {dim}: {told}")'


def named_sizes(axes: Sequence[tuple[Dim, str]]) -> dict[str, str]:
    """The sizes of names as Python, from the axes of which each is given with the code of its length."""
    found: dict[str, str] = {}
    for name, reading in readings(axes).items():
        text = reading.axis if reading.scale == 1 else f"{reading.scale} * {reading.axis}"
        if reading.rest.terms:
            text = f"({text} - {_grouped(size_text(reading.rest, found))})"
        one = reading.slope == Dim.of(1)
        found[name] = text if one else f"({text} // {_grouped(size_text(reading.slope, found))})"
    return found


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

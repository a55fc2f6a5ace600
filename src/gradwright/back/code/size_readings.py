"""How the sizes of dimension names are read off the axes of arrays: off one that is the name, or solved from one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import lcm

from gradwright.core.dims import Dim, atom_names
from gradwright.frozen import frozen


@frozen
class Reading:
    """The size of a name is `(axis − rest) // slope`: `n` from an axis of length `2*n + m`, with m read before.

    Attributes:
        axis: the code of the length of an axis.
        scale: by which the axis is multiplied, so that there are no fractions.
        rest, slope: sizes in names that are read before this one.
    """

    axis: str
    scale: int
    rest: Dim
    slope: Dim


def readings(axes: Sequence[tuple[Dim, str]]) -> dict[str, Reading]:
    """A reading of every name that the axes determine, each after those that it needs.

    Axes that are the name itself come first; then those in which nothing else is unknown.

    Args:
        axes: each axis with the code of its length.
    """
    found: dict[str, Reading] = {}
    for dim, text in axes:
        if dim.name is not None:
            found.setdefault(dim.name, Reading(text, 1, Dim.of(0), Dim.of(1)))
    before = -1
    while before < len(found):
        before = len(found)
        for dim, text in axes:
            found |= _solved(dim, text, found)
    return found


def _solved(dim: Dim, text: str, known: Mapping[str, Reading]) -> dict[str, Reading]:
    """The size of the one name that is not known, in a dimension that is linear in it."""
    unknown = [name for name in dim.names if name not in known]
    if len(unknown) != 1:
        return {}
    (name,) = unknown
    inside = [(m, c) for m, c in dim.terms if any(name in atom_names(atom) for atom in m)]
    if len(inside) != 1 or inside[0][0].count(name) != 1:
        return {}
    monomial, coefficient = inside[0]
    scale = lcm(*(c.denominator for _, c in dim.terms))
    slope = Dim({tuple(atom for atom in monomial if atom != name): coefficient * scale})
    rest = Dim({m: c * scale for m, c in dim.terms if m != monomial})
    return {name: Reading(text, scale, rest, slope)} if set(slope.names) <= known.keys() else {}


def axes_of(arrays: Iterable[tuple[str, Sequence[Dim]]]) -> list[tuple[Dim, str]]:
    """Each axis of some arrays with the code of its length; axes may stand before the declared ones."""
    return [(dim, f"{name}.shape[{k - len(shape)}]") for name, shape in arrays for k, dim in enumerate(shape)]

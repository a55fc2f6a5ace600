"""Sizes of axes as code: every dimension name from the shape of an input that has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import lcm

from gradwright.back.code.names import Names
from gradwright.back.code.program import Statement
from gradwright.back.code.text import Code, Kind, number, product_of, sum_of
from gradwright.core.dims import Dim
from gradwright.core.nodes import Node
from gradwright.errors import EmissionError


def unreadable_size(name: str) -> EmissionError:
    """What to say of a dimension that no input has."""
    return EmissionError(f"the size of the dimension '{name}' cannot be read off the shape of any input")


class Sizes:
    """The sizes that a program uses; each name is read off a shape when it is first asked for."""

    def __init__(self, inputs: Mapping[Node, str], names: Names) -> None:
        self._inputs = inputs
        self._names = names
        self._known: dict[str, str] = {}
        self.statements: list[Statement] = []

    def code(self, dim: Dim) -> Code:
        """The size of a dimension, a Python number."""
        terms: list[tuple[int, Code]] = []
        denominator = lcm(*(coefficient.denominator for _, coefficient in dim.terms))
        for monomial, coefficient in dim.terms:
            whole = coefficient * denominator
            atoms = [self._atom(atom) for atom in monomial]
            factor = [number(abs(whole))] if abs(whole) != 1 or not atoms else []
            terms.append((1 if whole > 0 else -1, product_of([*factor, *atoms])))
        total = terms[0][1] if len(terms) == 1 and terms[0][0] > 0 else sum_of(terms or [(1, number(Fraction(0)))])
        if denominator == 1:
            return total
        return Code(f"{total.inside()} // {denominator}", Kind.PRODUCT, True)

    def _atom(self, atom: str) -> Code:
        if atom.startswith("min("):
            parts = [part if part.isdigit() else self._name(part) for part in atom[4:-1].split(",")]
            return Code(f"min({', '.join(parts)})", number=True)
        return Code(self._name(atom), number=True)

    def _name(self, name: str) -> str:
        if name not in self._known:
            source = next(self._sources(name), None)
            if source is None:
                raise unreadable_size(name)
            self._known[name] = target = self._names.fresh(name)
            self.statements.append(Statement(target, source))
        return self._known[name]

    def _sources(self, name: str) -> Iterator[str]:
        """Axes that are the name itself, and then axes in which nothing else is unknown."""
        axes = [
            (f"{text}.shape[{axis - node.rank}]", dim)
            for node, text in self._inputs.items()
            for axis, dim in enumerate(node.shape)
        ]
        yield from (text for text, dim in axes if dim.name == name)
        for text, dim in axes:
            found = self._solved(name, text, dim)
            if found is not None:
                yield found

    def _solved(self, name: str, text: str, dim: Dim) -> str | None:
        """`n` from an axis of length `2*n + 1`, or `n*m` with m known."""
        with_name = [(m, c) for m, c in dim.terms if name in m]
        rest = Dim({m: c for m, c in dim.terms if name not in m})
        if len(with_name) != 1 or with_name[0][0].count(name) != 1:
            return None
        others = Dim({tuple(a for a in with_name[0][0] if a != name): with_name[0][1]})
        known = {n for node in self._inputs for d in node.shape if d.name for n in (d.name,)}
        if not {*rest.names, *others.names} <= known - {name}:
            return None
        if rest.terms:
            text = f"({sum_of([(1, Code(text)), (-1, self.code(rest))]).text})"
        return text if others == Dim.of(1) else f"{text} // {self.code(others).atom}"

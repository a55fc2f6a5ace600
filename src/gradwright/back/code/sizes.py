"""Sizes of axes as code: every dimension name from the shape of an input."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm

from gradwright.back.code.names import Names
from gradwright.back.code.program import Statement
from gradwright.back.code.size_readings import Reading, axes_of, readings
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
        self._readings = readings(axes_of((text, node.shape) for node, text in inputs.items()))
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
            if name not in self._readings:
                raise unreadable_size(name)
            source = self._read(self._readings[name])
            self._known[name] = target = self._names.fresh(name)
            self.statements.append(Statement(target, source))
        return self._known[name]

    def _read(self, reading: Reading) -> str:
        text = reading.axis if reading.scale == 1 else f"{reading.scale} * {reading.axis}"
        above = Code(text)
        if reading.rest.terms:
            above = sum_of([(1, above), (-1, self.code(reading.rest))])
        return above.text if reading.slope == Dim.of(1) else f"{above.inside()} // {self.code(reading.slope).atom}"

"""The declared variables of an expression, in order.

A derived quantity inherits the signature of what it was derived from, so that it can be evaluated
with the same inputs even where a variable no longer occurs in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradwright.core.declarations import Declaration, check_distinct
from gradwright.core.dims import Dim
from gradwright.core.nodes import Symbol
from gradwright.errors import DeclarationError
from gradwright.frozen import frozen


@frozen
class Signature:
    """Declarations in order, each name once."""

    declarations: tuple[Declaration, ...] = ()

    def __iter__(self) -> Iterator[Declaration]:
        return iter(self.declarations)

    def __contains__(self, name: object) -> bool:
        return any(d.name == name for d in self.declarations)

    def __getitem__(self, name: str) -> Declaration:
        return next(d for d in self.declarations if d.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(d.name for d in self.declarations)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The variables as nodes."""
        return tuple(symbol_of(d) for d in self.declarations)

    def symbol(self, name: str) -> Symbol:
        """One variable as a node."""
        return symbol_of(self[name])

    @property
    def dims(self) -> dict[str, Dim]:
        """The dimension names that occur in the shapes."""
        found = (name for d in self.declarations for dim in d.shape for name in dim.names)
        return {name: Dim.of(name) for name in dict.fromkeys(found)}

    def merged(self, *others: Signature) -> Signature:
        """Several signatures as one; a name that two have must mean the same, and no two are printed alike."""
        known = {d.name: d for d in self.declarations}
        for d in (d for other in others for d in other.declarations):
            if d.name in known and not _same(known[d.name], d):
                raise DeclarationError(
                    f"'{d.name}' is used with two declarations: '{known[d.name]}' and '{d}'; "
                    f"give the two variables different names"
                )
            known.setdefault(d.name, d)
        check_distinct(tuple(known.values()))
        return Signature(tuple(known.values()))

    def with_declarations(self, more: Iterable[Declaration]) -> Signature:
        """The signature with further variables."""
        return self.merged(Signature(tuple(more)))


def symbol_of(declaration: Declaration) -> Symbol:
    """A declared variable as a node."""
    return Symbol(declaration.name, declaration.shape, declaration.facts)


def _same(left: Declaration, right: Declaration) -> bool:
    return left.shape == right.shape and left.facts == right.facts

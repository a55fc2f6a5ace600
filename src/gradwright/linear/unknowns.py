"""Names for the unknowns of linear equations, which a `Solve` only numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count

from gradwright.core.facts import NO_FACTS
from gradwright.core.nodes import Direction, Hole, Node, Solve, Symbol
from gradwright.core.walks import free_leaves, postorder, substitute

# H for a matrix, h for a vector; where that letter is taken, one of the others.
_LETTERS = ("H", "K", "M", "N", "E")


def named_unknowns(node: Solve, declared: Collection[str]) -> tuple[Symbol, ...]:
    """A symbol for each unknown, with what is known of its space; its name is none that is declared or that occurs.

    An equation that is solved inside an operator has its own unknowns, with other names.
    """
    taken = {name for leaf in free_leaves(node) if not isinstance(leaf, Hole) for name in _names_of(leaf)}
    taken |= set(declared)
    taken |= {name for unknown in node.unknowns for dim in unknown.shape for name in dim.names}
    taken |= {s.name for e in node.equations for inner in postorder(e.operator) for s in _inner(inner, declared)}
    names = next(names for names in _candidates(node) if taken.isdisjoint(names))
    return tuple(
        Symbol(name, u.shape, u.space.facts | (NO_FACTS if u.real else {"complex"}))
        for name, u in zip(names, node.unknowns, strict=True)
    )


def named_operators(node: Solve, symbols: tuple[Symbol, ...]) -> tuple[Node, ...]:
    """The operators of a `Solve` with symbols for its unknowns."""
    operators = [equation.operator for equation in node.equations]
    found = [leaf for operator in operators for leaf in free_leaves(operator) if isinstance(leaf, Hole)]
    named: dict[Node, Node] = {hole: symbols[hole.number] for hole in found}
    return tuple(substitute(operator, named) for operator in operators)


def _inner(node: Node, declared: Collection[str]) -> tuple[Symbol, ...]:
    return named_unknowns(node, declared) if isinstance(node, Solve) else ()


def _names_of(leaf: Node) -> set[str]:
    assert isinstance(leaf, Symbol | Direction)
    return {leaf.name, *(name for dim in leaf.shape for name in dim.names)}


def _candidates(node: Solve) -> Iterator[list[str]]:
    """H, or H, H1, H2, …; then the same with other letters."""
    for start in count():
        for letter in _LETTERS:
            own = [letter if len(u.shape) > 1 else letter.lower() for u in node.unknowns]
            yield [f"{x}{number + start or ''}" for number, x in enumerate(own)]

"""Sums inside sums, computed once: `A + B − C` beside `C − A` is `B − S` with `S = C − A`.

A sum that a program needs anyway, or a multiple of it, takes the place of its terms in every longer sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from gradwright.core.contraction import ONE, plain, simple, zero
from gradwright.core.nodes import Add, Contract, Node
from gradwright.frozen import frozen, replace
from gradwright.optimise.rewriting import rewritten
from gradwright.optimise.roots import NO_HINTS, Hints, Roots

Axes = tuple[int, ...]
Terms = Mapping[tuple[Node, Axes], Fraction]


def share_partial_sums(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Every sum written with the sums that it contains."""
    sums = _Sums()

    def step(_: Node, new: Node) -> Node:
        joined = _with_like_terms_joined(new)
        return sums.shared(joined) if isinstance(joined, Add) else joined

    return rewritten(roots, step)


@frozen
class _Found:
    """A sum of which a multiple, its axes in an order, is contained in another."""

    part: Node
    terms: Terms
    times: Fraction
    axes: Axes


class _Sums:
    """The sums that have been seen, by what they contain."""

    def __init__(self) -> None:
        self._containing: dict[Node, list[tuple[Node, Terms]]] = {}

    def shared(self, node: Add) -> Node:
        """A sum with the longest that it contains in the place of its terms."""
        terms = dict(map(_split, node.terms))
        found = max(self._inside(terms), key=lambda found: len(found.terms), default=None)
        new = node if found is None else _with_part(node, found)
        for unit, _ in terms:
            self._containing.setdefault(unit, []).append((new, terms))
        return new

    def _inside(self, terms: Terms) -> Iterator[_Found]:
        for (unit, axes), coefficient in terms.items():
            for part, held in self._containing.get(unit, ()):
                same = ((there, number) for (other, there), number in held.items() if other == unit)
                found = (_Found(part, held, coefficient / n, tuple(map(there.index, axes))) for there, n in same)
                yield from (whole for whole in found if _contains(terms, whole))


def _with_like_terms_joined(node: Node) -> Node:
    """A sum with each term once: products that differed as they were written may have become one by now."""
    if not isinstance(node, Add):
        return node
    terms = list(map(_split, node.terms))
    totals = dict.fromkeys((term for term, _ in terms), Fraction(0))
    for term, number in terms:
        totals[term] += number
    if len(totals) == len(terms):
        return node
    kept = [_multiple(number, unit, axes) for (unit, axes), number in totals.items() if number]
    return zero(node.shape) if not kept else kept[0] if len(kept) == 1 else Add(tuple(kept))


def _multiple(number: Fraction, unit: Node, axes: Axes) -> Node:
    """A number times a tensor with its axes in an order."""
    factor = plain(unit, range(unit.rank))
    return Contract(number, (factor,), unit.shape, simple(axes))


def _with_part(node: Add, found: _Found) -> Node:
    """A sum with another in the place of the terms that it has in common with it."""
    inside = {(unit, _composed(axes, found.axes)) for unit, axes in found.terms}
    rest = [term for term in node.terms if _split(term)[0] not in inside]
    if not rest and found.times == 1 and found.axes == tuple(range(node.rank)):
        return found.part
    multiple = _multiple(found.times, found.part, found.axes)
    return Add((multiple, *rest)) if rest else multiple


def _contains(terms: Terms, found: _Found) -> bool:
    return all(
        terms.get((unit, _composed(axes, found.axes))) == found.times * number
        for (unit, axes), number in found.terms.items()
    )


def _composed(first: Axes, second: Axes) -> Axes:
    return tuple(first[axis] for axis in second)


def _split(term: Node) -> tuple[tuple[Node, Axes], Fraction]:
    """A term as a number times something with its axes in an order; a sum in normal form has each once."""
    identity = tuple(range(term.rank))
    if not isinstance(term, Contract):
        return (term, identity), ONE
    if len(term.factors) == 1:
        (factor,) = term.factors
        if sorted(factor.groups) == sorted(term.output) == list(simple(identity)) and not factor.conj:
            axes = tuple(factor.groups.index(group) for group in term.output)
            return (factor.node, axes), term.coefficient
    return (replace(term, coefficient=ONE), identity), term.coefficient

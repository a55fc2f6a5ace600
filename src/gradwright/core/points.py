"""Generic points: sizes and values at which nothing holds by accident.

Sizes are 3 and more and distinct for distinct names; square matrices are not symmetric unless
declared, and have their eigenvalues in the right half plane, well apart; positive entries lie
between ½ and 2. The same seed gives the same point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, permutations
from math import lcm
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.coordinates import projected
from gradwright.core.dims import Dim, lengths
from gradwright.core.facts import Facts
from gradwright.core.inference import is_skew
from gradwright.core.nodes import Apply, Direction, Node, Selection, Size, Symbol
from gradwright.core.spaces import Space, tangent_space
from gradwright.core.walks import applications, postorder
from gradwright.errors import EvaluationError

if TYPE_CHECKING:
    from numpy.random import Generator  # on first use only: it takes as long to load as all of gradwright


def choose_sizes(
    names: Iterable[str],
    at_least: Sequence[tuple[Dim, Dim]] = (),
    smallest: int = 3,
    variant: int = 0,
    step: int = 1,
    even: Sequence[Dim] = (),
) -> dict[str, int]:
    """Distinct sizes for dimension names: consecutive ones, or else such that each exceeds the sum of the smaller ones.

    Args:
        names: the dimension names.
        at_least: in each pair the first has to be no smaller.
        smallest: the smallest size.
        variant: which of the possible orders of the sizes; what holds for tall matrices may fail for wide ones.
        step: from one size to the next.
        even: what has to be even.
    """
    ordered = list(dict.fromkeys(names))
    starts = range(smallest, smallest + 40)
    consecutive = (range(start + step * (len(ordered) - 1), start - 1, -step) for start in starts)
    for candidates in chain(consecutive, [_exceeding(len(ordered), smallest)]):
        orders = (dict(zip(ordered, order, strict=True)) for order in islice(permutations(candidates), 200))
        allowed = [s for s in orders if all(a.evaluate(s) >= b.evaluate(s) for a, b in at_least)]
        allowed = [s for s in allowed if not any(dim.evaluate(s) % 2 for dim in even)]
        if allowed:
            return allowed[variant % len(allowed)]
    raise EvaluationError("no sizes satisfy the orders that the facts demand of the dimensions")


def _exceeding(count: int, smallest: int) -> list[int]:
    """Sizes of which each exceeds the sum of the smaller ones, the largest first."""
    found = [smallest, smallest + 1]
    while len(found) < count:
        found.append(sum(found) + 1)
    return found[:count][::-1]


def dimension_names(roots: Iterable[Node]) -> list[str]:
    """The names of all dimensions in some expressions, those of numbers and offsets included."""
    dims = [dim for node in postorder(*roots) for dim in (*node.shape, *_further_dims(node))]
    return list(dict.fromkeys(name for dim in dims for name in dim.names))


def _further_dims(node: Node) -> tuple[Dim, ...]:
    if isinstance(node, Size):
        return (node.dim,)
    return (node.offset,) if isinstance(node, Selection) else ()


def demanded_orders(roots: Iterable[Node], shortest: int = 1) -> list[tuple[Dim, Dim]]:
    """The orders of sizes that an expression demands.

    A matrix with orthonormal columns is not wide, an axis is as long as the entries picked from it, and no axis
    has a negative length.

    Args:
        roots: the expressions.
        shortest: how many entries there are at least in a range that is picked: one at a generic point.
    """
    found: list[tuple[Dim, Dim]] = []
    for node in postorder(*roots):
        found += [(dim, Dim.of(0)) for dim in node.shape if any(c < 0 for _, c in dim.terms)]
        if isinstance(node, Symbol) and "stiefel" in node.facts:
            found.append((node.shape[0], node.shape[1]))
        if isinstance(node, Apply):
            _, dims = node.bound
            found += [(a.substitute(dims), b.substitute(dims)) for a, b in node.primitive.orders]
        if isinstance(node, Selection):
            part = Dim.of(1) if node.part is None else node.part
            found += [(node.whole, node.offset + part), (node.offset, Dim.of(0))]
            found += [(part, Dim.of(shortest))] if part.value is None else []  # X[0:0] has no entries at any point
    return found


def even_sizes(roots: Iterable[Node], derivative: bool = True) -> list[Dim]:
    """The sizes that have to be even, because a skew matrix has to be invertible, in value or in a derivative.

    Of the derivative nothing may be left that says so: that of `trace(adjugate(W))` is zero at even sizes. Where only
    the value is wanted, a function that no equation defines, such as a determinant, has one at all sizes.
    """
    applied = [n for n in applications(*roots) if derivative or n.primitive.identity]
    return list(dict.fromkeys(matrix.shape[-1] for node in applied for matrix in _inverted(node) if is_skew(matrix)))


def _inverted(node: Apply) -> Iterator[Node]:
    """The arguments of a function that it, or its derivative, takes the inverse of."""
    for declared, argument in zip(node.primitive.inputs, node.arguments, strict=True):
        if f"{{{declared.name}}} is invertible" in node.primitive.conditions:
            yield argument


def needed_orders(roots: Iterable[Node]) -> list[tuple[Dim, Dim]]:
    """The orders that an expression demands and that sizes may fail: without negative terms, the sharpest of each."""
    sharpest: dict[Dim, dict[Dim, None]] = {}
    for larger, smaller in demanded_orders(roots, shortest=0):
        terms = (larger - smaller).terms
        # Of n (n + 1) / 2 ≥ n + 1, half of n² need not be a whole number.
        whole = lcm(*(c.denominator for _, c in terms))
        left = Dim({m: whole * c for m, c in terms if c > 0})
        right = Dim({m: -whole * c for m, c in terms if c < 0})
        if not (left.names or right.names) or not right.terms:
            continue
        rivals = sharpest.setdefault(left, {})
        numbers = [d for d in (*rivals, right) if d.value is not None]
        rivals[right] = None
        if numbers:
            sharpest[left] = {d: None for d in rivals if d.value is None or d == max(numbers, key=_number)}
    return [(left, right) for left, rivals in sharpest.items() for right in rivals]


def _number(dim: Dim) -> int:
    return dim.value or 0


SIDES = 3
LEFT = -1


def sample(node: Symbol | Direction, sizes: Mapping[str, int], generator: Generator, side: int = 0) -> Array:
    """A generic value of a variable in its declared set; of a direction, any member of its space.

    Args:
        node: the variable.
        sizes: of its dimensions.
        generator: of random numbers.
        side: where the eigenvalues of a square matrix lie, if its set leaves that open; see `draw`.
    """
    shape = lengths(node.shape, sizes)
    return draw(shape, node.facts, generator, None if isinstance(node, Direction) else side)


def draw(shape: tuple[int, ...], facts: Facts, generator: Generator, side: int | None = 0) -> Array:
    """A generic tensor with the given facts.

    The eigenvalues of a square matrix lie to the right of zero at side 0, where roots and logarithms exist. There a
    function such as the matrix sign is a constant; at side 1 all but one lie to the left, and at side 2 one does, so
    that traces and determinants take either sign. A number is negative at side 1 and positive at side 2. Further sides
    repeat these; at the side LEFT all lie to the left, as those of a stable system. None leaves the eigenvalues and the
    sign to chance.
    """
    values = _normal(shape, facts, generator)
    if "positive" in facts:
        values = np.asarray(0.5 + 1.5 * generator.random(size=shape))
        return _square(values, facts, None) if "symmetric" in facts else values
    if not shape and side and side % SIDES and "complex" not in facts:
        return np.asarray(-abs(values) if side % SIDES == 1 else abs(values))
    if len(shape) != 2 or shape[0] != shape[1]:
        return _orthonormal(values) if "stiefel" in facts else np.asarray(values)
    return _square(values, facts, side)


def _placed_eigenvalues(n: int, side: int) -> Array:
    place = np.arange(n)
    left = place >= 0 if side == LEFT else (place < 0, place > 0, place == n - 1)[side % SIDES]
    return np.linspace(1.5, 3.0, n) * np.where(left, -1.0, 1.0)


def shrunk(value: Array, facts: Facts, generator: Generator) -> Array:
    """A value made smaller by a random factor, as functions need that exist for small inputs only."""
    return value if OF_FIXED_SIZE & facts else value * 10.0 ** -generator.uniform(0, 1.5)


OF_FIXED_SIZE = frozenset({"stiefel", "unitary", "unit_lower", "unit_upper"})


def tangent_direction(symbol: Symbol, value: Array, generator: Generator) -> Array:
    """A random direction in the tangent space of a variable's set, at a value of it."""
    raw = _normal(value.shape, symbol.facts, generator)
    return np.asarray(project_array(raw, symbol.facts, value))


def _normal(shape: tuple[int, ...], facts: Facts, generator: Generator) -> Array:
    values = generator.normal(size=shape)
    return values + 1j * generator.normal(size=shape) if "complex" in facts else values


def project_array(raw: Array, facts: Facts, value: Array) -> Array:
    """The projection on the tangent space of a structured set, in numbers."""
    space = tangent_space(facts)
    if space is Space.FREE and "stiefel" in facts:
        inner = value.conj().T @ raw
        return raw - value @ (inner + inner.conj().T) / 2
    return projected(space, raw)


def _square(values: Array, facts: Facts, side: int | None) -> Array:
    n = len(values)
    # Of noise that is added to n eigenvalues, those lie within a circle whose radius grows as √n.
    spread = 0.5 * min(1.0, np.sqrt(6 / n)) if n else 0.5
    shifted = values if side is None else spread * values + np.diag(_placed_eigenvalues(n, side))
    if "spd" in facts or "psd" in facts:
        # Scaled so that the eigenvalues stay within a decade, whatever the size.
        definite = np.asarray(values @ values.conj().T / n + np.diag(np.linspace(0.5, 1.5, n)))
        return project_array(definite, facts, definite)
    if "unitary" in facts:
        return _orthonormal(values)
    if "unit_lower" in facts:
        return np.tril(values, -1) / 2 + np.eye(n)
    if "unit_upper" in facts:
        return np.triu(values, 1) / 2 + np.eye(n)
    return project_array(shifted, facts - {"unitary", "stiefel"}, values)


def _orthonormal(values: Array) -> Array:
    q, r = np.linalg.qr(values)
    return np.asarray(q * np.sign(np.real(np.diag(r))))

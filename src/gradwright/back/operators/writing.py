"""Writing an operator out into a buffer, at the speed of the memory.

A large result costs what it takes to write it: the factors are first contracted over their inner
labels, then multiplied straight into the buffer. The two operands of that last product are repeated
over enough of the fastest axes that each inner loop is long; repeated labels are written through a
view of the diagonal.

NumPy's product takes two and a half times as long as filling the same memory, however the operands are
laid out, and PyTorch's little more than the fill (`docs/performance.md`). The numbers are the same, so
that a large buffer is left to PyTorch where the program has loaded it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from gradwright.back.operators.terms import Part, Term, contracted, diagonal_view, window
from gradwright.core.arithmetic import Array
from gradwright.core.joining import Joined

INNER_LOOP = 2048  # entries: long enough to hide the cost of a loop, short enough to stay in the cache
SHORT_LOOP = 32  # entries: PyTorch's loops start sooner, and from here on operands are better left as they are
LARGE = 1 << 16  # entries from which PyTorch is asked
REPEATED = 1 << 22  # entries of an operand that was repeated


def write(term: Term, buffer: Array, accumulate: bool) -> None:
    """Put a term into a contiguous buffer, or add it to what is there."""
    axes = (*term.rows, *term.columns)
    buffer = buffer.reshape([axis.size for axis in axes])
    labels = [axis.label for axis in axes]
    distinct = list(dict.fromkeys(labels))
    inside = window(buffer, axes, term.sizes)
    covers = len(distinct) == len(labels) and inside.shape == buffer.shape
    if not accumulate and not covers:
        buffer[...] = 0
    view = diagonal_view(inside, labels, distinct)
    operands = [_aligned(part, distinct) for part in _two_parts(term, distinct)]
    if accumulate:
        view += prod(operands[1:], start=operands[0])
    elif len(operands) == 1:
        view[...] = operands[0]
    else:
        _multiply(operands[0], operands[1], view)


def _multiply(first: Array, second: Array, out: Array) -> None:
    """The product of two arrays that are broadcast over each other, in a view of the buffer."""
    torch = sys.modules.get("torch") if out.size >= LARGE else None
    if torch is None or out.shape[-1] < SHORT_LOOP:
        first, second = (_repeated(operand, out.shape) for operand in (first, second))
    if torch is None:
        np.multiply(first, second, out=out)
    else:
        torch.mul(_tensor(first, torch.from_numpy), _tensor(second, torch.from_numpy), out=torch.from_numpy(out))


def _tensor(operand: Array, from_numpy: Callable[[Array], Any]) -> Any:
    """The array as a tensor whose last axes are next to each other, in memory that may be written to."""
    laid_out = np.ascontiguousarray(operand)
    return from_numpy(laid_out if laid_out.flags.writeable else laid_out.copy())


def _two_parts(term: Term, output: Sequence[int]) -> list[Part]:
    """The term as a product of one or two arrays over the output's labels; the number is in the smaller one."""
    parts = _contracted_inside(term, output)
    while len(parts) > 2:
        parts.sort(key=lambda part: part.array.size)
        first, second, *rest = parts
        labels = tuple(x for x in output if x in (*first.labels, *second.labels))
        parts = [Part(contracted(1.0, (first, second), term.sizes, labels), labels), *rest]
    parts.sort(key=lambda part: part.array.size)
    if not parts:
        return [Part(np.asarray(term.coefficient), ())]
    return [Part(term.coefficient * parts[0].array, parts[0].labels), *parts[1:]]


def _contracted_inside(term: Term, output: Sequence[int]) -> list[Part]:
    """One array for every set of factors that inner labels hold together."""
    joined = Joined()
    for place, part in enumerate(term.parts):
        joined.join([("part", place), *(x for x in part.labels if x not in output)])
    roots = [joined.root(("part", place)) for place in range(len(term.parts))]
    found: list[Part] = []
    for root in dict.fromkeys(roots):
        own = [part for part, r in zip(term.parts, roots, strict=True) if r == root]
        labels = tuple(x for x in output if any(x in part.labels for part in own))
        found.append(Part(contracted(1.0, own, term.sizes, labels), labels))
    return found


def _aligned(part: Part, output: Sequence[int]) -> Array:
    """The array with an axis for every output label, of length 1 where it has none."""
    order = [part.labels.index(x) for x in output if x in part.labels]
    moved = part.array.transpose(order)
    sizes = iter(moved.shape)
    return moved.reshape([next(sizes) if x in part.labels else 1 for x in output])


def _repeated(operand: Array, shape: Sequence[int]) -> Array:
    """The operand repeated over the last axes, enough of them for a long inner loop."""
    for count in range(1, len(shape)):
        if prod(shape[-count:]) >= INNER_LOOP:
            full = (*operand.shape[:-count], *shape[-count:])
            return np.ascontiguousarray(np.broadcast_to(operand, full)) if prod(full) <= REPEATED else operand
    return operand

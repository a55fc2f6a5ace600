"""Sums over the rows of a large matrix, taken over some rows after the others, each read from memory once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod
from typing import Any

from gradwright.back.code.library import Library
from gradwright.back.code.live import live_function
from gradwright.back.code.lower import lower
from gradwright.core.nodes import Node
from gradwright.optimise.row_sums import RowSums

# Entries of the matrix that stay in the cache, and how many it has to have for that to matter.
BLOCK = 1 << 18
LARGE = 1 << 20


class RowBlocks:
    """A function of arrays with sums over rows.

    Args:
        sums: the sums, and the function of them.
        leaves: the inputs, in order.
        library: in which it is computed, NumPy or PyTorch.
    """

    def __init__(self, sums: RowSums, leaves: Sequence[Node], library: Library) -> None:
        self._sums, self._leaves, self._library = sums, tuple(leaves), library
        self._place = self._leaves.index(sums.matrix)
        self._sliced = [leaf in sums.sliced for leaf in leaves]

    def fits(self, arrays: Sequence[Any]) -> bool:
        """Whether the matrix comes from memory at every reading, and its rows stand together there."""
        matrix = arrays[self._place]
        if self._library.name == "torch":
            return matrix.is_cpu and matrix.numel() >= LARGE and matrix.is_contiguous()
        return matrix.size >= LARGE and matrix.flags.c_contiguous

    def __call__(self, *arrays: Any) -> Any:
        """The value."""
        matrix = arrays[self._place]
        count = len(matrix)
        step = max(1, BLOCK * count // prod(matrix.shape))
        number = matrix.new_tensor(count) if self._library.name == "torch" else matrix.dtype.type(count)
        totals: list[Any] = []
        for start in range(0, count, step):
            parts = [a[start : start + step] if cut else a for a, cut in zip(arrays, self._sliced, strict=True)]
            found = self._part(number, *parts)
            totals = [a + b for a, b in zip(totals, found, strict=True)] if totals else list(found)
        return self._outer(*totals, *arrays)

    @cached_property
    def _part(self) -> Callable[..., tuple[Any, ...]]:
        """The sums over given rows."""
        roots = {f"sum{k}": node for k, node in enumerate(self._sums.sums)}
        function = self._compiled(roots, [self._sums.count, *self._leaves])
        return function if len(roots) > 1 else lambda *arrays: (function(*arrays),)

    @cached_property
    def _outer(self) -> Callable[..., Any]:
        """The value from the sums and all inputs."""
        return self._compiled({"value": self._sums.outer}, [*self._sums.results, *self._leaves])

    def _compiled(self, roots: dict[str, Node], inputs: Sequence[Any]) -> Callable[..., Any]:
        return live_function(lower(roots, self._library, inputs=inputs), self._library)

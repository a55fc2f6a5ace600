"""Contractions with selections, by parts of the other tensors: no matrix of zeros and ones is filled in.

A selection says that the place on one axis is that on another plus an offset. So what stands on the axis of the whole
is cut to the part, and named by the axis of the part; a result that has the axis of the whole is placed among zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.frozen import frozen

Operand = tuple[Array, list[int]]


@frozen
class Part:
    """A selection in a product: entry `[i + offset, i]` is 1.

    Attributes:
        whole, part: the labels of its axes.
        offset: the first entry of the part.
        length, full: how many entries the part has, and the whole.
    """

    whole: int
    part: int
    offset: int
    length: int
    full: int

    @property
    def entries(self) -> slice:
        """The entries of the whole that are the part."""
        return slice(self.offset, self.offset + self.length)

    def applies(self, others: Sequence[Part], output: Sequence[int]) -> bool:
        """Whether it can be applied: no other selection stands on the whole, and the result has not both axes."""
        apart = all(self.whole not in (other.whole, other.part) for other in others)
        return apart and not {self.whole, self.part} <= set(output)

    def cut(self, operand: Operand) -> Operand:
        """The part of a tensor that stands on the whole: a view, also of a scalar, which a number would not be."""
        array, labels = operand
        places = tuple(self.entries if label == self.whole else slice(None) for label in labels)
        return array[(*places, ...)], [self.part if label == self.whole else label for label in labels]

    def place(self, operand: Operand) -> Operand:
        """A tensor with the axis of the part, among zeros on the whole."""
        array, labels = operand
        axis = labels.index(self.part)
        result = np.zeros((*array.shape[:axis], self.full, *array.shape[axis + 1 :]), dtype=array.dtype)
        result[(*[slice(None)] * axis, self.entries)] = array
        return result, [self.whole if label == self.part else label for label in labels]

    def renamed(self, labels: Sequence[int]) -> list[int]:
        """Labels with that of the part for that of the whole."""
        return [self.part if label == self.whole else label for label in labels]

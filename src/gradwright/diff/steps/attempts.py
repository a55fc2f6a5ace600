"""The ways in which inputs are looked for at which a derivation can be checked, one after the other.

Random inputs do for most functions. Some exist for positive entries alone, or for small inputs; of what equations
define, inputs are known at which these have a solution; what exists on a small part of its inputs is searched for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.facts import MATRIX_FACTS
from gradwright.core.membership import departure
from gradwright.core.nodes import Apply, Direction, Node, Symbol
from gradwright.core.points import choose_sizes, demanded_orders, dimension_names, even_sizes, sample, shrunk
from gradwright.core.walks import free_leaves, postorder
from gradwright.diff.steps.approach import approached
from gradwright.frozen import frozen

if TYPE_CHECKING:
    from numpy.random import Generator  # on first use only: it takes as long to load as all of gradwright

TRIES = 8
SEARCHES = 3


class Inputs(IntEnum):
    """How inputs are found."""

    RANDOM = 0
    SMALL = 1
    SOLVED = 2
    SEARCHED = 3


@frozen
class Attempt:
    """One way to find inputs, tried for the first time (`number` 0) or again."""

    inputs: Inputs
    number: int = 0

    @property
    def seed(self) -> int:
        """Of the random numbers, which no two attempts share."""
        return TRIES * self.inputs + self.number

    def drawn(
        self, root: Node, nodes: Sequence[Node], generator: Generator
    ) -> tuple[dict[Node, Array], dict[str, int]]:
        """Values of all that the nodes depend on, and the sizes of the dimensions.

        Args:
            root: the expression.
            nodes: the expression and all that is said of it.
            generator: of random numbers.
        """
        names, orders = sorted(dimension_names(nodes)), demanded_orders(nodes)
        sizes = choose_sizes(names, orders, variant=self.seed, even=even_sizes(nodes))
        values, told = _witnesses(root) if self.inputs is Inputs.SOLVED else ({}, {})
        sizes |= told
        for leaf in dict.fromkeys(leaf for node in nodes for leaf in free_leaves(node)):
            if isinstance(leaf, Symbol | Direction) and leaf not in values:
                values[leaf] = self._sampled(leaf, sizes, generator)
        return (approached(nodes, values, sizes, generator) if self.inputs is Inputs.SEARCHED else values), sizes

    def _sampled(self, leaf: Symbol | Direction, sizes: Mapping[str, int], generator: Generator) -> Array:
        value = sample(leaf, sizes, generator, side=self.seed)
        value = np.abs(value) + 0.3 if self._is_to_be_positive(leaf) else value
        return shrunk(value, leaf.facts, generator) if self.inputs in (Inputs.SMALL, Inputs.SOLVED) else value

    def _is_to_be_positive(self, leaf: Symbol | Direction) -> bool:
        """Whether entries are made positive: after some tries those of scales and weights, then all that are free."""
        free = leaf.rank != 2 or leaf.facts.isdisjoint(MATRIX_FACTS)
        return leaf.real and free and self.number >= (2 if leaf.rank < 2 else 4)


def attempts(defined: bool) -> Iterator[Attempt]:
    """All but the searches, which take long.

    Args:
        defined: whether the expression has functions that were defined by equations. Inputs where these are known to
            have a solution come first, since to look for one that is not there takes long; where the functions are
            applied to something else, smaller inputs are tried as well, for which many have a solution.
    """
    if defined:
        yield Attempt(Inputs.SOLVED)
    for number in range(TRIES):
        yield Attempt(Inputs.RANDOM, number)
        if defined:
            yield Attempt(Inputs.SMALL, number)


def searches() -> Iterator[Attempt]:
    """What is left where no other attempt finds a value."""
    return (Attempt(Inputs.SEARCHED, number) for number in range(SEARCHES))


def _witnesses(root: Node) -> tuple[dict[Node, Array], dict[str, int]]:
    """For variables that defined functions are applied to, the values at which these are known to exist, and the sizes.

    A variable may be declared otherwise than the input was, real or symmetric, say, or have the sizes of another.
    """
    found: dict[Node, Array] = {}
    sizes: dict[str, int] = {}
    for node in postorder(root):
        if isinstance(node, Apply) and node.primitive.witnesses:
            known = node.primitive.witnesses[0]
            for formal, argument in zip(node.primitive.inputs, node.arguments, strict=True):
                if isinstance(argument, Symbol) and argument not in found:
                    value = known[formal.name]
                    named = zip(argument.shape, value.shape, strict=True)
                    told = {d.name: n for d, n in named if d.name is not None} | sizes
                    if _is_in(value, argument, told):
                        found[argument], sizes = value, told
    return found, sizes


def _is_in(value: Array, variable: Symbol, sizes: Mapping[str, int]) -> bool:
    """Whether a value is one of a variable's at these sizes, as far as they are known."""
    shape = zip(variable.shape, value.shape, strict=True)
    fits = all(dim.evaluate(sizes) == size for dim, size in shape if sizes.keys() >= set(dim.names))
    return fits and not (variable.real and np.iscomplexobj(value)) and not departure(value, variable.facts)

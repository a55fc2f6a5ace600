"""What explains the gradient that the user's code returns: one mistake, or several together."""

from __future__ import annotations

from functools import cached_property

from gradwright.check.diagnosis.mutants.mutant import Mutant
from gradwright.check.diagnosis.scene import Repair
from gradwright.frozen import frozen

PAIR = 1.0  # what it costs that there are two mistakes, and not one


@frozen
class Explanation:
    """One or more mistakes that together give what the user's code returns.

    Attributes:
        mutant: a mistake in the formula, if there is one.
        repairs: what has to be put right in the user's computation.
        multiples: a sign and a number by which the whole gradient is off; or that it is off by a scalar.
        scale: that sign and number.
    """

    mutant: Mutant | None
    repairs: tuple[Repair, ...] = ()
    multiples: tuple[Mutant, ...] = ()
    scale: float = 1.0

    @property
    def parts(self) -> tuple[Mutant | Repair, ...]:
        """The mistakes."""
        return (*((self.mutant,) if self.mutant else ()), *self.repairs, *self.multiples)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the mistakes, each once; none for one that has no name."""
        return tuple(dict.fromkeys(part.label for part in self.parts if part.label))

    @property
    def words(self) -> str:
        """The mistakes in words."""
        return "; ".join(dict.fromkeys(part.words for part in self.parts))

    @cached_property
    def cost(self) -> float:
        """How unlikely it is: the sum of its mistakes' costs, each counted once, and more where there are two."""
        costs = {part.words: part.cost for part in self.parts}
        return sum(costs.values()) + PAIR * (len(costs) - 1)

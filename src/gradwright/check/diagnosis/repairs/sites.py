"""Where a recorded computation can be repaired: its values, and the operands of its operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

import torch

from gradwright.check.diagnosis.operations import COMPARISONS, SUMS, VIEWS
from gradwright.check.diagnosis.program import Instruction, Place, Program, Slot, Values
from gradwright.check.diagnosis.scene import Make, Repair, Scene
from gradwright.frozen import frozen

MOST = 200  # of the sites of a long computation, where each is tried with much
MOST_PAIRS = 4_000  # of a site and a quantity
Change = Callable[[torch.Tensor], torch.Tensor]


@frozen
class Site:
    """A value, or one operand of an operation.

    Attributes:
        slot: the value, or the result of the operation.
        value: what stands there, at the first point.
        source: the value that stands there, by number.
        maker: the instruction that makes `source`; None for an input.
        user: the operation, for an operand.
        place: where the operand stands.
        words: the site in words.
        whole: whether it is the gradient that is returned.
        viewed: whether nothing but its transpose is used.
        compared: whether it is used in comparisons alone.
        repeated: whether it is used more than once.
    """

    slot: int
    value: torch.Tensor
    source: int
    maker: Instruction | None
    user: Instruction | None
    place: Place
    words: str
    whole: bool = False
    viewed: bool = False
    compared: bool = False
    repeated: bool = False

    def summed(self, scene: Scene) -> set[torch.Size]:
        """The shapes of the sums of which it is a summand."""
        sums = [scene.values.get(user.slot) for user in scene.program.users.get(self.slot, ()) if user.name in SUMS]
        return {value.shape for value in sums if isinstance(value, torch.Tensor)}

    def repair(self, change: Change, label: str, words: str, cost: float) -> Repair:
        """The computation with this value changed."""
        return self._repair(lambda values, scene: self.made(change, values, scene), label, words, cost)

    def replaced(self, number: int, swapped: bool, label: str, words: str, cost: float) -> Repair:
        """The computation with a quantity of the library in the place of this value."""

        def make(values: Values, scene: Scene) -> object:
            quantity = scene.quantities[number].clone()  # the computation may write into it
            return self.made(lambda _: quantity.mT.contiguous() if swapped else quantity, values, scene)

        return self._repair(make, label, words, cost)

    def combined(
        self, number: int, combine: Callable[[torch.Tensor, torch.Tensor], Any], label: str, words: str, cost: float
    ) -> Repair:
        """The computation with this value combined with a quantity of the library."""

        def make(values: Values, scene: Scene) -> object:
            return self.made(lambda value: combine(value, scene.quantities[number]), values, scene)

        return self._repair(make, label, words, cost)

    def _repair(self, make: Make, label: str, words: str, cost: float) -> Repair:
        extra = 0.1 if self.user is not None else 0.3 if self.maker is None and self.repeated else 0.0
        return Repair(self.slot, make, label, words, cost + extra, self.place, portable=True)

    def made(self, change: Change, values: Values, scene: Scene) -> object:
        """The value of the slot, changed; the instruction is the scene's own, whose sizes may be others."""
        instruction = scene.program.by_slot.get(self.slot)
        if self.user is not None and instruction is not None:
            return instruction.run(values, {self.place: change(values[self.source])})
        return change(values[self.slot] if instruction is None else instruction.run(values))


def sites(scene: Scene) -> list[Site]:
    """Every value, and every operand of a value that is used more than once; of what ran apart, what ran twice."""
    program = scene.program
    every = (*_values(program, scene), *_operands(program, scene))
    return [site for site in every if not program.twice or site.slot in program.twice]


def nearest_sites(scene: Scene) -> list[Site]:
    """Of a long computation those sites after which least has to be computed again, by the number of quantities."""
    program, every = scene.program, sites(scene)
    most = min(MOST, MOST_PAIRS // max(1, len(scene.quantities)))
    kept = {id(site) for site in sorted(every, key=lambda site: program.calls(site.slot))[:most]}
    return [site for site in every if id(site) in kept]


def _values(program: Program, scene: Scene) -> Iterator[Site]:
    for slot in (*range(len(program.inputs)), *program.by_slot):
        value = scene.values.get(slot)
        maker = program.by_slot.get(slot)
        if not is_number(value) or (maker is not None and maker.in_place):
            continue
        users = program.users.get(slot, ())
        viewed = bool(users) and all(i.name in VIEWS for i in users)
        whole = slot == program.result or [i.slot for i in users] == [program.result]
        compared = bool(users) and all(i.name in COMPARISONS for i in users)
        words = scene.called(slot)
        yield Site(slot, value, slot, maker, None, (), words, whole, viewed, compared, repeated=len(users) > 1)


def _operands(program: Program, scene: Scene) -> Iterator[Site]:
    uses: dict[int, int] = {}
    for instruction in program.instructions:
        for _, source in instruction.operands:
            uses[source] = uses.get(source, 0) + 1
    for instruction in program.instructions:
        for place, source in instruction.operands:
            filled = scene.filled.get((instruction.slot, place))
            value = scene.values.get(source) if filled is None else filled
            changed = instruction.in_place and instruction.changed == Slot(source)
            if uses[source] > 1 and is_number(value) and not changed:
                maker = program.by_slot.get(source)
                compared, words = instruction.name in COMPARISONS, scene.called(source)
                words = words if filled is None else f"what is written into {words}"
                yield Site(instruction.slot, value, source, maker, instruction, place, words, compared=compared)


def is_number(value: object) -> TypeGuard[torch.Tensor]:
    """Whether a value is a tensor of floating-point numbers."""
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


def is_view(site: Site) -> bool:
    """Whether the value is the transpose of another."""
    return site.maker is not None and site.maker.name in VIEWS

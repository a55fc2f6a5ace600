"""A value that is changed in place before it is used again: what is used is then from another stage."""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.check.diagnosis.program import Slot, Values
from gradwright.check.diagnosis.repairs.sites import is_number
from gradwright.check.diagnosis.scene import Repair, Scene


def overwritten(scene: Scene) -> Iterator[Repair]:
    """Every quantity of the formula that is changed in place left as it was made."""
    for instruction in scene.program.instructions:
        changed = instruction.changed
        if not instruction.in_place or not isinstance(changed, Slot):
            continue
        value = scene.values.get(changed.index)
        if not is_number(value) or scene.recognised(value) is None:
            continue

        def as_made(values: Values, scene: Scene, slot: int = changed.index) -> object:
            return values[slot]

        name = scene.called(changed.index)
        words = f"{name} is overwritten by {instruction.name} before it is used: save a copy, or do not work in place"
        yield Repair(instruction.slot, as_made, "stale_saved_value", words, 0.99, portable=True)

"""An entry, a row or a column that is another than the one that is meant."""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.check.diagnosis.program import Instruction, Slot
from gradwright.check.diagnosis.repairs.sites import is_number
from gradwright.check.diagnosis.scene import Repair, Scene

MOST = 8  # of a long axis the first entries, and the last


def indices(scene: Scene) -> Iterator[Repair]:
    """Every number in an index, counted from the start or from the end, replaced by another."""
    assert scene.program is not None
    for instruction in scene.program.instructions:
        if instruction.name in ("__getitem__", "__setitem__"):
            yield from _other_places(instruction, scene)


def _other_places(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    indexed, index, *rest = instruction.arguments
    value = scene.values.get(indexed.index) if isinstance(indexed, Slot) else None
    places = index if isinstance(index, tuple) else (index,)
    if not is_number(value) or not all(isinstance(place, int | slice) for place in places):
        return
    for axis, written in enumerate(places):
        for other in _others(written, value.shape[axis]) if isinstance(written, int) else ():
            chosen = (*places[:axis], other, *places[axis + 1 :])
            turned = Instruction(instruction.slot, instruction.function, (indexed, chosen, *rest), instruction.keywords)
            where = "of what is written to" if instruction.in_place else f"in {scene.names.text(instruction.slot)}"
            words = f"the index {written} {where} should be {other}"
            yield Repair(instruction.slot, lambda values, scene, t=turned: t.run(values), "wrong_mask", words, 0.97)


def _others(written: int, count: int) -> Iterator[int]:
    """The other places, the last one counted from the end, as are all where the written one is."""
    last = -1 if written >= 0 else 0
    near = range(min(count - 1, MOST)) if written >= 0 else range(-1, -min(count, MOST), -1)
    yield from (place for place in (*near, last) if place % count != written % count)

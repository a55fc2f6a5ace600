"""An entry, a row, a column or a range of them that is another than the one that is meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from gradwright.check.diagnosis.program import Instruction, Slot
from gradwright.check.diagnosis.repairs.sites import is_number
from gradwright.check.diagnosis.scene import Repair, Scene

MOST = 8  # of a long axis the first entries, and the last
INDEXED = ("__getitem__", "__setitem__", "narrow")
PARTS = ("split", "chunk", "unbind", "tensor_split")  # what they give is a list, of which one is taken
Index = int | slice


def indices(scene: Scene) -> Iterator[Repair]:
    """Every number in an index, counted from the start or from the end, and every range, replaced by another."""
    for instruction in scene.program.instructions:
        if instruction.name in INDEXED:
            yield from _other_places(instruction, scene)
        if instruction.name == "_item":
            yield from _other_parts(instruction, scene)


def standing(scene: Scene) -> Iterator[tuple[Repair, ...]]:
    """The repairs that belong together: an index that is the same in every pass of a loop, where the pass's is due."""
    runs: dict[tuple[int, int], list[Instruction]] = {}
    for instruction in scene.program.instructions:
        if instruction.name == "__getitem__":
            runs.setdefault(instruction.call, []).append(instruction)
    for passes in runs.values():
        taken = [_places(run) for run in passes]
        for axis in range(min(map(len, taken))) if len(taken) > 1 else ():
            if isinstance(taken[0][axis], int) and len({repr(places[axis]) for places in taken}) == 1:
                yield from _counted(passes, taken, axis, scene)


def _places(instruction: Instruction) -> tuple[Index, ...]:
    index = instruction.arguments[1]
    return index if type(index) is tuple else (index,)


def _counted(
    passes: Sequence[Instruction], taken: Sequence[tuple[Index, ...]], axis: int, scene: Scene
) -> Iterator[tuple[Repair, ...]]:
    """An index that counts the passes; of two loops, one inside of the other, those of the inner or of the outer."""
    indexed = scene.values.get(passes[0].operands[0][1])
    if not all(isinstance(place, int | slice) for place in taken[0]) or not is_number(indexed):
        return
    size, count = indexed.shape[axis], len(passes)
    where = scene.names.text(passes[0].slot)
    words = f"the index {taken[0][axis]} in {where} stays the same, and has to go on in the loop"
    counters = [[number % size for number in range(count)], [number * size // count for number in range(count)]]
    for counter in counters if count % size == 0 else ():
        yield tuple(
            _repair(run, (run.arguments[0], (*places[:axis], number, *places[axis + 1 :])), words)
            for run, places, number in zip(passes, taken, counter, strict=True)
        )


def _other_places(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    indexed, _, *rest = instruction.arguments
    value = scene.values.get(indexed.index) if isinstance(indexed, Slot) else None
    if not is_number(value):
        return
    if instruction.name == "narrow":
        yield from _other_starts(instruction, value, scene)
        return
    places = _places(instruction)
    if not all(isinstance(place, int | slice) for place in places):
        return
    written_to = instruction.in_place or scene.program.is_written_to(instruction.slot)
    for axis, written in enumerate(places):
        if instruction.name == "__getitem__":
            yield from _whole_axis(instruction, places, axis, scene)
        for other in _others(written, value.shape[axis]):
            chosen = (*places[:axis], other, *places[axis + 1 :])
            kind = "index" if isinstance(written, int) else "range"
            where = "of what is written to" if written_to else f"in {scene.names.text(instruction.slot)}"
            words = f"the {kind} {_text(written)} {where} should be {_text(other)}"
            yield _repair(instruction, (indexed, chosen, *rest), words)


def _whole_axis(instruction: Instruction, places: tuple[Index, ...], axis: int, scene: Scene) -> Iterator[Repair]:
    """All of an axis of which a range is taken."""
    if isinstance(places[axis], slice) and places[axis] != slice(None):
        chosen = (*places[:axis], slice(None), *places[axis + 1 :])
        words = f"{scene.names.text(instruction.slot)} leaves entries out: all along its axis {axis} are due"
        yield _repair(instruction, (instruction.arguments[0], chosen), words)


def _other_starts(instruction: Instruction, value: torch.Tensor, scene: Scene) -> Iterator[Repair]:
    indexed, axis, start, length = instruction.arguments
    for other in _shifted(start, start + length, value.shape[axis]):
        words = f"the start {start} in {scene.names.text(instruction.slot)} should be {other.start}"
        yield _repair(instruction, (indexed, axis, other.start, length), words)


def _other_parts(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """Another of several parts that a tensor was cut into."""
    several, written = instruction.arguments
    cut = scene.program.by_slot.get(several.index)
    parts = scene.values.get(several.index)
    if cut is None or cut.name not in PARTS or not isinstance(parts, tuple | list):
        return
    for other in range(min(len(parts), MOST)):
        if other != written:
            words = f"the part {written} in {scene.names.text(instruction.slot)} should be {other}"
            yield _repair(instruction, (several, other), words)


def _repair(instruction: Instruction, arguments: tuple[object, ...], words: str) -> Repair:
    turned = Instruction(instruction.slot, instruction.function, arguments, instruction.keywords)
    return Repair(instruction.slot, lambda values, scene: turned.run(values), "wrong_mask", words, 0.97)


def _others(written: Index, count: int) -> Iterator[Index]:
    """The other places, the last one counted from the end, as are all where the written one is; or ranges."""
    if isinstance(written, slice):
        start, stop, step = written.indices(count)
        from_the_end = written.stop is None or written.stop < 0
        for other in _shifted(start, stop, count) if step == 1 else ():
            until = other.stop - count if from_the_end and other.stop is not None else other.stop
            yield slice(other.start, until)
        return
    last = -1 if written >= 0 else 0
    near = range(min(count - 1, MOST)) if written >= 0 else range(-1, -min(count, MOST), -1)
    yield from (place for place in (*near, last) if place % count != written % count)


def _shifted(start: int, stop: int, count: int) -> Iterator[slice]:
    """The other ranges that are as long: those at the ends first, of which one is likely meant."""
    last = count - (stop - start)
    for other in dict.fromkeys((0, last, *range(min(last, MOST)))):
        if other != start and 0 <= other:
            yield slice(other or None, other + stop - start if other < last else None)


def _text(index: Index) -> str:
    if isinstance(index, int):
        return str(index)
    return ":".join("" if bound is None else str(bound) for bound in (index.start, index.stop))

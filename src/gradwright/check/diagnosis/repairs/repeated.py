"""One mistake in code that runs several times, as in a loop: the same repair every time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from gradwright.check.diagnosis.program import Instruction, Place, Program
from gradwright.check.diagnosis.scene import Repair, Scene
from gradwright.frozen import replace

LONGEST = 60  # of a line of code that is shown
Family = Callable[[Scene], Iterator[Repair]]
_Key = tuple[Family, tuple[int, int], Place, int, str]


def repeated(scene: Scene, families: Sequence[Family]) -> list[tuple[Repair, ...]]:
    """The repairs of some families that change each run of one call in the user's code in the same way.

    Repairs are the same if they are the same ones in their order, among those that a family has for the place.
    """
    program = scene.program
    runs = Counter(instruction.call for instruction in program.instructions)
    groups = defaultdict[_Key, list[Repair]](list)
    for family in families if max(runs.values(), default=0) > 1 else ():
        seen = Counter[tuple[int, Place]]()
        for repair in map(scene.by_use, family(scene)):
            seen[repair.slot, repair.place] += 1
            for instruction, place in _places(repair, program) if repair.label else ():
                groups[family, instruction.call, place, seen[repair.slot, repair.place], repair.label].append(repair)
    lines = {instruction.call: instruction.line for instruction in program.instructions}
    whole = ((group, lines[call]) for (_, call, *_), group in groups.items() if 1 < len(group) == runs[call])
    return sorted((_together(group, line) for group, line in whole), key=lambda group: group[0].cost)


def _places(repair: Repair, program: Program) -> Iterator[tuple[Instruction, Place]]:
    """The call that makes the value which is repaired, or has it as operand; both where that is its only use."""
    instruction = program.by_slot.get(repair.slot)
    if instruction is not None:
        yield instruction, repair.place
    users = program.users.get(repair.slot, ())
    if len(users) == 1 and not repair.place:
        yield from ((users[0], place) for place, source in users[0].operands if source == repair.slot)


def _together(group: list[Repair], line: str) -> tuple[Repair, ...]:
    """The same repairs, told as one: by the words for the value that is told in the fewest."""
    where = f" ({line})" if 0 < len(line) <= LONGEST else ""
    words = f"{min((repair.words for repair in group), key=len)}; the same each time that this runs{where}"
    return tuple(replace(repair, words=words, cost=group[0].cost) for repair in group)

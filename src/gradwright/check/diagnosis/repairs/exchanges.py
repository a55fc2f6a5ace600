"""Two values that have changed places, in one product or in two terms, as A and D in `Dᵀ G Bᵀ + Cᵀ G Aᵀ`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from gradwright.check.diagnosis.program import Program, Values
from gradwright.check.diagnosis.repairs.sites import is_number
from gradwright.check.diagnosis.repairs.uses import Use
from gradwright.check.diagnosis.scene import Repair, Scene, close


def exchanges(scene: Scene) -> Iterator[tuple[Repair, ...]]:
    """The repairs that belong together: each of two values of one shape where the other one is used."""
    program = scene.program
    uses = [(user, place) for user in program.instructions for place, _ in user.operands]
    for left, right in combinations(uses, 2) if program.pure else ():
        if left[0] is not right[0] and _may_change_places(left, right, program, scene):
            one, other = scene.called(_source(left)), scene.called(_source(right))
            words = f"{one} and {other} have changed places"
            yield _replaced(left, _source(right), words), _replaced(right, _source(left), words)


def _source(use: Use) -> int:
    user, place = use
    return next(slot for where, slot in user.operands if where == place)


def _may_change_places(left: Use, right: Use, program: Program, scene: Scene) -> bool:
    """Whether two values have one shape, and neither is computed from where the other one is used."""
    sources = _source(left), _source(right)
    one, other = (scene.values.get(source) for source in sources)
    if not is_number(one) or not is_number(other) or not one.dim() or one.shape != other.shape:
        return False
    users = {left[0].slot, right[0].slot}
    apart = all(source not in users and users.isdisjoint(program.sources.get(source, ())) for source in sources)
    return apart and not close(one, other)


def _replaced(use: Use, source: int, words: str) -> Repair:
    user, place = use

    def make(values: Values, scene: Scene) -> object:
        return scene.program.by_slot[user.slot].run(values, {place: values[source]})

    return Repair(user.slot, make, "swapped_factors", words, 1.3, place, portable=True)

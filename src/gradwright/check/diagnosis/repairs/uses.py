"""A quantity of the forward in some of the places where another one stands, as after `z = x` for `z = A @ x`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from gradwright.check.diagnosis.program import Instruction, Place, Values
from gradwright.check.diagnosis.repairs.sites import is_number
from gradwright.check.diagnosis.scene import Repair, Scene
from gradwright.core.nodes import Contract, Node

FEWEST = 3  # of fewer places, one or all are changed, which other repairs do
MOST = 5
Use = tuple[Instruction, Place]


def uses(scene: Scene) -> Iterator[tuple[Repair, ...]]:
    """The repairs that belong together: what is computed from a value, put in its place at two places or more."""
    program, quantities = scene.program, scene.library.quantities
    assert program is not None
    for slot in (*range(len(program.inputs)), *program.by_slot):
        places = [(user, place) for user in program.instructions for place, source in user.operands if source == slot]
        value = scene.values.get(slot)
        if not FEWEST <= len(places) <= MOST or not is_number(value) or any(user.in_place for user, _ in places):
            continue
        known = scene.recognised(value)
        if known is None or known[1]:
            continue
        for number, quantity in enumerate(quantities):
            if quantity.backward or quantities[known[0]].node not in quantity.below:
                continue
            words = f"{scene.called(slot)} stands where {quantity.name} is due"
            for count in range(2, len(places)):
                for chosen in combinations(places, count):
                    where = f"{words}, at {count} of {len(places)} places"
                    yield tuple(_replaced(chosen, number, _label(quantities[known[0]].node, quantity.node), where))


def _label(given: Node, due: Node) -> str:
    """The name of the mistake: what is due is a sum of what is given, or another function of it."""
    is_sum = isinstance(due, Contract) and [factor.node for factor in due.factors] == [given] and due.rank < given.rank
    return "unsummed_axis" if is_sum else "uses_input_instead_of_output"


def _replaced(chosen: Sequence[Use], number: int, label: str, words: str) -> Iterator[Repair]:
    """One repair for each of the operations."""
    for slot in dict.fromkeys(user.slot for user, _ in chosen):
        places = [place for user, place in chosen if user.slot == slot]

        def make(values: Values, scene: Scene, slot: int = slot, places: Sequence[Place] = places) -> object:
            assert scene.program is not None
            return scene.program.by_slot[slot].run(values, dict.fromkeys(places, scene.quantities[number].clone()))

        yield Repair(slot, make, label, words, 1.0, places[0], portable=True)

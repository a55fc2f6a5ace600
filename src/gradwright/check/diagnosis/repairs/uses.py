"""A quantity of the forward in some of the places where another one stands, as after `z = x` for `z = A @ x`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from gradwright.check.diagnosis.library import Quantity
from gradwright.check.diagnosis.program import Instruction, Place, Values
from gradwright.check.diagnosis.repairs.sites import is_number
from gradwright.check.diagnosis.scene import Repair, Scene
from gradwright.core.nodes import Contract, Node

FEWEST = 3  # of fewer places, one or all are changed, which other repairs do
MOST = 5
INPUT = "uses_input_instead_of_output"
Use = tuple[Instruction, Place]


def uses(scene: Scene) -> Iterator[tuple[Repair, ...]]:
    """The repairs that belong together: a quantity put in the place of another at two places or more."""
    program, quantities = scene.program, scene.library.quantities
    for slot in (*range(len(program.inputs)), *program.by_slot):
        places = [(user, place) for user in program.instructions for place, source in user.operands if source == slot]
        value = scene.values.get(slot)
        if not FEWEST <= len(places) <= MOST or not is_number(value) or any(user.in_place for user, _ in places):
            continue
        known = scene.recognised(value)
        if known is None or known[1]:
            continue
        for number, quantity in enumerate(quantities):
            label = _label(quantities[known[0]], quantity)
            if quantity.backward or not label:
                continue
            words = f"{scene.called(slot)} stands where {quantity.name} is due"
            for count in range(2, len(places)):
                for chosen in combinations(places, count):
                    where = f"{words}, at {count} of {len(places)} places"
                    yield tuple(_replaced(chosen, number, label, where))


def _label(given: Quantity, due: Quantity) -> str:
    """The name of the mistake: what is due is a sum of what is given, or another function of it, or the reverse.

    Empty where neither is computed from the other.
    """
    if due.node in given.below:
        return "stale_saved_value" if due.stage else ""
    return "" if given.node not in due.below else "unsummed_axis" if _is_sum(due.node, given.node) else INPUT


def _is_sum(node: Node, summand: Node) -> bool:
    alone = isinstance(node, Contract) and [factor.node for factor in node.factors] == [summand]
    return alone and node.rank < summand.rank


def _replaced(chosen: Sequence[Use], number: int, label: str, words: str) -> Iterator[Repair]:
    """One repair for each of the operations."""
    for slot in dict.fromkeys(user.slot for user, _ in chosen):
        places = [place for user, place in chosen if user.slot == slot]

        def make(values: Values, scene: Scene, slot: int = slot, places: Sequence[Place] = places) -> object:
            return scene.program.by_slot[slot].run(values, dict.fromkeys(places, scene.quantities[number].clone()))

        yield Repair(slot, make, label, words, 1.1, places[0], portable=True)

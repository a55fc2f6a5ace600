"""Factors in the wrong order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from gradwright.check.diagnosis.operations import MATRIX_PRODUCTS
from gradwright.check.diagnosis.program import Instruction, Program, Values
from gradwright.check.diagnosis.scene import Repair, Scene

ORDERED = (*MATRIX_PRODUCTS, "outer", "ger", "kron", "solve")
LONGEST = 5


def order(scene: Scene) -> Iterator[Repair]:
    """The factors of every product in every other order, and the operands of what does not commute swapped."""
    assert scene.program is not None
    for instruction in scene.program.instructions:
        if instruction.name in ORDERED and len(instruction.operands) == 2:
            (a, left), (b, right) = instruction.operands

            def swap(values: Values, scene: Scene, i: Instruction = instruction, p=(a, left, b, right)) -> object:
                return i.run(values, {p[0]: values[p[3]], p[2]: values[p[1]]})

            words = f"the two operands of {instruction.name} have to change places"
            # Of an outer product it is the same as a transpose, and says more; a Jacobian made of one is transposed.
            multiplied = any(i.name in MATRIX_PRODUCTS for i in scene.program.dependents[instruction.slot])
            cost = 0.95 if instruction.name in ("outer", "ger") and not multiplied else 1.2
            yield Repair(instruction.slot, swap, "swapped_factors", words, cost)
        if instruction.name in MATRIX_PRODUCTS:
            yield from _reordered(scene.program, instruction)


def _reordered(program: Program, instruction: Instruction) -> Iterator[Repair]:
    factors = chain(program, instruction.slot)
    if not 3 <= len(factors) <= LONGEST:
        return
    for arrangement in permutations(range(len(factors))):
        moved = sum(a != b for a, b in enumerate(arrangement))
        if moved in (0, len(factors) + 1) or (len(factors) > 4 and moved > 2):
            continue

        def product(values: Values, scene: Scene, arrangement: tuple[int, ...] = arrangement) -> object:
            result = values[factors[arrangement[0]]]
            for place in arrangement[1:]:
                result = result @ values[factors[place]]
            return result

        words = "the factors of the product stand in the wrong order"
        yield Repair(instruction.slot, product, "swapped_factors", words, 1.0 + 0.1 * moved)


def chain(program: Program, slot: int) -> list[int]:
    """The factors of a product of products, from left to right."""
    instruction = program.by_slot.get(slot)
    if instruction is None or instruction.name not in MATRIX_PRODUCTS or len(instruction.operands) != 2:
        return [slot]
    (_, left), (_, right) = instruction.operands
    return [*chain(program, left), *chain(program, right)]

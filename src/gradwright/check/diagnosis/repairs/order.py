"""Factors in the wrong order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

import torch

from gradwright.check.diagnosis.operations import MATRIX_PRODUCTS
from gradwright.check.diagnosis.program import Instruction, Program, Values
from gradwright.check.diagnosis.scene import Repair, Scene

ORDERED = (*MATRIX_PRODUCTS, "outer", "ger", "kron", "solve")
LONGEST = 5
EVERY_ORDER = 4  # of more factors, two are exchanged or one is moved


def order(scene: Scene) -> Iterator[Repair]:
    """The factors of every product in every other order, and the operands of what does not commute swapped."""
    for instruction in scene.program.instructions:
        if instruction.name in ORDERED and len(instruction.operands) == 2:
            yield from _swapped(scene, instruction)
        if instruction.name in MATRIX_PRODUCTS:
            yield from _reordered(scene, instruction)


def _swapped(scene: Scene, instruction: Instruction) -> Iterator[Repair]:
    (a, left), (b, right) = instruction.operands
    vectors = _is_vector(scene, left) or _is_vector(scene, right)
    if instruction.name in MATRIX_PRODUCTS and vectors:
        return

    def swap(values: Values, scene: Scene) -> object:
        return instruction.run(values, {a: values[right], b: values[left]})

    words = f"{scene.called(left)} and {scene.called(right)} have to change places"
    # Of an outer product it is the same as a transpose, and says more; a Jacobian made of one is transposed.
    multiplied = any(i.name in MATRIX_PRODUCTS for i in scene.program.dependents[instruction.slot])
    cost = 0.95 if instruction.name in ("outer", "ger") and not multiplied else 1.2
    yield Repair(instruction.slot, swap, "swapped_factors", words, cost)


def _is_vector(scene: Scene, slot: int) -> bool:
    """Whether a factor is a vector: on the other side of matrices it makes transposes of them, and no other order."""
    value = scene.values[slot]
    return isinstance(value, torch.Tensor) and value.dim() == 1


def _reordered(scene: Scene, instruction: Instruction) -> Iterator[Repair]:
    factors = chain(scene.program, instruction.slot)
    if not 3 <= len(factors) <= LONGEST:
        return
    vectors = [place for place, slot in enumerate(factors) if _is_vector(scene, slot)]
    for arrangement, cost in _arrangements(len(factors)).items():
        if any(arrangement[place] != place for place in vectors):
            continue

        def product(values: Values, scene: Scene, arrangement: tuple[int, ...] = arrangement) -> object:
            result = values[factors[arrangement[0]]]
            for place in arrangement[1:]:
                result = result @ values[factors[place]]
            return result

        words = "the factors of the product stand in the wrong order"
        yield Repair(instruction.slot, product, "swapped_factors", words, cost)


def _arrangements(count: int) -> dict[tuple[int, ...], float]:
    """The other orders of some factors, with how unlikely they are: the more, the more factors are elsewhere."""
    usual = tuple(range(count))
    if count <= EVERY_ORDER:
        found = {order: 1.0 + 0.1 * sum(a != b for a, b in enumerate(order)) for order in permutations(usual)}
    else:
        found = {_moved(usual, here, there): 1.3 for here in usual for there in usual}
        found |= {_exchanged(usual, left, right): 1.2 for left, right in combinations(usual, 2)}
    del found[usual]
    return found


def _moved(order: tuple[int, ...], here: int, there: int) -> tuple[int, ...]:
    rest = (*order[:here], *order[here + 1 :])
    return (*rest[:there], order[here], *rest[there:])


def _exchanged(order: tuple[int, ...], left: int, right: int) -> tuple[int, ...]:
    return tuple(right if place == left else left if place == right else place for place in order)


def chain(program: Program, slot: int) -> list[int]:
    """The factors of a product of products, from left to right."""
    instruction = program.by_slot.get(slot)
    if instruction is None or instruction.name not in MATRIX_PRODUCTS or len(instruction.operands) != 2:
        return [slot]
    (_, left), (_, right) = instruction.operands
    return [*chain(program, left), *chain(program, right)]

"""The letters of an einsum: the axes of an operand in another order, or one axis with the letter of another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import torch

from gradwright.check.diagnosis.program import Instruction
from gradwright.check.diagnosis.scene import Repair, Scene
from gradwright.frozen import replace

MOST_AXES = 4


def subscripts(scene: Scene) -> Iterator[Repair]:
    """Every einsum with other letters for one operand, or for its result."""
    for instruction in scene.program.instructions:
        equation = instruction.arguments[0] if instruction.name == "einsum" else None
        if isinstance(equation, str) and "->" in equation and "." not in equation:
            yield from _other_letters(instruction, equation.replace(" ", ""), scene)


def _other_letters(instruction: Instruction, equation: str, scene: Scene) -> Iterator[Repair]:
    operands, result = equation.split("->")
    groups = [*operands.split(","), result]
    shapes = [scene.values[slot].shape for _, slot in instruction.operands]
    sizes = {letter: size for g, s in zip(groups, shapes, strict=False) for letter, size in zip(g, s, strict=False)}
    names = [*(f"of {scene.called(slot)}" for _, slot in instruction.operands), "of the result"]
    for place, (group, name) in enumerate(zip(groups, names, strict=True)):
        for other, label, cost in (*_reordered(group), *_relabelled(group, sizes)):
            if len(other) == len(group) and (place < len(groups) - 1 or set(other) <= set(operands)):
                changed = [*groups[:place], other, *groups[place + 1 :]]
                words = f"the subscripts {group} {name} in einsum should be {other}"
                yield _repair(instruction, f"{','.join(changed[:-1])}->{changed[-1]}", label, words, cost)


def _reordered(group: str) -> Iterator[tuple[str, str, float]]:
    """The letters in another order; of a matrix that is its transpose, which is told otherwise."""
    for order in permutations(range(len(group))) if 2 < len(group) <= MOST_AXES else ():
        label = "missing_transpose" if all(order[order[axis]] == axis for axis in order) else "wrong_axis"
        if order != tuple(range(len(group))):
            yield "".join(group[axis] for axis in order), label, 0.98


def _relabelled(group: str, sizes: dict[str, int]) -> Iterator[tuple[str, str, float]]:
    """One letter replaced by another one, of an axis of the same size."""
    for axis, letter in enumerate(group):
        for other, size in sizes.items():
            if other != letter and size == sizes.get(letter):
                yield f"{group[:axis]}{other}{group[axis + 1 :]}", "wrong_axis", 1.1


def _repair(instruction: Instruction, equation: str, label: str, words: str, cost: float) -> Repair:
    turned = replace(instruction, function=torch.einsum, arguments=(equation, *instruction.arguments[1:]))
    return Repair(instruction.slot, lambda values, scene: turned.run(values), label, words, cost, portable=True)

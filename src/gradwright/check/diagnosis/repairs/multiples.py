"""Signs and constant factors: a value times a rational number, or times a size."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import torch

from gradwright.check.diagnosis.operations import ENTRYWISE_PRODUCTS, MATRIX_PRODUCTS, QUOTIENTS, SUMS
from gradwright.check.diagnosis.program import Instruction, Values
from gradwright.check.diagnosis.repairs.sites import Site, is_number, sites
from gradwright.check.diagnosis.scene import Repair, Scene, close, largest

PRODUCTS = (*ENTRYWISE_PRODUCTS, *QUOTIENTS, *MATRIX_PRODUCTS)
MAGNITUDES = ("abs", "absolute", "__abs__")
CLIPS = ("clamp", "clip", "clamp_min", "clamp_max", "hardtanh")
FACTORS = tuple(map(Fraction, ("2", "1/2", "4", "1/4", "3", "1/3", "3/2", "2/3", "8", "1/8", "6", "1/6")))


def multiples(scene: Scene) -> Iterator[Repair]:
    """Every value negated, dropped, or multiplied by a number."""
    for site in sites(scene):
        if largest(site.value) == 0:
            continue
        yield site.repair(lambda v: -v, "wrong_sign", f"{site.words} has the wrong sign", 1.0)
        yield from _scaled(site)
        yield from _sized(site, scene)
    yield from _dropped(scene)
    yield from _without_factor(scene)
    yield from _untouched(scene)


def _untouched(scene: Scene) -> Iterator[Repair]:
    """A value without the function of it that takes signs away, or cuts entries off."""
    for instruction in scene.program.instructions:
        if instruction.name not in (*MAGNITUDES, *CLIPS) or not instruction.operands:
            continue
        source = instruction.operands[0][1]
        called = scene.called(source)

        def untouched(values: Values, scene: Scene, source: int = source) -> object:
            return values[source]

        if instruction.name in MAGNITUDES:
            words = f"{instruction.name} takes the sign of {called} away"
            yield Repair(instruction.slot, untouched, "wrong_sign", words, 1.0, portable=True)
        else:
            words = f"{instruction.name} cuts off entries of {called}, and does not belong"
            yield Repair(instruction.slot, untouched, "extra_term", words, 1.0, portable=True)


def _scaled(site: Site) -> Iterator[Repair]:
    for factor in FACTORS:
        words = f"{site.words} has to be multiplied by {factor}"
        small, large = sorted(factor.as_integer_ratio())
        cost = 1.0 + 0.02 * (large**2 + small)
        yield site.repair(lambda v, c=factor: v * float(c), "wrong_factor", words, cost)


def _sized(site: Site, scene: Scene) -> Iterator[Repair]:
    """Times, or divided by, the size of a dimension."""
    for name in scene.point.sizes:
        for power in (1, -1, 2, -2):
            words = (
                f"{site.words} has to be {'multiplied' if power > 0 else 'divided'} by {name}{'²' * (abs(power) > 1)}"
            )

            def make(values: dict, scene: Scene, name: str = name, power: int = power) -> object:
                return site.made(lambda v: v * float(scene.point.sizes[name]) ** power, values, scene)

            yield Repair(site.slot, make, "wrong_factor", words, 1.2 + 0.2 * abs(power), site.place, portable=True)
        yield from _one_less(site, name)


def _one_less(site: Site, name: str) -> Iterator[Repair]:
    """A mean over n entries that divides by n − 1, or the other way round."""
    for written, due, power in ((f"{name} − 1", name, 1), (name, f"{name} − 1", -1)):
        words = f"{site.words} has {written} where {due} is due"

        def make(values: Values, scene: Scene, power: int = power) -> object:
            size = float(scene.point.sizes[name])
            return site.made(lambda v: v * (1 - 1 / size) ** power, values, scene)

        yield Repair(site.slot, make, "wrong_factor", words, 1.08, site.place, portable=True)


def _dropped(scene: Scene) -> Iterator[Repair]:
    """A summand left out; not one of two equal ones, which are a factor 2."""
    for instruction in scene.program.instructions:
        if instruction.name in SUMS and len(instruction.operands) == 2 and not _doubled(instruction, scene):
            for place, source in instruction.operands:

                def drop(values: Values, scene: Scene, i: Instruction = instruction, p=place, s=source) -> object:
                    return i.run(values, {p: values[s] * 0})

                words = f"the summand {scene.called(source)} does not belong"
                yield Repair(instruction.slot, drop, "extra_term", words, 1.0, place)
        elif instruction.name in SUMS and len(instruction.operands) == 1:
            yield from _without_number(instruction)


def _without_number(instruction: Instruction) -> Iterator[Repair]:
    """A number that is added, as to a denominator, left out, or of the opposite sign."""
    numbers = [given for given in instruction.arguments if isinstance(given, int | float)]
    if len(numbers) == 1 and numbers[0]:
        for other, label, words in (
            (0, "extra_term", f"the summand {numbers[0]:.12g} does not belong"),
            (-numbers[0], "wrong_sign", f"the summand {numbers[0]:.12g} has the wrong sign"),
        ):
            rest = tuple(other if given is numbers[0] else given for given in instruction.arguments)
            turned = Instruction(instruction.slot, instruction.function, rest, instruction.keywords)
            yield Repair(instruction.slot, lambda v, scene, t=turned: t.run(v), label, words, 1.0, portable=True)


def _without_factor(scene: Scene) -> Iterator[Repair]:
    """A factor left out that the cotangent does not enter, and that is no number of the code."""
    moving = {0, *(i.slot for i in scene.program.dependents[0])}
    for instruction in scene.program.instructions:
        if instruction.name not in PRODUCTS or len(instruction.operands) != 2:
            continue
        for kept, other in (instruction.operands, instruction.operands[::-1]):
            divided = instruction.name in QUOTIENTS and kept[0] != (0,)
            if is_number(scene.values[other[1]]) and other[1] not in moving and not divided:
                words = f"the factor {scene.called(other[1])} does not belong"

                def alone(values: Values, scene: Scene, source: int = kept[1]) -> object:
                    return values[source]

                yield Repair(instruction.slot, alone, "wrong_power", words, 1.2, portable=True)


def _doubled(instruction: Instruction, scene: Scene) -> bool:
    left, right = (scene.values.get(source) for _, source in instruction.operands)
    return isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor) and close(left, right)

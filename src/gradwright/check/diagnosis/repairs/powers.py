"""Wrong powers: of an exponent that was written, and of a value as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import reduce
from typing import Any

import torch

from gradwright.check.diagnosis.operations import INVERSES, POWERS, SUMS
from gradwright.check.diagnosis.program import Instruction, Place, Slot, Values
from gradwright.check.diagnosis.repairs.order import chain
from gradwright.check.diagnosis.repairs.sites import Site, sites
from gradwright.check.diagnosis.scene import CLOSE, Repair, Scene

SIMPLE = 64  # a number whose denominator is smaller is a fraction
EXPONENTS = (2.0, 0.5, -1.0, 3.0, -2.0, 1.5, -0.5)


def powers(scene: Scene) -> Iterator[Repair]:
    """Every exponent changed; every value that the cotangent does not enter raised to a power."""
    moving = {0, *(i.slot for i in scene.program.dependents[0])}
    for instruction in scene.program.instructions:
        if instruction.name in (*POWERS, "matrix_power"):
            yield from _exponents(instruction)
            yield from _taken_of_a_summand(instruction, scene)
        if instruction.name in SUMS:
            yield from _taken_of_the_sum(instruction, scene)
        yield from _once_less(scene, instruction)
    for site in sites(scene):
        if site.source not in moving:
            yield from _raised(site)


def _once_less(scene: Scene, instruction: Instruction) -> Iterator[Repair]:
    """A product in which a square factor occurs several times, with one of them taken out."""
    factors = chain(scene.program, instruction.slot)
    for slot in dict.fromkeys(factors):
        value = scene.values.get(slot)
        square = isinstance(value, torch.Tensor) and value.dim() == 2 and value.shape[0] == value.shape[1]
        if not square or factors.count(slot) < 2:
            continue
        place = factors.index(slot)
        kept = [*factors[:place], *factors[place + 1 :]]

        def product(values: Values, scene: Scene, kept: list[int] = kept) -> object:
            return reduce(torch.matmul, [values[each] for each in kept])

        words = f"{scene.called(slot)} is there once too often"
        yield Repair(instruction.slot, product, "wrong_power", words, 1.2, portable=True)


def _exponents(instruction: Instruction) -> Iterator[Repair]:
    base, *rest = instruction.arguments
    if not rest or not isinstance(rest[0], int | float):
        return
    for change in (1, -1, 2, -2, 0.5, -0.5):
        if rest[0] + change == 0:
            continue  # then it does not belong, whatever its power
        yield _with_exponent(instruction, base, rest[0] + change, 0.9 + 0.05 * abs(change))
    yield _with_exponent(instruction, base, -rest[0], 0.98)
    for factor in (2, 0.5):  # a standard deviation where a variance is meant, or the other way round
        yield _with_exponent(instruction, base, factor * rest[0], 0.97)


def _taken_of_a_summand(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """The power of a sum, `(1 − q)²`, where that of one summand is due, `1 − q²`."""
    base, *rest = instruction.arguments
    inner = scene.program.by_slot.get(base.index) if isinstance(base, Slot) else None
    if inner is None or inner.name not in SUMS or not rest or not isinstance(rest[0], int | float):
        return
    for place, source in inner.operands:

        def of_summand(values: Values, scene: Scene, place: Place = place, source: int = source) -> object:
            return inner.run(values, {place: values[source] ** rest[0]})

        words = f"the power is taken of {scene.called(base.index)}; that of {scene.called(source)} alone is due"
        yield Repair(instruction.slot, of_summand, "wrong_power", words, 1.1)


def _taken_of_the_sum(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """A sum with the power of one summand, `1 + q²`, where that of the sum is due, `(1 + q)²`."""
    for place, source in instruction.operands:
        maker = scene.program.by_slot.get(source)
        raised = maker is not None and maker.name in ("pow", "__pow__", "square")
        if maker is None or not raised or not isinstance(maker.arguments[0], Slot):
            continue
        base, exponent = maker.arguments[0].index, maker.arguments[1] if len(maker.arguments) > 1 else 2

        def of_sum(values: Values, scene: Scene, place: Place = place, base: int = base, k: Any = exponent) -> object:
            return instruction.run(values, {place: values[base]}) ** k

        if isinstance(exponent, int | float):
            words = f"the power is taken of {scene.called(base)} alone; that of the sum is due"
            yield Repair(instruction.slot, of_sum, "wrong_power", words, 1.15)


def _with_exponent(instruction: Instruction, base: object, exponent: float, cost: float) -> Repair:
    turned = Instruction(instruction.slot, instruction.function, (base, exponent), instruction.keywords)

    def raise_(values: Values, scene: Scene) -> object:
        return turned.run(values)

    words = f"the exponent {_text(instruction.arguments[1])} should be {_text(exponent)}"
    return Repair(instruction.slot, raise_, "wrong_power", words, cost)


def _text(exponent: float) -> str:
    """An exponent, as a fraction where it is one."""
    fraction = Fraction(exponent).limit_denominator(SIMPLE)
    return str(fraction) if abs(float(fraction) - exponent) <= CLOSE else f"{exponent:g}"


def _raised(site: Site) -> Iterator[Repair]:
    if site.value.is_complex() or not site.value.is_floating_point():
        return
    positive = bool((site.value > 0).all())
    for exponent in EXPONENTS:
        if not positive and exponent != int(exponent):
            continue
        words = f"{site.words} stands to the wrong power: it should be raised to {exponent:g}"
        yield site.repair(lambda v, k=exponent: v**k, "wrong_power", words, 1.15 + 0.02 * abs(exponent))
    if site.value.dim() == 2 and site.value.shape[0] == site.value.shape[1]:
        words = f"{site.words} stands to the wrong power: it should be multiplied by itself"
        yield site.repair(lambda v: v @ v, "wrong_power", words, 1.2)
        twice = site.maker is not None and site.maker.name in INVERSES
        label = "wrong_power" if twice else "uses_input_instead_of_output"
        yield site.repair(torch.linalg.inv, label, f"{site.words} is due inverted", 1.5)

"""Numbers that should be other ones: what they should be is solved for, and then has to hold at every point.

A gradient depends on most of its constants affinely, so that one step of Newton's method finds the right one; of
others, as inside of a tanh, a few steps do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import torch

from gradwright.check.diagnosis.of_sizes import Length, OfSizes, in_sizes
from gradwright.check.diagnosis.operations import ENTRYWISE
from gradwright.check.diagnosis.program import Instruction, Values
from gradwright.check.diagnosis.repairs.sites import Site, nearest_sites
from gradwright.check.diagnosis.scene import CLOSE, Repair, Scene, attempt, close, largest, multiple_of

ARITHMETIC = (*ENTRYWISE, "rsub", "rdiv", "__rsub__", "__rdiv__", "__rtruediv__")
MOST_STEPS = 12
NEARER = 0.8  # times what was missing before
MOST_DOWN = -3.0  # where a step would change the sign, the logarithm takes it
STEP = 1e-3  # of the number, to difference by
LARGEST = 1e6  # times what was written: nothing that a person mistakes for the number
DIGITS = 1e-5  # of the number: with a smaller difference, several numbers explain the same
WRITTEN = 0.98
OF_SIZES = 0.005  # what a number that depends on sizes costs more than one that does not
MOST_PARTS = 4  # as in 3/4
SIMPLE = 1000  # a number whose denominator is smaller is written as it is
MOST_DIGITS = 8
At = Callable[[float], Repair]


def numbers(scene: Scene) -> Iterator[Repair]:
    """Every number that stands in the code, made the one that gives the right gradient."""
    whole = multiple_of(scene.returned, scene.wanted)
    for instruction in scene.program.instructions if not scene.misshapen else ():
        for place, written in enumerate(instruction.arguments) if instruction.name in ARITHMETIC else ():
            if isinstance(written, int | float) and not isinstance(written, bool) and written:
                found = _solved(lambda number, i=instruction, p=place: _rewritten(i, p, number), float(written), scene)
                if found is None or abs(found / written - 1) <= DIGITS:
                    continue
                is_factor = whole is not None and abs(found / written * whole - 1) <= DIGITS
                if not is_factor or _is_more_likely(found):
                    words = f"the number {written:.12g} should be"
                    yield _rewritten(instruction, place, found, f"{words} {_text(found)}")
                    for due in in_sizes(found, scene.point.sizes, MOST_PARTS) if found > 0 else ():
                        yield _rewritten(instruction, place, due, f"{words} {due}", WRITTEN + OF_SIZES)


def _is_more_likely(number: float) -> bool:
    """Whether a number is rather written than that it is left out by which the whole gradient is off."""
    return number != 1 and Fraction(number).limit_denominator(MOST_PARTS) == Fraction(number)


def other_sizes(scene: Scene) -> Iterator[Repair]:
    """Every size that stands in the code, made another, or one less or more, as in the divisor of a variance."""
    every = [Length(name, less) for name in scene.point.sizes for less in (0, 1)]
    for instruction in scene.program.instructions:
        for place, written in enumerate(instruction.arguments) if instruction.name in ARITHMETIC else ():
            for given in every if isinstance(written, int | float) else ():
                for due in every if written == given.at(scene.point.sizes) else ():
                    if (given.name == due.name) != (given.less == due.less):
                        yield _with_length(instruction.slot, place, given, due)


def _with_length(slot: int, place: int, given: Length, due: Length) -> Repair:
    def make(values: Values, scene: Scene) -> object:
        own = scene.program.by_slot[slot]
        if own.arguments[place] != given.at(scene.point.sizes):
            raise ValueError("the number that stands in the code is no size")
        return _with_number(own, place, due.at(scene.point.sizes)).run(values)

    return Repair(slot, make, "wrong_factor", f"{given} stands where {due} is due", WRITTEN - 0.01, portable=True)


def multiples_of_values(scene: Scene) -> Iterator[Repair]:
    """Every value times the number that gives the right gradient."""
    for site in nearest_sites(scene) if not scene.misshapen else ():
        if site.whole or largest(site.value) == 0:
            continue
        found = _solved(lambda number, s=site: _times(s, number), 1.0, scene)
        if found is not None and min(abs(found - 1), abs(found)) > DIGITS:
            words = f"{site.words} has to be multiplied by"
            yield _times(site, found, f"{words} {_text(found)}")
            for due in in_sizes(found, scene.point.sizes, MOST_PARTS) if found > 0 else ():
                yield _times(site, due, f"{words} {due}", 1.6 + OF_SIZES)


def _rewritten(
    instruction: Instruction, place: int, number: float | OfSizes, words: str = "", cost: float = WRITTEN
) -> Repair:
    slot = instruction.slot

    def make(values: Values, scene: Scene) -> object:
        return _with_number(scene.program.by_slot[slot], place, _number_at(number, scene)).run(values)

    return Repair(slot, make, "wrong_factor", words, cost, portable=True)


def _with_number(instruction: Instruction, place: int, number: float) -> Instruction:
    arguments = tuple(number if p == place else given for p, given in enumerate(instruction.arguments))
    return Instruction(instruction.slot, instruction.function, arguments, instruction.keywords)


def _number_at(number: float | OfSizes, scene: Scene) -> float:
    return number.at(scene.point.sizes) if isinstance(number, OfSizes) else number


def _times(site: Site, number: float | OfSizes, words: str = "", cost: float = 1.6) -> Repair:
    def make(values: Values, scene: Scene) -> object:
        return site.made(lambda v: v * _number_at(number, scene), values, scene)

    return Repair(site.slot, make, "wrong_factor", words, cost, site.place, portable=isinstance(number, OfSizes))


def _solved(at: At, written: float, scene: Scene) -> float | None:
    """The number of the same sign that gives the right gradient, by Newton's method; None if there is none."""
    number, missing = written, largest(scene.wanted - scene.returned)
    for _ in range(MOST_STEPS):
        here, beside = attempt(scene, at(number)), attempt(scene, at(number * (1 + STEP)))
        if here is None or beside is None or here.shape != scene.wanted.shape:
            return None
        if close(here, scene.wanted):
            return _written(number, at, scene)
        step = _least_squares((beside - here) / (STEP * number), scene.wanted - here) / number
        number *= 1 + step if step > -1 else math.exp(max(step, MOST_DOWN))
        if not 1 / LARGEST < number / written < LARGEST or not _is_nearer(attempt(scene, at(number)), missing, scene):
            return None
        missing = largest(scene.wanted - here)
    return None


def _is_nearer(found: torch.Tensor | None, missing: float, scene: Scene) -> bool:
    return found is not None and largest(scene.wanted - found) <= NEARER * missing


def _least_squares(slope: torch.Tensor, due: torch.Tensor) -> float:
    """How far to go along a slope to what is due."""
    square = float((slope.conj() * slope).sum().real)
    return float((slope.conj() * due).sum().real) / square if square else float("nan")


def _written(number: float, at: At, scene: Scene) -> float:
    """The number as a person would write it, if that is as good."""
    simple = float(Fraction(number).limit_denominator(SIMPLE))
    for shorter in (simple, *(float(f"{number:.{digits}g}") for digits in range(1, MOST_DIGITS))):
        found = attempt(scene, at(shorter))
        if found is not None and close(found, scene.wanted):
            return shorter
    return number


def _text(number: float) -> str:
    fraction = Fraction(number).limit_denominator(SIMPLE)
    short = f"{number:.10g}"
    return str(fraction) if abs(float(fraction) - number) <= CLOSE * abs(number) and len(short) > 6 else short

"""A gradient that is off by a number: as a whole, in every entry by one of its own, or in one of its terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain, combinations
from math import prod

import torch

from gradwright.back.render import told
from gradwright.check.diagnosis.candidates import Candidates, value_of
from gradwright.check.diagnosis.difference import by_entry, entry_weights
from gradwright.check.diagnosis.explanation import Explanation
from gradwright.check.diagnosis.mutants.mutant import Mutant
from gradwright.check.diagnosis.scene import CLOSE, VAGUE, Scene, close, largest, multiple_of
from gradwright.core.dims import sizes_text
from gradwright.core.nodes import Node
from gradwright.core.sums import add, scaled, terms_of
from gradwright.simplify.expansion import expand

BY_ENTRY = 1.7  # what the same numbers in every entry cost, which are no accident
NEGLIGIBLE = 1e-6  # beside the gradient that is due
MOST_TERMS = 6
MOST_SIZES = 3  # that a gradient is off by the product of
MOST_FRACTION = 64  # the largest denominator of a number that the whole is off by
SIMPLE = 1000  # the largest denominator of a number that is written as a fraction


def with_a_multiple(single: Candidates, scene: Scene) -> Iterator[Explanation]:
    """One mistake, and a sign and a number by which the whole is off."""
    for mutant, value in single.formulas:
        scale = multiple_of(scene.returned, value)
        if scale is not None and abs(scale) > NEGLIGIBLE:
            yield Explanation(mutant, (), sign_and_number(single.right, scale), scale)
    for repair, value in single.computations:
        scale = multiple_of(value, scene.wanted)
        if scale is not None and abs(scale) > NEGLIGIBLE:
            yield Explanation(None, (repair,), sign_and_number(single.right, scale), scale)


def multiples_of_terms(right: Node, scene: Scene) -> Iterator[Explanation]:
    """One term of the gradient times a number, which what is off by is a multiple of."""
    parts = terms_of(expand(right, lambda node: True))
    for place, part in enumerate(parts) if 2 <= len(parts) <= MOST_TERMS else ():
        value = value_of(Mutant(part, "", ""), scene)
        ratio = multiple_of(scene.returned - scene.wanted, value) if value is not None and not scene.misshapen else None
        number = Fraction(1 + (ratio or 0)).limit_denominator(SIMPLE)
        if number > 0 and number != 1:
            changed = add([*parts[:place], scaled(number, part), *parts[place + 1 :]])
            words = f"the term {told(part)} is multiplied by {number}"
            yield Explanation(Mutant(changed, "wrong_factor", words, 1.2))


def multiples_of_all(right: Node, scenes: Sequence[Scene]) -> list[Explanation]:
    """A gradient that is a multiple of the right one: by a number, or by a scalar that depends on the inputs."""
    ratios = [_ratio(scene) for scene in scenes]
    first = ratios[0]
    if first is None or any(ratio is None for ratio in ratios):
        return _multiple_by_entry(right, scenes)
    alike = [r for r, s in zip(ratios, scenes, strict=True) if s.point.sizes == scenes[0].point.sizes and r is not None]
    if any(abs(ratio - first) > CLOSE * abs(first) for ratio in alike):
        words = "a scalar factor that depends on the inputs is missing or wrong"
        return [Explanation(None, (), (Mutant(right, "missing_chain_factor", words, VAGUE),))]
    known = [abs(ratio) for ratio in ratios if ratio is not None]
    parts = sign_and_number(right, first, _of_sizes(known, [scene.point.sizes for scene in scenes]))
    return [Explanation(None, (), parts, first)] if parts else []


def _of_sizes(ratios: Sequence[float], sizes: Sequence[Mapping[str, int]]) -> str:
    """Numbers that differ where sizes do, as a number times sizes, or by them; empty where they do not differ.

    Of several that give the same, the one with the simplest number counts. Where none does, two are told
    with the sizes.
    """
    if max(ratios) - min(ratios) <= CLOSE * max(ratios):
        return ""
    found: dict[str, Fraction] = {}
    for names in chain.from_iterable(combinations(sizes[0], count) for count in range(1, MOST_SIZES + 1)):
        products = [prod(given[name] for name in names) for given in sizes]
        for power in (1, -1):
            rest = [ratio / product**power for ratio, product in zip(ratios, products, strict=True)]
            number = Fraction(rest[0]).limit_denominator(MOST_FRACTION)
            if all(abs(value - number) <= CLOSE * value for value in rest):
                found[_quotient(number, names if power == 1 else (), names if power == -1 else ())] = number
    if found:
        return min(found, key=lambda words: found[words].numerator + found[words].denominator)
    other = next(place for place, given in enumerate(sizes) if given != sizes[0])
    first, second = (f"{_number(ratios[place])} (where {sizes_text(sizes[place])})" for place in (0, other))
    return f"{first} or {second}"


def _quotient(number: Fraction, above: Sequence[str], below: Sequence[str]) -> str:
    top = [str(number.numerator)] * (number.numerator != 1 or not above) + [*above]
    bottom = [str(number.denominator)] * (number.denominator != 1) + [*below]
    under = " ".join(bottom)
    return " ".join(top) + (f"/({under})" if len(bottom) > 1 else f"/{under}" if bottom else "")


def _multiple_by_entry(right: Node, scenes: Sequence[Scene]) -> list[Explanation]:
    """A gradient of which every entry is off by a number of its own, the same at all points of the same sizes."""
    alike = [scene for scene in scenes if scene.point.sizes == scenes[0].point.sizes]
    if len(alike) < 2 or scenes[0].misshapen or largest(scenes[0].returned) == 0:
        return []
    weights = entry_weights(scenes[0].returned, scenes[0].wanted)
    if not all(close(scene.returned, weights * scene.wanted) for scene in alike):
        return []
    label = "wrong_factor" if bool(weights.all()) else "wrong_mask"
    label = "wrong_sign" if close(weights.abs(), torch.ones_like(weights)) else label
    return [Explanation(None, (), (Mutant(right, label, by_entry(weights), BY_ENTRY),))]


def sign_and_number(right: Node, scale: float, told_as: str = "") -> tuple[Mutant, ...]:
    """A sign and a number in words; the number may have an expression in sizes."""
    parts: list[Mutant] = []
    if scale < 0:
        parts.append(Mutant(right, "wrong_sign", "the whole gradient has the wrong sign", 1.0))
    if abs(abs(scale) - 1) > CLOSE:
        words = f"the whole gradient is {told_as or _number(abs(scale))} times what it should be"
        parts.append(Mutant(right, "wrong_factor", words, 1.3))
    return tuple(parts)


def _number(value: float) -> str:
    fraction = Fraction(value).limit_denominator(MOST_FRACTION)
    return str(fraction) if abs(float(fraction) - value) <= CLOSE * value else f"{value:.6g}"


def _ratio(scene: Scene) -> float | None:
    """The real number by which the right gradient has to be multiplied to give the user's."""
    return multiple_of(scene.returned, scene.wanted)

"""A component that was not removed: along a vector, or the mean."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gradwright.check.diagnosis.operations import SUMS
from gradwright.check.diagnosis.repairs.sites import is_number, nearest_sites
from gradwright.check.diagnosis.scene import CLOSE, VAGUE, Repair, Scene, largest, multiple_of


def projected(scene: Scene) -> Iterator[Repair]:
    """The component along a vector, or the mean, removed from a value.

    Where a multiple of the vector is taken on the way to the value already, that is a wrong one.
    """
    parallel = set(_parallel(scene))
    for site in nearest_sites(scene):
        if site.value.dim() == 0 or site.user is not None:
            continue
        for axis in (None, *range(site.value.dim())) if site.value.dim() > 1 else (0,):
            if _is_nothing(site.value - site.value.mean(dim=axis, keepdim=True), site.value):
                continue  # of what does not vary nothing would be left
            words = f"the mean of {site.words} has to be removed"
            yield site.repair(lambda v, a=axis: v - v.mean(dim=a, keepdim=True), "missing_projection", words, 1.35)
        before = [slot for slot in {slot for slot, _ in parallel} if site.source in scene.after(slot)]
        for number, quantity in enumerate(scene.library.quantities):
            along = scene.quantities[number]
            # Of what lies along the quantity nothing would be left.
            if along.shape == site.value.shape and not _is_nothing(_without(site.value, along), site.value):
                words = f"the component of {site.words} along {quantity.name} has to be removed"
                cost = VAGUE if any((slot, number) in parallel for slot in before) else 1.32
                yield site.combined(number, _without, "missing_projection", words, cost)


def _parallel(scene: Scene) -> Iterator[tuple[int, int]]:
    """The sums with a summand that is a multiple of a quantity, each with the number of that."""
    for instruction in scene.program.instructions:
        values = [scene.values.get(source) for _, source in instruction.operands if instruction.name in SUMS]
        summands = [value for value in values if is_number(value)]
        for number, quantity in enumerate(scene.quantities):
            if any(multiple_of(value, quantity) is not None for value in summands):
                yield instruction.slot, number


def _is_nothing(rest: torch.Tensor, value: torch.Tensor) -> bool:
    return largest(rest) <= CLOSE * largest(value)


def _without(value: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    inner = (along.conj() * value).sum() / (along.conj() * along).sum()
    return value - along * inner

"""Other values of the user's computation: one of them in the place of another, not added, or not multiplied in.

They are tried where no quantity of the formula explains the gradient. A value that is computed and not used is among
them: it is likely what should have been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from gradwright.check.diagnosis.program import Values
from gradwright.check.diagnosis.repairs.multiplied import row
from gradwright.check.diagnosis.repairs.sites import Site, is_number, nearest_sites
from gradwright.check.diagnosis.scene import Repair, Scene, close, multiple_of

Combine = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
PRODUCTS: tuple[tuple[str, Combine, bool], ...] = (
    ("the factor {0} is missing on the right of {2}", lambda v, u: v @ u, False),
    ("the factor {1} is missing on the right of {2}", lambda v, u: v @ u.mH, False),
    ("the factor {0} is missing on the left of {2}", lambda v, u: u @ v, True),
    ("the factor {1} is missing on the left of {2}", lambda v, u: u.mH @ v, True),
)


def at_hand(scene: Scene) -> Iterator[Repair]:
    """Every value with another one that does not depend on it: in its place, added, multiplied in."""
    for site in nearest_sites(scene):
        yield from _constants_added(site)
        yield from _kronecker_added(site, scene)
        for slot in _others(site, scene):
            if scene.value_of(slot).shape == site.value.shape:
                yield from _added_or_instead(site, slot, scene)
            yield from _multiplied(site, slot, scene)
            yield from _weighted(site, slot, scene)


def _others(site: Site, scene: Scene) -> Iterator[int]:
    """The values that are there before the one of the site, or are not used; not a number, or a multiple of it."""
    for slot, value in (*scene.values.items(), *scene.idle.items()):
        before = slot < site.slot or slot in scene.idle
        if not before or slot == site.source or not is_number(value) or not value.dim():
            continue
        if value.shape != site.value.shape or not (close(value, site.value) or multiple_of(site.value, value)):
            yield slot


def _added_or_instead(site: Site, slot: int, scene: Scene) -> Iterator[Repair]:
    """One value added to another of its shape, or in its place; for what the formula knows other repairs do that."""
    name, value = scene.called(slot), scene.value_of(slot)
    for sign, words in (
        (1.0, f"{name} is not added to {site.words}"),
        (-1.0, f"{name} is not taken from {site.words}"),
    ):
        yield _repair(site, slot, lambda v, u, s=sign: v + s * u, "missing_term", words, 1.6)
    if scene.known(slot) is not None:
        return
    if _are_opposite(site.value, value):
        words = f"{site.words} has the entries that {name} has not, which is due"
        yield _repair(site, slot, lambda v, u: u, "wrong_mask", words, 1.2)
        return
    label = "uses_input_instead_of_output" if slot in scene.after(site.source) else "stale_saved_value"
    yield _repair(site, slot, lambda v, u: u, label, f"{site.words} stands where {name} is due", 1.5)
    if value.dim() == 2 and value.shape[0] == value.shape[1]:
        yield _repair(
            site,
            slot,
            lambda v, u: u.mT,
            label,
            f"{site.words} stands where {scene.called(slot, swapped=True)} is due",
            1.8,
        )


def _are_opposite(value: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether one has numbers where the other has zeros, and the other way round, as two opposite masks leave."""
    return bool(((value != 0) ^ (other != 0)).all()) and bool(value.any()) and bool(other.any())


def _multiplied(site: Site, slot: int, scene: Scene) -> Iterator[Repair]:
    """One value multiplied into another, entry by entry or as a square matrix, or the inner product of two vectors.

    Of what the formula knows too, matrices alone: eigenvectors have other signs in the user's computation.
    """
    value, given = scene.value_of(slot), site.value
    name, known = scene.called(slot), scene.known(slot) is not None
    turned = scene.called(slot, swapped=True) if value.dim() == 2 else row(name)
    if not known and (value.shape == given.shape or (given.dim() == 0 and value.shape in site.summed(scene))):
        words = f"{name} is not multiplied into {site.words}"
        yield _repair(site, slot, torch.mul, "missing_chain_factor", words, 1.7)
    if not known and value.dim() == 1 and value.shape == given.shape:
        words = f"the factor {turned} is missing on the left of {site.words}"
        yield _repair(site, slot, lambda v, u: (u.conj() * v).sum(), "missing_chain_factor", words, 1.7)
    if value.dim() != 2 or value.shape[0] != value.shape[1] or given.dim() not in (1, 2):
        return
    for words, combine, on_left in PRODUCTS:
        if value.shape[0] == given.shape[0 if on_left else -1] and (on_left or given.dim() == 2):
            words = words.format(name, turned, site.words)
            yield _repair(site, slot, combine, "missing_chain_factor", words, 1.7)


def _weighted(site: Site, slot: int, scene: Scene) -> Iterator[Repair]:
    """The lines of a value multiplied by the sums along an axis of a matrix, as by the degrees of a graph."""
    matrix = scene.value_of(slot)
    for axis in (0, 1) if matrix.dim() == 2 else ():
        sums = matrix.sum(axis)
        if close(sums, sums.mean().expand_as(sums)):
            continue
        words = f"{site.words} has to be multiplied by sum({scene.called(slot)}, axis={axis})"
        for along, line in ((" along the rows", (..., None)), (" along the columns", (None, ...)), ("", ...)):
            weights = sums[line]
            if site.value.dim() == weights.dim() and all(
                own == size or size == 1 for own, size in zip(site.value.shape, weights.shape, strict=True)
            ):
                yield _repair(
                    site,
                    slot,
                    lambda v, u, a=axis, i=line: v * u.sum(a)[i],
                    "missing_chain_factor",
                    f"{words}{along}",
                    1.6,
                )


def _repair(site: Site, slot: int, combine: Combine, label: str, words: str, cost: float) -> Repair:
    def make(values: Values, scene: Scene) -> object:
        other = scene.idle[slot] if slot in scene.idle else values[slot]
        return site.made(lambda value: combine(value, other), values, scene)

    cost += 0.1 if site.user is not None else 0.0
    return Repair(site.slot, make, label, words, cost, site.place, portable=True)


def _constants_added(site: Site) -> Iterator[Repair]:
    """An identity, or a one in every entry, that is not added to a value."""
    square = site.value.dim() == 2 and site.value.shape[0] == site.value.shape[1]
    for sign, verb in ((1, "added to"), (-1, "taken from")):
        words = f"1 is not {verb} {site.words}"
        yield site.repair(lambda v, s=sign: v + s, "missing_term", words, 1.6)
        if square:
            words = f"the identity is not {verb} {site.words}"
            yield site.repair(lambda v, s=sign: v + s * torch.eye(len(v), dtype=v.dtype), "missing_term", words, 1.5)


def _kronecker_added(site: Site, scene: Scene) -> Iterator[Repair]:
    """The other half of a Kronecker sum A ⊗ I + I ⊗ B, of which one half alone is there."""
    rows = site.value.shape[0] if site.value.dim() == 2 and site.value.shape[0] == site.value.shape[1] else 0
    for number, quantity in enumerate(scene.library.quantities):
        value = scene.quantities[number]
        square = value.dim() == 2 and value.shape[0] == value.shape[1] and 1 < value.shape[0] < rows
        if not square or rows % value.shape[0]:
            continue
        for name, turned in ((quantity.name, False), (quantity.transposed_name, True)):
            for words, left in ((f"{name} ⊗ I", True), (f"I ⊗ {name}", False)):

                def add(v: torch.Tensor, q: torch.Tensor, turned: bool = turned, left: bool = left) -> torch.Tensor:
                    factor = (q.mT if turned else q).contiguous()
                    unit = torch.eye(len(v) // len(q), dtype=q.dtype)
                    return v + (torch.kron(factor, unit) if left else torch.kron(unit, factor))

                yield site.combined(number, add, "missing_term", f"{words} is not added to {site.words}", 1.5)

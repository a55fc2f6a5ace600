"""Symmetric parts, triangles, diagonals: what a structured gradient keeps of a matrix, and how much."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import combinations

import numpy as np
import torch

from gradwright.check.diagnosis.operations import COMPARISONS, SUMS
from gradwright.check.diagnosis.program import Instruction, Values
from gradwright.check.diagnosis.repairs.order import LONGEST, chain
from gradwright.check.diagnosis.repairs.sites import Site, is_number, sites
from gradwright.check.diagnosis.scene import CLOSE, Repair, Scene, close, is_symmetric, largest
from gradwright.core.points import project_array
from gradwright.prims.piecewise import is_comparison

TRIANGLES = ("tril", "triu")
EXTREMES = {"argmax": "argmin", "argmin": "argmax", "amax": "amin", "amin": "amax"}
OPPOSITES = {"gt": torch.le, "lt": torch.ge, "ge": torch.lt, "le": torch.gt}


def structure(scene: Scene) -> Iterator[Repair]:
    """Every square matrix symmetrised or masked, every mask changed, the whole gradient projected."""
    for site in sites(scene):
        if site.value.dim() == 2 and site.value.shape[0] == site.value.shape[1]:
            yield from _symmetrised(site, scene)
            yield from _masked(site)
            yield from _weighted(site, site.whole)
        if site.value.dim() == 0 and site.user is None:
            yield from _on_diagonal(site, scene)
    for site in sites(scene):
        if site.value.dim() and {0.0, 1.0} == set(site.value.abs().flatten().tolist()):
            words = f"the mask {site.words} selects the opposite entries"
            yield site.repair(lambda v: 1 - v, "wrong_mask", words, 0.9)
    for instruction in scene.program.instructions:
        yield from _regrouped(scene, instruction)
        yield from _other_mask(instruction)
        yield from _moved_mask(instruction, scene)
        yield from _due_mask(instruction, scene)
    yield from _projected(scene)


def _symmetrised(site: Site, scene: Scene) -> Iterator[Repair]:
    extra = 0.0 if site.whole else 0.2
    if is_symmetric(site.value):
        return
    words = f"the symmetric part of {site.words} is due"
    yield site.repair(lambda v: (v + v.mH) / 2, "not_symmetrised", words, 1.05 + extra)
    yield site.repair(lambda v: v + v.mH, "not_symmetrised", words, 2.2 + extra)
    yield site.repair(lambda v: v + v.mH - torch.diag(v.diagonal()), "not_symmetrised", words, 1.4 + extra)
    yield site.repair(lambda v: v.tril() + v.tril(-1).mH, "not_symmetrised", words, 1.5 + extra)
    if site.whole and is_symmetric(scene.wanted):
        return  # of a symmetric gradient, what agrees in the skew-symmetric part says nothing
    skew = f"the skew-symmetric part of {site.words} is due"
    yield site.repair(lambda v: (v - v.mH) / 2, "not_symmetrised", skew, 1.2 + extra)
    yield site.repair(lambda v: v - v.mH, "not_symmetrised", skew, 2.2 + extra)


def _regrouped(scene: Scene, instruction: Instruction) -> Iterator[Repair]:
    """Neighbours in a product, of which the symmetric part is due, also where they were not multiplied first."""
    factors = chain(scene.program, instruction.slot)
    if not 3 <= len(factors) <= LONGEST:
        return
    for first, last in combinations(range(len(factors) + 1), 2):
        if not 2 <= last - first < len(factors):
            continue

        def symmetrised(values: Values, scene: Scene, first: int = first, last: int = last) -> object:
            middle = reduce(torch.matmul, [values[slot] for slot in factors[first:last]])
            parts = [values[slot] for slot in factors]
            return reduce(torch.matmul, [*parts[:first], (middle + middle.mH) / 2, *parts[last:]])

        words = f"the symmetric part of {' @ '.join(scene.called(slot) for slot in factors[first:last])} is due"
        yield Repair(instruction.slot, symmetrised, "not_symmetrised", words, 1.25)


def _on_diagonal(site: Site, scene: Scene) -> Iterator[Repair]:
    """A number that is added to every entry of a matrix, where a multiple of the identity is due."""
    if not any(len(shape) == 2 and shape[0] == shape[1] for shape in site.summed(scene)):
        return

    def spread(values: Values, scene: Scene) -> object:
        size = next(shape[0] for shape in site.summed(scene) if len(shape) == 2)
        return site.made(lambda value: value * torch.eye(size, dtype=value.dtype), values, scene)

    words = f"{site.words} has to be multiplied by the identity before it is added to a matrix"
    yield Repair(site.slot, spread, "missing_mask", words, 1.05, portable=True)


def _masked(site: Site) -> Iterator[Repair]:
    kept = {
        "the lower triangle": lambda v: v.tril(),
        "the upper triangle": lambda v: v.triu(),
        "what is below the diagonal": lambda v: v.tril(-1),
        "what is above the diagonal": lambda v: v.triu(1),
        "the diagonal": lambda v: torch.diag(v.diagonal()),
        "what is off the diagonal": lambda v: v - torch.diag(v.diagonal()),
        "the lower triangle with half the diagonal": lambda v: v.tril() - torch.diag(v.diagonal()) / 2,
    }
    for part, keep in kept.items():
        if not close(keep(site.value), site.value, 1e-12):
            words = f"of {site.words} only {part} may enter"
            yield site.repair(keep, "missing_mask", words, 1.1 if "half" not in part else 1.2)


def _weighted(site: Site, whole: bool) -> Iterator[Repair]:
    diagonal = torch.diag(site.value.diagonal())
    if close(diagonal, site.value, 1e-12) or close(site.value - diagonal, site.value, 1e-12):
        return  # nothing off the diagonal, or nothing on it: then halves are halves of the whole
    label = "doubled_off_diagonal" if whole else "wrong_factor"
    words = f"the off-diagonal entries of {site.words} are twice too large"
    yield site.repair(lambda v: (v + torch.diag(v.diagonal())) / 2, label, words, 1.0 if whole else 1.3)
    words = f"the diagonal of {site.words} has to be halved"
    yield site.repair(lambda v: v - torch.diag(v.diagonal()) / 2, "wrong_factor", words, 1.0)
    words = f"the diagonal of {site.words} has to be doubled"
    yield site.repair(lambda v: v + torch.diag(v.diagonal()), "wrong_factor", words, 1.1)


def _other_mask(instruction: Instruction) -> Iterator[Repair]:
    if instruction.name in TRIANGLES:
        yield from _other_triangle(instruction)
    if instruction.name in OPPOSITES:
        opposite = OPPOSITES[instruction.name]
        turned = Instruction(instruction.slot, opposite, instruction.arguments, instruction.keywords)
        words = "the comparison selects the opposite entries"
        yield Repair(instruction.slot, lambda values, scene: turned.run(values), "wrong_mask", words)
    if instruction.name in EXTREMES:
        other = EXTREMES[instruction.name]
        turned = Instruction(instruction.slot, getattr(torch, other), instruction.arguments, instruction.keywords)
        words = f"{instruction.name} stands where {other} is due"
        yield Repair(instruction.slot, lambda values, scene: turned.run(values), "wrong_mask", words, 0.9)
    if instruction.name == "where" and len(instruction.arguments) == 3:
        condition, yes, no = instruction.arguments
        swapped = Instruction(instruction.slot, instruction.function, (condition, no, yes), instruction.keywords)
        words = "the two branches of where have to change places"
        yield Repair(instruction.slot, lambda values, scene: swapped.run(values), "wrong_mask", words)


def _moved_mask(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """A mask that does not belong, or one of another quantity, spread along the rows or the columns."""
    mask = scene.values.get(instruction.slot)
    if instruction.name not in OPPOSITES or not isinstance(mask, torch.Tensor) or len(instruction.operands) != 1:
        return
    (place, source) = instruction.operands[0]
    text = scene.names.text(instruction.slot)

    def all_pass(values: Values, scene: Scene) -> object:
        return torch.ones_like(values[source], dtype=torch.bool)

    yield Repair(instruction.slot, all_pass, "wrong_mask", f"the mask {text} does not belong", 1.0, portable=True)
    for number, quantity in enumerate(scene.library.quantities):
        for axis, along in ((1, "rows"), (0, "columns")):
            value = scene.quantities[number]
            if mask.dim() == 2 and value.dim() == 1 and mask.shape[1 - axis] == len(value):

                def spread(values: Values, scene: Scene, number: int = number, axis: int = axis) -> object:
                    compared = scene.quantities[number].unsqueeze(axis).expand_as(values[source])
                    return instruction.run(values, {place: compared})

                words = f"the mask {text} has to be taken from {quantity.name}, along the {along}"
                yield Repair(instruction.slot, spread, "wrong_mask", words, 0.9, portable=True)


def _due_mask(instruction: Instruction, scene: Scene) -> Iterator[Repair]:
    """A mask of the formula in the place of another one; that of the opposite entries is told otherwise."""
    mask = scene.values.get(instruction.slot)
    if instruction.name not in COMPARISONS or not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        return
    text = scene.names.text(instruction.slot)
    for number, quantity in enumerate(scene.library.quantities):
        due = scene.quantities[number]
        if not is_comparison(quantity.node) or due.shape != mask.shape or torch.equal(due != 0, ~mask):
            continue

        def compared(values: Values, scene: Scene, number: int = number) -> object:
            return scene.quantities[number] != 0

        words = f"the mask {text} should be {quantity.name}"
        yield Repair(instruction.slot, compared, "wrong_mask", words, 0.9, portable=True)


def _other_triangle(instruction: Instruction) -> Iterator[Repair]:
    source = instruction.operands[0][1]

    def other(values: Values, scene: Scene, name: str, offset: int) -> object:
        return getattr(torch, name)(values[source], offset)

    for name in TRIANGLES:
        for offset in (-1, 0, 1):
            words = f"the mask {instruction.name} selects the wrong entries: it should be {name}(…, {offset})"
            yield Repair(
                instruction.slot,
                lambda values, scene, n=name, o=offset: other(values, scene, n, o),
                "wrong_mask",
                words,
                0.95 + 0.05 * (offset != 0),
            )
    halved = "the mask {} selects the wrong entries: it should be {}, with half of the diagonal"
    for name in TRIANGLES:

        def with_half(values: Values, scene: Scene, name: str = name) -> object:
            value = values[source]
            return getattr(torch, name)(value) - torch.diag(value.diagonal()) / 2

        yield Repair(instruction.slot, with_half, "wrong_mask", halved.format(instruction.name, name), 1.0)

    def diagonal(values: Values, scene: Scene) -> object:
        return torch.diag(values[source].diagonal())

    words = f"the mask {instruction.name} selects the wrong entries: it should be the diagonal"
    yield Repair(instruction.slot, diagonal, "wrong_mask", words, 1.0, portable=True)
    words = f"the mask {instruction.name} does not belong"
    yield Repair(instruction.slot, lambda values, scene: values[source], "wrong_mask", words, 1.2)


_OF_FACT = (
    (("unitary", "stiefel"), "missing_projection", "the component normal to the set has to be removed"),
    (("diagonal", "lower", "upper"), "missing_mask", "the entries outside the declared pattern have to be zero"),
    (("skew",), "not_symmetrised", "the variable is skew-symmetric, and the gradient is not"),
    (("symmetric",), "not_symmetrised", "the variable is symmetric, and the gradient is not"),
    (("hermitian",), "not_symmetrised", "the variable is Hermitian, and the gradient is not"),
)


def _projected(scene: Scene) -> Iterator[Repair]:
    """The whole gradient projected on the tangent space of the variable's set."""
    if not scene.name:
        return
    facts = scene.point.truth.signature.symbol(scene.name).facts
    last = scene.program.by_slot[scene.program.result]
    for names, label, words in _OF_FACT:
        if set(names) & facts:
            otherwise = _takes_normal_part(scene) or (label == "missing_mask" and _is_masked(scene))
            cost = 0.9 + (0.3 if otherwise else 0.0)
            yield Repair(last.slot, lambda values, s: _tangent(last.run(values), s), label, words, cost)
            return


def _is_masked(scene: Scene) -> bool:
    """Whether a triangle is taken already: then it is a wrong one."""
    return any(instruction.name in TRIANGLES for instruction in scene.program.instructions)


def _takes_normal_part(scene: Scene) -> bool:
    """Whether something that is normal to the set is taken away already: then it is a wrong one."""
    summands = [s for i in scene.program.instructions if i.name in SUMS for _, s in i.operands]
    values = [value for slot in summands if is_number(value := scene.values.get(slot))]
    return any(v.shape == scene.wanted.shape and _is_normal(v, scene) for v in values)


def _is_normal(value: torch.Tensor, scene: Scene) -> bool:
    return largest(value) > 0 and largest(_tangent(value, scene)) <= CLOSE * largest(value)


def _tangent(value: torch.Tensor, scene: Scene) -> torch.Tensor:
    facts = scene.point.truth.signature.symbol(scene.name).facts
    projected = project_array(value.numpy(force=True), facts, scene.point.values[scene.name])
    return torch.from_numpy(np.array(projected, copy=True))

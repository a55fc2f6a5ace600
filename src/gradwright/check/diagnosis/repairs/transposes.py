"""Transposes, adjoint operators and conjugates that are missing or too many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import torch

from gradwright.check.diagnosis.operations import MATRIX_PRODUCTS, SUMS
from gradwright.check.diagnosis.program import Instruction, Values
from gradwright.check.diagnosis.repairs.order import chain
from gradwright.check.diagnosis.repairs.sites import Site, is_number, is_view, sites
from gradwright.check.diagnosis.scene import Repair, Scene, close

MOST_AXES = 4
REVERSED = {"cumsum", "logcumsumexp"}


def transposes(scene: Scene) -> Iterator[Repair]:
    """Every matrix transposed, every complex value conjugated, every running sum reversed."""
    for site in sites(scene):
        yield from _turned(site, scene, 0.6 if site.whole else 0.25 if _is_part_of_product(site, scene) else 0.0)
        yield from _conjugated(site)
    for instruction in scene.program.instructions:
        yield from _adjoint_operator(instruction)


def _turned(site: Site, scene: Scene, extra: float) -> Iterator[Repair]:
    if site.value.dim() < 2 or site.viewed or close(site.value, site.value.mT, 1e-12) or _is_skew(site):
        return
    if scene.program.is_written_to(site.slot) and site.maker is not None and site.maker.name == "__getitem__":
        return  # what is written to a copy of a part is lost, whatever is transposed
    if 1 in site.value.shape or 0 in site.value.stride():
        words = f"{site.words} is spread along the wrong axis"
        yield site.repair(_transposed, "wrong_axis", words, 1.0)
        return
    due = scene.called(site.source, swapped=True)
    if is_view(site):
        words = f"{site.words} stands where {due} is due: it must not be transposed"
        yield site.repair(_transposed, "extra_transpose", words, 1.0 + extra)
        if site.value.is_complex():
            words = f"{site.words} stands where {_adjoint(due)} is due: it must not be transposed"
            yield site.repair(_conjugate_transposed, "extra_transpose", words, 1.3 + extra)
        return
    if _reversed_by_transposing(site, scene):
        words = f"the factors of {site.words} stand in the wrong order"
        yield site.repair(_transposed, "swapped_factors", words, 1.0 + extra)
        return
    words = f"{site.words} stands where {due} is due: a transpose is missing"
    if site.value.dim() > 2:
        words = f"the last two axes of {site.words} have to change places: a transpose is missing"
    if site.value.is_complex():
        told = f"{site.words} stands where {_adjoint(due)} is due: a conjugate transpose is missing"
        yield site.repair(_conjugate_transposed, "missing_transpose", told, 1.1 + extra)
    of_product = 0.02 if site.maker is not None and site.maker.name in MATRIX_PRODUCTS else 0.0
    yield site.repair(_transposed, "missing_transpose", words, 1.0 + extra + of_product)


def _transposed(value: torch.Tensor) -> torch.Tensor:
    """In memory, too: some operations take nothing else, as `kron` does."""
    return value.mT.contiguous()


def _conjugate_transposed(value: torch.Tensor) -> torch.Tensor:
    return value.mH.contiguous()


def _is_skew(site: Site) -> bool:
    """Whether it is a difference whose transpose is its negative, as λ 1ᵀ − 1 λᵀ: then it is the sign that is wrong."""
    made = site.maker is not None and site.maker.name in SUMS
    return made and close(site.value, -site.value.mT, 1e-12)


def _is_part_of_product(site: Site, scene: Scene) -> bool:
    """Whether it is a product that is a factor of another: rather one of its factors has to be transposed."""
    users = scene.program.users.get(site.source, ())
    made = site.maker is not None and site.maker.name in MATRIX_PRODUCTS
    return made and bool(users) and all(user.name in MATRIX_PRODUCTS for user in users)


def _reversed_by_transposing(site: Site, scene: Scene) -> bool:
    """Whether it is a product of symmetric matrices, of which the transpose is the one in the other order."""
    factors = chain(scene.program, site.source)
    return len(factors) > 1 and all(_is_symmetric(scene.values.get(slot)) for slot in factors)


def _is_symmetric(value: object) -> bool:
    return is_number(value) and value.dim() == 2 and close(value, value.mT, 1e-12)


def _conjugated(site: Site) -> Iterator[Repair]:
    if site.value.is_complex():
        yield site.repair(torch.conj, "missing_conj", f"{site.words} has to be conjugated", 1.0)


def _adjoint(transposed: str) -> str:
    """The name of the conjugate transpose, from that of the transpose."""
    return f"{transposed.removesuffix('ᵀ')}ᴴ" if transposed.endswith("ᵀ") else f"conj({transposed})"


def _adjoint_operator(instruction: Instruction) -> Iterator[Repair]:
    if instruction.name in REVERSED:
        axis = instruction.keywords.get("dim", (*instruction.arguments, 0)[1])

        def reverse(values: dict, scene: Scene, i: Instruction = instruction, axis: int = axis) -> object:
            place, source = i.operands[0]
            return i.run(values, {place: values[source].flip(axis)}).flip(axis)

        words = f"{instruction.name} has to run from the other end: its adjoint is due"
        yield Repair(instruction.slot, reverse, "missing_transpose", words)
        yield from _half_reversed(instruction, axis)
    if instruction.name == "permute":
        yield from _permuted(instruction)
    if instruction.name in ("roll",):
        yield from _rolled_back(instruction)
    if instruction.name == "solve_triangular":
        yield from _other_triangle(instruction)


def _half_reversed(instruction: Instruction, axis: int) -> Iterator[Repair]:
    """A running sum of which one of the two, what is summed or the sums, is not reversed."""
    place, source = instruction.operands[0]

    def before(values: Values, scene: Scene) -> object:
        return instruction.run(values, {place: values[source].flip(axis)})

    def after(values: Values, scene: Scene) -> object:
        return instruction.run(values).flip(axis)

    for reverse, what in ((before, "what it sums"), (after, "its result")):
        words = f"{instruction.name} has to run from the other end: {what} is not reversed"
        yield Repair(instruction.slot, reverse, "missing_transpose", words, 1.1)


def _permuted(instruction: Instruction) -> Iterator[Repair]:
    """The axes of a tensor of order 3 or more the other way round, or in any other order."""
    first, *rest = instruction.arguments
    given = instruction.keywords.get("dims", rest[0] if len(rest) == 1 else rest)
    if not isinstance(given, tuple | list) or not 3 <= len(given) <= MOST_AXES:
        return
    axes = [axis % len(given) for axis in given]
    for order in permutations(range(len(axes))):
        back = [axes[axis] for axis in order] == list(range(len(axes)))
        turned = Instruction(instruction.slot, instruction.function, (first, tuple(order)), {})
        label = "missing_transpose" if back else "wrong_axis"
        words = (
            "permute has to go the other way: its adjoint is due"
            if back
            else "permute leaves the axes in a wrong order"
        )
        yield Repair(
            instruction.slot, lambda values, scene, t=turned: t.run(values), label, words, 1.0 if back else 1.1,
            portable=True,
        )  # fmt: skip


def _rolled_back(instruction: Instruction) -> Iterator[Repair]:
    shifts = instruction.keywords.get("shifts", (*instruction.arguments, 1)[1])
    back = tuple(-s for s in shifts) if isinstance(shifts, tuple) else -shifts
    keywords = {k: v for k, v in instruction.keywords.items() if k not in ("shifts",)}
    arguments = (instruction.arguments[0], back, *instruction.arguments[2:])
    turned = Instruction(instruction.slot, instruction.function, arguments, keywords)
    words = "roll has to go the other way: its adjoint is due"
    yield Repair(instruction.slot, lambda values, scene: turned.run(values), "missing_transpose", words)


def _other_triangle(instruction: Instruction) -> Iterator[Repair]:
    """A triangular system with the transposed matrix, which is triangular on the other side."""
    upper = not instruction.keywords.get("upper", False)
    turned = Instruction(
        instruction.slot, instruction.function, instruction.arguments, {**instruction.keywords, "upper": upper}
    )
    place, source = instruction.operands[0]

    def solve(values: dict, scene: Scene) -> object:
        return turned.run(values, {place: values[source].mH})

    words = "the triangular system has to be solved with the transposed matrix"
    yield Repair(instruction.slot, solve, "missing_transpose", words)

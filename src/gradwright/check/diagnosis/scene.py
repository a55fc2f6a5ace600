"""One point, with everything that is known there: the user's values, the right ones, the quantities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from math import inf

import torch

from gradwright.check.diagnosis.library import Library
from gradwright.check.diagnosis.notation import Printer
from gradwright.check.diagnosis.operations import COMPARISONS, TRANSPOSES
from gradwright.check.diagnosis.program import Instruction, Place, Program, Values
from gradwright.check.truth import Point
from gradwright.frozen import frozen, replace

CLOSE = 1e-8
EXACT = 1e-12  # what holds by the form of a value
VAGUE = 3.35  # the cost of more than two mistakes that are said exactly
LEAST = 1e-6  # what is smaller is compared as if it had this size: the rest of what cancels is zero


@frozen
class Scene:
    """A point of the diagnosis.

    Attributes:
        point: the point.
        name: the variable whose gradient is wrong; empty where it is the forward.
        inputs: the cotangent and the inputs, as tensors.
        returned: the gradient that the user's code returns there.
        wanted: the right one.
        recorded: the user's computation, where it could be recorded.
        library: the quantities of the expression.
    """

    point: Point
    name: str
    inputs: Mapping[str, torch.Tensor]
    returned: torch.Tensor
    wanted: torch.Tensor
    recorded: Program | None
    library: Library

    @property
    def program(self) -> Program:
        """The user's computation, of a scene where it is recorded."""
        assert self.recorded is not None
        return self.recorded

    @cached_property
    def quantities(self) -> list[torch.Tensor]:
        """The values of the library's quantities."""
        return self.library.values(self.point)

    @cached_property
    def values(self) -> Values:
        """The values of the user's program."""
        return self.program.as_made(self.inputs)

    @cached_property
    def filled(self) -> Mapping[tuple[int, Place], torch.Tensor]:
        """The operands that were written into since they were made, as they are used: by instruction and place."""
        return {} if self.program.pure else self.program.as_used(self.inputs)

    @cached_property
    def idle(self) -> Values:
        """The values of the user's program that do not reach the result; none where these cannot be computed again."""
        calls = self.program.idle
        if not self.program.pure or any(instruction.in_place for instruction in calls):
            return {}
        values: Values = dict(self.values)
        try:
            for instruction in calls:
                values[instruction.slot] = instruction.run(values)
        except Exception:  # the user's code, run in an unusual way: nothing is known of what it does not use
            return {}
        return {instruction.slot: values[instruction.slot] for instruction in calls}

    def value_of(self, slot: int) -> torch.Tensor:
        """A value of the user's program, whether it reaches the result or not."""
        return self.idle[slot] if slot in self.idle else self.values[slot]

    def after(self, slot: int) -> frozenset[int]:
        """The values that are computed from one, whether they reach the result or not."""
        if slot not in self._after:
            self._after[slot] = self._computed_from(slot)
        return self._after[slot]

    @cached_property
    def _after(self) -> dict[int, frozenset[int]]:
        return {}

    def _computed_from(self, slot: int) -> frozenset[int]:
        found = {slot}
        for instruction in sorted((*self.program.instructions, *self.program.idle), key=lambda i: i.slot):
            if any(source in found for _, source in instruction.operands):
                found.add(instruction.slot)
        return frozenset(found)

    @cached_property
    def at_hand(self) -> frozenset[int]:
        """The quantities that the user's program has as values, by number."""
        known = (self.recognised(value) for value in self.values.values() if isinstance(value, torch.Tensor))
        return frozenset(found[0] for found in known if found is not None)

    @cached_property
    def conjugate_sums(self) -> frozenset[int]:
        """The quantities 1 + q, or their reciprocals, of which the user's program has 1 − q, by number.

        As a factor that is missing, one means that q stands where q² is due: (1 − q) (1 + q) = 1 − q².
        """
        tensors = [v for v in self.values.values() if isinstance(v, torch.Tensor) and v.is_floating_point()]

        def has_other_half(quantity: torch.Tensor) -> bool:
            two = torch.full_like(quantity, 2.0)
            return any(v.shape == two.shape and close(v + quantity, two) and not close(v, quantity) for v in tensors)

        real = {n: q for n, q in enumerate(self.quantities) if q.is_floating_point()}
        return frozenset(n for n, q in real.items() if has_other_half(q) or has_other_half(1 / q))

    @cached_property
    def apart(self) -> Scene:
        """The scene with the user's program as it runs, where that computes a value twice."""
        longer = self.recorded.apart if self.recorded is not None else None
        return self if longer is None else replace(self, recorded=longer)

    @cached_property
    def names(self) -> Printer:
        """The user's values in words."""
        return Printer(self.program)

    def recognised(self, value: torch.Tensor) -> tuple[int, bool] | None:
        """The quantity that a value equals, and whether it equals its transpose."""
        if not (value.is_floating_point() or value.is_complex()):
            return None
        first, size = _corner(value), max(largest(value), LEAST)
        alike = [
            n for n, (corner, scale) in enumerate(self._corners) if abs(corner - first) <= CLOSE * max(size, scale)
        ]
        for number in alike:
            if close(value, self.quantities[number]):
                return number, False
        for number in alike if value.dim() == 2 else ():
            if self.quantities[number].dim() == 2 and close(value, self.quantities[number].mT):
                return number, True
        return None

    @cached_property
    def _corners(self) -> list[tuple[complex, float]]:
        """The first entry of every quantity, which its transpose shares, and the largest magnitude."""
        return [(_corner(quantity), largest(quantity)) for quantity in self.quantities]

    @cached_property
    def _known(self) -> dict[int, tuple[int, bool] | None]:
        return {}

    def known(self, slot: int) -> tuple[int, bool] | None:
        """The quantity that a value of the user's program equals, as `recognised` says."""
        if slot not in self._known:
            self._known[slot] = self.recognised(self.value_of(slot))
        return self._known[slot]

    def called(self, slot: int, swapped: bool = False) -> str:
        """What a value, or its transpose, is called: the quantity that it equals, else as it was computed."""
        if slot in self.program.whole:
            return "its transpose" if swapped else "the whole gradient"
        value = self.value_of(slot)
        maker = self.program.by_slot.get(slot)
        if swapped and maker is not None and maker.name in TRANSPOSES and not value.is_complex():
            return self.called(maker.operands[0][1])
        known = self.known(slot) if slot not in range(len(self.program.inputs)) else None
        text = self.names.text(slot)
        quantity = self.library.quantities[known[0]] if known is not None else None
        if quantity is not None and known is not None and not (quantity.switches and len(text) < len(quantity.name)):
            return quantity.transposed_name if known[1] != swapped else quantity.name
        simple = text.isidentifier() or (text.endswith(")") and text.count("(") == 1 and " " not in text)
        return (f"{text}ᵀ" if simple else f"({text})ᵀ") if swapped else text

    def by_use(self, repair: Repair) -> Repair:
        """The repair; one of an exponent is that of a power, and one of what is compared, of a mask."""
        if repair.slot in self.program.exponents and repair.label not in ("", "wrong_power"):
            return replace(repair, label="wrong_power", words=f"in an exponent, {repair.words}")
        if repair.slot not in self.program.masks or repair.label in ("wrong_mask", "missing_mask"):
            return repair
        maker = self.program.by_slot.get(repair.slot)
        if maker is not None and maker.name in COMPARISONS and not repair.place:
            return repair  # the outcome of a comparison is multiplied by something, and selects as it did
        return replace(repair, label="wrong_mask", words=f"in what the mask compares, {repair.words}")

    @cached_property
    def misshapen(self) -> bool:
        """Whether the user's gradient does not even have the shape of the variable."""
        return self.returned.shape != self.wanted.shape

    @cached_property
    def real(self) -> bool:
        """Whether the variable is real, so that only the real part of a gradient counts."""
        return not self.wanted.is_complex()


Make = Callable[[Values, Scene], object]


@frozen
class Repair:
    """One value of the program made otherwise.

    Attributes:
        slot: the value.
        make: its new value, from those before it and the scene.
        label: the defect that this repairs; empty where it has no name.
        words: what is wrong, in words.
        cost: how unlikely the mistake is, beside others that would explain the same.
        place: the operand of the instruction at `slot` that is meant, if it is one.
        portable: whether it can be made at scenes of other sizes, too.
    """

    slot: int
    make: Make
    label: str
    words: str
    cost: float = 1.0
    place: Place = ()
    portable: bool = False


def close(left: torch.Tensor, right: torch.Tensor, tolerance: float = CLOSE) -> bool:
    """Whether two tensors have one shape and agree to rounding, relative to their size."""
    if left.shape != right.shape:
        return False
    if left.numel() == 1:  # which need no tensor for their difference
        a, b = left.item(), right.item()
        return abs(a - b) <= tolerance * max(abs(a), abs(b), LEAST) < inf
    gap = largest(left - right)
    if gap == inf:
        return False
    size = max(largest(left), LEAST)
    # Most pairs that are compared differ, and the other size is no more than this one and the gap.
    return gap <= tolerance * (size + gap) and gap <= tolerance * max(size, largest(right))


def is_symmetric(value: torch.Tensor) -> bool:
    """Whether it is a symmetric matrix; a Hermitian one, of complex numbers."""
    return value.dim() == 2 and close(value, value.mH, EXACT)


def is_skew(value: torch.Tensor) -> bool:
    """Whether it is a skew-symmetric matrix."""
    return value.dim() == 2 and close(value, -value.mH, EXACT)


def _corner(value: torch.Tensor) -> complex:
    """The first entry."""
    return complex(value.reshape(-1)[0]) if value.numel() else 0j


def largest(value: torch.Tensor) -> float:
    """The largest magnitude; NaN counts as infinite."""
    if not value.numel():
        return 0.0
    found = abs(value.item()) if value.numel() == 1 else torch.linalg.vector_norm(value, inf).item()
    return found if found == found else inf


def attempt(scene: Scene, *repairs: Repair) -> torch.Tensor | None:
    """The user's gradient with some values made otherwise; None where that cannot be computed."""
    program = scene.program
    try:
        with torch.no_grad():
            values = _rerun(program, scene, {repair.slot: repair for repair in repairs})
    except Exception:  # whatever the patched operation raises: then this is no repair
        return None
    found = values[program.result]
    if not isinstance(found, torch.Tensor):
        return None
    return taken(found, scene.real)


def drops(scene: Scene, repair: Repair) -> bool:
    """Whether a repair leaves nothing of a value, or 1 of a number, so that all it does is to drop a term or factor."""
    with torch.no_grad():
        values = _rerun(scene.program, scene, {repair.slot: repair})
    maker = scene.program.by_slot.get(repair.slot)
    if maker is not None and len(maker.operands) == 2 and _is_an_operand(values[repair.slot], maker, values):
        return True
    for slot, value in scene.values.items():
        changed = values.get(slot)
        if isinstance(value, torch.Tensor) and isinstance(changed, torch.Tensor) and value.is_floating_point():
            if largest(value) and largest(changed) <= CLOSE * largest(value):
                return True
            if slot != repair.slot and not value.dim() and _is_one(changed) and not _is_one(value):
                return True
    return False


def _is_an_operand(value: object, instruction: Instruction, values: Values) -> bool:
    return any(value is values.get(source) for _, source in instruction.operands)


def _is_one(value: torch.Tensor) -> bool:
    return value.numel() == 1 and abs(value.item() - 1) <= CLOSE


def taken(found: torch.Tensor, real: bool) -> torch.Tensor:
    """What is returned as a gradient: numbers, which are real for a real variable."""
    if found.is_complex():
        return found.real if real else found
    return found.double()


def _rerun(program: Program, scene: Scene, repairs: Mapping[int, Repair]) -> Values:
    values = dict(scene.values) if program.pure else program.start(scene.inputs)
    for slot in [slot for slot in repairs if slot not in program.by_slot]:
        values[slot] = repairs[slot].make(values, scene)
    for instruction in program.rerun(*repairs):
        slot = instruction.slot
        values[slot] = repairs[slot].make(values, scene) if slot in repairs else instruction.run(values)
    return values


def multiple_of(got: torch.Tensor, want: torch.Tensor) -> float | None:
    """The real number by which one tensor has to be multiplied to give another; None where there is none."""
    if got.shape != want.shape or got.numel() < 2 or not bool(want.any()):
        return None
    ratio = ((want.conj() * got).sum() / (want.conj() * want).sum()).real
    return float(ratio) if bool(ratio) and close(got, ratio * want) else None

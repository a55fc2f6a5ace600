"""Which quantities the user's computation multiplies a value by, to whatever power.

A factor that is there to the wrong power is another mistake than one that is missing. It is there if the
product that the value belongs to has it: not if it stands in another summand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import torch

from gradwright.check.diagnosis.operations import MATRIX_PRODUCTS, SUMS
from gradwright.check.diagnosis.program import Instruction
from gradwright.check.diagnosis.repairs.sites import Site, is_number
from gradwright.check.diagnosis.scene import Scene, close

REDUCTIONS = ("sum", "mean", "trace")
CONTRACTING = (*MATRIX_PRODUCTS, "einsum")
# A number that multiplies an operand comes out of these, to some power.
MULTIPLICATIVE = (
    "mul", "multiply", "div", "rdiv", "true_divide", "__rtruediv__", "reciprocal", "neg", "pow", "sqrt", "square",
    "matmul", "mm", "mv", "outer", "dot", "einsum", "T", "mT", "H", "mH", "t", "transpose", "view_as", "expand",
    "expand_as", "reshape", "unsqueeze", "__getitem__", "diag", "tril", "triu", "clone",
)  # fmt: skip
POWERS = (1.0, 2.0, -1.0, 0.5, -0.5, 3.0, -2.0)
Slots = frozenset[int]


def powers_beside(scene: Scene) -> Callable[[Site], set[int]]:
    """For a site, by number, the quantities of which a power is among the factors of its product."""
    inside = _factors(scene)
    outside = _beside(scene, inside)

    @cache
    def known(slot: int) -> frozenset[int]:
        value = scene.values.get(slot)
        if not is_number(value):
            return frozenset()
        return frozenset(number for number, quantity in enumerate(scene.quantities) if is_power(value, quantity))

    def present(site: Site) -> set[int]:
        """What the value is multiplied by; an operand that is summed, by what is the same for all summands."""
        factors = inside[site.slot] | outside[site.slot]
        if site.user is not None and site.user.name in REDUCTIONS:
            factors = _passing(scene, site.user, factors)
        return {number for factor in factors for number in known(factor)}

    return present


def _passing(scene: Scene, reduction: Instruction, factors: Slots) -> Slots:
    """Of the factors of what is summed, those of the sum."""
    return frozenset(slot for slot in factors if _varies_not(scene.values.get(slot), reduction, scene))


def _varies_not(value: object, reduction: Instruction, scene: Scene) -> bool:
    """Whether a factor is the same along the axes that are summed over, so that it is one of the sum, too."""
    if not isinstance(value, torch.Tensor):
        return False
    axes = reduction.arguments[1] if len(reduction.arguments) > 1 else reduction.keywords.get("dim")
    summed = scene.values.get(reduction.operands[0][1])
    if value.dim() == 0 or axes is None or not isinstance(summed, torch.Tensor):
        return value.dim() == 0
    several = axes if isinstance(axes, tuple | list) else (axes,)
    places = [axis % summed.dim() - summed.dim() for axis in several]  # from the right, as shapes are broadcast
    return all(-place > value.dim() or value.shape[place] == 1 for place in places)


def _factors(scene: Scene) -> dict[int, Slots]:
    """For every value the values whose product it is; for a sum, those that all summands have."""
    program = scene.program
    found = {slot: frozenset({slot}) for slot in (*range(len(program.inputs)), *program.constants)}
    for instruction in program.instructions:
        operands = [found[source] for _, source in instruction.operands]
        parts: Slots = frozenset()
        if instruction.name in SUMS and len(operands) > 1:  # a number that is added has no factors
            parts = operands[0].intersection(*operands[1:])
        elif instruction.name in REDUCTIONS:
            parts = _passing(scene, instruction, operands[0])
        elif instruction.name in MULTIPLICATIVE:
            parts = parts.union(*(_kept(scene, instruction, slot, found[slot]) for _, slot in instruction.operands))
        found[instruction.slot] = parts | {instruction.slot}
    return found


def _kept(scene: Scene, product: Instruction, operand: int, factors: Slots) -> Slots:
    """What a product has of the factors of an operand: of a vector that is summed over, the numbers."""
    whole, vector = _rank(scene, product.slot) == 0, _rank(scene, operand) == 1
    if product.name in CONTRACTING and (whole or vector):
        return frozenset(slot for slot in factors if _rank(scene, slot) == 0)
    return factors


def _rank(scene: Scene, slot: int) -> int | None:
    value = scene.values.get(slot)
    return value.dim() if isinstance(value, torch.Tensor) else None


def _beside(scene: Scene, inside: Mapping[int, Slots]) -> dict[int, Slots]:
    """For every value what it is multiplied by on all its ways to the result, whatever is added to it there.

    What a sum is multiplied by entry by entry, as in `s ∘ (G − Σ s ∘ G)`, is no factor of what is summed.
    """
    program = scene.program
    found: dict[int, Slots] = {program.result: frozenset()}
    for user in reversed(program.instructions):
        sources = [source for _, source in user.operands]
        goes_on = user.name in (*SUMS, *REDUCTIONS, *MULTIPLICATIVE)
        for slot in sources:
            factors = found.get(user.slot, frozenset()) if goes_on else frozenset[int]()
            if user.name in REDUCTIONS:
                factors = _passing(scene, user, factors)
            if user.name in MULTIPLICATIVE:
                factors = factors.union(*(inside[other] for other in sources if other != slot))
            found[slot] = found.get(slot, factors) & factors
    return {slot: found.get(slot, frozenset()) for slot in inside}


def _exponent(value: torch.Tensor, quantity: torch.Tensor) -> float:
    """The exponent that gives a positive value from another where that is farthest from 1, a multiple of a quarter."""
    place = int(quantity.log().abs().argmax())
    base = float(quantity.reshape(-1)[place].log())
    return round(4 * float(value.reshape(-1)[place].log()) / base) / 4 if base else 0.0


def _spread(value: torch.Tensor, quantity: torch.Tensor) -> torch.Tensor:
    """A row, a column or a number in the shape of what it is spread to; a vector that keeps axes of size 1 without."""
    if value.dim() > quantity.dim() and value.numel() == quantity.numel():
        bare = [size for size in value.shape if size != 1]
        return value.reshape(quantity.shape) if bare == [size for size in quantity.shape if size != 1] else value
    smaller = value.dim() <= quantity.dim() and value.numel() < quantity.numel()
    fits = all(a in (1, b) for a, b in zip(value.shape[::-1], quantity.shape[::-1], strict=False))
    return value.expand(quantity.shape) if smaller and fits else value


def is_power(value: torch.Tensor, quantity: torch.Tensor, exponents: tuple[float, ...] = POWERS) -> bool:
    """Whether a value is a quantity to one of some powers, entry by entry; where all is negative, but for the signs."""
    value = _spread(value, quantity)
    if not quantity.is_complex() and not value.is_complex() and quantity.numel() and bool((quantity < 0).all()):
        value, quantity = value.abs(), -quantity
    if value.shape != quantity.shape or value.is_complex() or quantity.is_complex():
        return 1.0 in exponents and close(value, quantity)
    positive = bool((quantity > 0).all())
    if exponents is POWERS and positive and bool((value > 0).all()) and value.numel():
        exponent = _exponent(value, quantity)
        return bool(exponent) and close(value, quantity**exponent)
    return any(close(value, quantity**k) for k in exponents if positive or k == int(k))

"""Quantities of the expression in the wrong place: one for another, or one not multiplied in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from gradwright.check.diagnosis.library import Quantity
from gradwright.check.diagnosis.program import Program
from gradwright.check.diagnosis.repairs.sites import Site, is_number, sites
from gradwright.check.diagnosis.scene import Repair, Scene, close, largest, multiple_of
from gradwright.core.nodes import Contract
from gradwright.frozen import frozen

LINEAR = (
    "add", "sub", "rsub", "mul", "multiply", "div", "rdiv", "true_divide", "neg", "matmul", "mm", "mv", "outer", "dot",
    "T", "mT", "H", "mH", "t", "transpose", "sum", "mean", "view_as", "expand", "expand_as", "reshape", "unsqueeze",
    "__getitem__", "pow", "__rtruediv__", "__rsub__", "reciprocal", "diag", "tril", "triu", "einsum", "clone",
)  # fmt: skip
POWERS = (1.0, 2.0, -1.0, 0.5, 3.0, -2.0)
EXPONENTS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, -3.0, -1.5)


def replaced(scene: Scene) -> Iterator[Repair]:
    """Every value replaced by each quantity of its shape."""
    for site in sites(scene):
        known = _recognised(site.value, scene)
        for number, quantity in enumerate(scene.library.quantities):
            value = scene.quantities[number]
            for swapped in (False, True) if value.dim() == 2 else (False,):
                if _is_other(site, known, value, swapped) and not _is_multiple(known, quantity):
                    yield _replacement(site, known, number, quantity, swapped)


@frozen
class _Known:
    """What a value is, if it equals a quantity: which, and whether transposed."""

    number: int
    quantity: Quantity
    swapped: bool


def _recognised(value: torch.Tensor, scene: Scene) -> _Known | None:
    found = scene.recognised(value)
    return None if found is None else _Known(found[0], scene.library.quantities[found[0]], found[1])


def _is_other(site: Site, known: _Known | None, value: torch.Tensor, swapped: bool) -> bool:
    """Whether the quantity, turned or not, is of the value's shape, and another than it."""
    turned = value.mT if swapped else value
    if turned.shape != site.value.shape or (known is not None and known.swapped != swapped):
        return False
    if any(close(site.value, sign * turned) for sign in (1, -1)):
        return False
    # A multiple of the quantity, or of its transpose, is a mistake of another kind, or two.
    forms = (site.value, site.value.mT) if value.dim() == 2 else (site.value,)
    return all(multiple_of(v, turned) is None for v in forms) and not _is_power(
        turned, site.value, (2.0, -1.0, 0.5, -0.5)
    )


def _is_multiple(known: _Known | None, quantity: Quantity) -> bool:
    """Whether the quantity is the known one times weights, which is a factor that is missing."""
    product = quantity.node
    if known is None or not isinstance(product, Contract):
        return False
    kept = {label for group in product.output for label in group}
    return any(f.node == known.quantity.node and set(f.labels) <= kept for f in product.factors)


def _replacement(site: Site, known: _Known | None, number: int, quantity: Quantity, swapped: bool) -> Repair:
    name = quantity.transposed_name if swapped else quantity.name
    if site.compared:
        return site.replaced(number, swapped, "wrong_mask", f"the mask has to be taken from {name}", 1.0)
    label, cost = _confused(known, quantity)
    words = f"{site.words} stands where {name} is due"
    return site.replaced(number, swapped, label, words, cost + (0.1 if not quantity.stage else 0.0))


def _confused(known: _Known | None, quantity: Quantity) -> tuple[str, float]:
    """The name of the mistake by how the two quantities depend on one another."""
    if known is None:
        return "stale_saved_value", 2.0
    if known.quantity.node in quantity.below:
        return "uses_input_instead_of_output", 1.0
    return "stale_saved_value", 1.0 if quantity.node in known.quantity.below else 1.3


def multiplied(scene: Scene) -> Iterator[Repair]:
    """Every value multiplied by a power of each quantity, entry by entry or as a matrix."""
    present = _present(scene)
    for site in sites(scene):
        if site.user is not None or largest(site.value) == 0:
            continue
        for number, quantity in enumerate(scene.library.quantities):
            value = scene.quantities[number]
            for words, combine, cost in _products(site.value, value):
                yield from _factors(site, number, quantity, value, words, combine, cost, number in present)
            yield from _matrix_factors(site, number, quantity, value)


def _present(scene: Scene) -> set[int]:
    """The quantities of which a power is among the user's values."""
    assert scene.program is not None
    values = [v for v in map(scene.values.get, _multiplied(scene.program)) if is_number(v)]
    return {
        number
        for number, quantity in enumerate(scene.quantities)
        if any(_is_power(value, quantity) for value in values)
    }


def _multiplied(program: Program) -> set[int]:
    """The values that enter the result by sums and products alone, and what they are powers of."""
    found, pending = set[int](), [program.result]
    while pending:
        slot = pending.pop()
        instruction = program.by_slot.get(slot)
        if slot in found or instruction is None:
            found.add(slot)
            continue
        found.add(slot)
        if instruction.name in LINEAR:
            pending += [source for _, source in instruction.operands]
    return found


def _is_power(value: torch.Tensor, quantity: torch.Tensor, exponents: tuple[float, ...] = POWERS) -> bool:
    if value.shape != quantity.shape or value.is_complex() or quantity.is_complex():
        return 1.0 in exponents and close(value, quantity)
    positive = bool((quantity > 0).all())
    return any(close(value, quantity**k) for k in exponents if positive or k == int(k))


Combine = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _products(value: torch.Tensor, factor: torch.Tensor) -> Iterator[tuple[str, Combine, float]]:
    """The ways in which a factor can be multiplied in without a change of shape."""
    if factor.dim() == 0 or factor.shape == value.shape:
        yield "", torch.mul, 0.0
    if factor.dim() == 1 and value.dim() == 2:
        if factor.shape[0] == value.shape[0]:
            yield " along the rows", lambda v, q: v * q[:, None], 0.1
        if factor.shape[0] == value.shape[1]:
            yield " along the columns", lambda v, q: v * q, 0.1
    if factor.dim() == 2 and factor.shape == value.shape[::-1] and value.shape[0] != 1:
        yield ", transposed", lambda v, q: v * q.mT, 0.3


def _factors(
    site: Site,
    number: int,
    quantity: Quantity,
    value: torch.Tensor,
    how: str,
    combine: Combine,
    cost: float,
    used: bool,
) -> Iterator[Repair]:
    binary = bool(((value == 0) | (value == 1)).all()) and (value.dim() > 0 or quantity.switches)
    if binary:
        words = f"{site.words} has to be masked by {quantity.name}{how}"
        yield site.combined(number, combine, "missing_mask", words, 1.0 + cost)
        return
    for exponent in EXPONENTS:
        if exponent != int(exponent) and (value.is_complex() or bool((value < 0).any())):
            continue
        label = "wrong_power" if used else "missing_chain_factor"
        words = _factor_words(site, quantity, exponent, how, used)
        power = 1.0 + 0.15 * abs(exponent - 1) + cost + (0.4 if not quantity.stage and used else 0.0)
        yield site.combined(number, lambda v, q, k=exponent: combine(v, q if k == 1 else q**k), label, words, power)


def _factor_words(site: Site, quantity: Quantity, exponent: float, how: str, used: bool) -> str:
    if used:
        return f"{quantity.name} stands to the wrong power: a factor ({quantity.name})^{exponent:g} is off{how}"
    verb = "divided" if exponent < 0 else "multiplied"
    power = "" if abs(exponent) == 1 else f"^{abs(exponent):g}"
    return f"{site.words} has to be {verb} by {quantity.name}{power}{how}"


def _matrix_factors(site: Site, number: int, quantity: Quantity, value: torch.Tensor) -> Iterator[Repair]:
    if value.dim() != 2 or site.value.dim() not in (1, 2):
        return
    for words, factor, combine in (
        (quantity.name, value, lambda v, q: q @ v),
        (quantity.transposed_name, value.mH, lambda v, q: q.mH @ v),
    ):
        if factor.shape[0] == factor.shape[1] == site.value.shape[0]:
            text = f"the factor {words} is missing on the left of {site.words}"
            yield site.combined(number, combine, "missing_chain_factor", text, 1.3)
    for words, factor, combine in (
        (quantity.name, value, lambda v, q: v @ q),
        (quantity.transposed_name, value.mH, lambda v, q: v @ q.mH),
    ):
        if site.value.dim() == 2 and factor.shape[0] == factor.shape[1] == site.value.shape[1]:
            text = f"the factor {words} is missing on the right of {site.words}"
            yield site.combined(number, combine, "missing_chain_factor", text, 1.3)


def projected(scene: Scene) -> Iterator[Repair]:
    """The component along a vector, or the mean, removed from a value."""
    for site in sites(scene):
        if site.value.dim() == 0 or site.user is not None:
            continue
        for axis in (None, *range(site.value.dim())) if site.value.dim() > 1 else (0,):
            words = f"the mean of {site.words} has to be removed"
            yield site.repair(lambda v, a=axis: v - v.mean(dim=a, keepdim=True), "missing_projection", words, 1.3)
        for number, quantity in enumerate(scene.library.quantities):
            along = scene.quantities[number]
            # Of what lies along the quantity nothing would be left.
            if along.shape == site.value.shape and not close(_without(site.value, along), 0 * site.value):
                words = f"the component of {site.words} along {quantity.name} has to be removed"
                yield site.combined(number, _without, "missing_projection", words, 1.2)


def _without(value: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    inner = (along.conj() * value).sum() / (along.conj() * along).sum()
    return value - along * inner

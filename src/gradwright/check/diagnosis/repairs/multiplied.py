"""A quantity of the expression that was not multiplied in, or to the wrong power."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import torch

from gradwright.check.diagnosis.library import Quantity
from gradwright.check.diagnosis.operations import SUMS
from gradwright.check.diagnosis.program import Values
from gradwright.check.diagnosis.repairs.present_factors import is_power, powers_beside
from gradwright.check.diagnosis.repairs.sites import Site, nearest_sites
from gradwright.check.diagnosis.scene import CLOSE, Repair, Scene, largest
from gradwright.core.nodes import is_apply
from gradwright.prims.exponential import exp

EXPONENTS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, -3.0, -1.5)
SIMPLE_EXPONENTS = (1.0, -1.0)
REPEATED = 0.3  # a value with several uses is one that lacks a matrix less often than one of them


def multiplied(scene: Scene) -> Iterator[Repair]:
    """Every value multiplied by a power of each quantity, entry by entry or as a matrix.

    A value that is used elsewhere, too, may lack a factor at one place alone: a summand a matrix, any value the
    quantity itself.
    """
    beside = powers_beside(scene)
    for site in nearest_sites(scene):
        if largest(site.value) == 0:
            continue
        if site.user is None:
            yield from _of_value(site, scene, beside(site))
            continue
        summed = scene.values[site.slot].shape if site.user.name in SUMS and site.value.dim() == 0 else None
        for number, quantity, value in _factors_of(scene):
            if site.user.name in SUMS:
                yield from _matrix_factors(site, number, quantity, value, scene.misshapen)
            elif value.dim() == 1:
                yield from _inner_products(site, number, quantity, value)
            for words, combine, cost in _products(site.value, value, value.shape == summed):
                used = number in beside(site) or is_power(site.value, value)
                yield from _factors(site, scene, number, quantity, value, words, combine, cost, used, SIMPLE_EXPONENTS)


def _factors_of(scene: Scene) -> Iterator[tuple[int, Quantity, torch.Tensor]]:
    """The quantities by number, with their values; none that vanishes, as a sum of what has no mean."""
    for number, quantity in enumerate(scene.library.quantities):
        value = scene.quantities[number]
        if largest(value) > CLOSE:
            yield number, quantity, value


def _of_value(site: Site, scene: Scene, present: set[int]) -> Iterator[Repair]:
    summed = site.summed(scene)
    for number, quantity, value in _factors_of(scene):
        for words, combine, cost in _products(site.value, value, scene.misshapen or value.shape in summed):
            yield from _factors(site, scene, number, quantity, value, words, combine, cost, number in present)
        yield from _matrix_factors(site, number, quantity, value, scene.misshapen)
    yield from _normalised(site)
    yield from _without_cotangent(site, scene)


def _normalised(site: Site) -> Iterator[Repair]:
    """Positive entries that are not divided by their sum, as those of a softmax are."""
    if not site.value.dim() or site.value.is_complex() or not bool((site.value > 0).all()):
        return
    axes = range(site.value.dim()) if site.value.dim() > 1 else ()
    for axis, along in ((None, ""), *((axis, f" along axis {axis}") for axis in axes)):
        words = f"{site.words} has to be divided by its sum{along}"
        yield site.repair(lambda v, a=axis: v / v.sum(dim=a, keepdim=True), "missing_chain_factor", words, 1.3)


Combine = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _products(value: torch.Tensor, factor: torch.Tensor, spread: bool) -> Iterator[tuple[str, Combine, float]]:
    """The ways in which a factor can be multiplied in without a change of shape, unless a number is to be spread."""
    if factor.dim() == 0 or factor.shape == value.shape or (spread and _spreads(value, factor)):
        yield "", torch.mul, 0.0
    if spread and value.dim() == 0 and factor.dim() == 2:
        yield ", transposed", lambda v, q: v * q.mT, 0.1
    if factor.dim() == 1 and value.dim() == 2:
        if factor.shape[0] == value.shape[0]:
            yield " along the rows", lambda v, q: v * q[:, None], 0.1
        if factor.shape[0] == value.shape[1]:
            yield " along the columns", lambda v, q: v * q, 0.1
    if factor.dim() == 2 and factor.shape == value.shape[::-1] and value.shape[0] != 1:
        yield ", transposed", lambda v, q: v * q.mT, 0.3
    if 0 < factor.dim() < value.dim() and value.dim() > 2:
        for axes in combinations(range(value.dim()), factor.dim()):
            if factor.shape == tuple(value.shape[axis] for axis in axes):
                words = f" along axis {axes[0]}" if len(axes) == 1 else f" along the axes {', '.join(map(str, axes))}"
                yield words, lambda v, q, a=axes: v * _laid_along(q, a, v.dim()), 0.1


def _laid_along(factor: torch.Tensor, axes: Sequence[int], rank: int) -> torch.Tensor:
    """A tensor along some of the axes of one of higher rank."""
    return factor.reshape([factor.shape[axes.index(axis)] if axis in axes else 1 for axis in range(rank)])


def _spreads(value: torch.Tensor, factor: torch.Tensor) -> bool:
    """Whether a number, or a value with axes of size 1, is spread to the shape of a factor."""
    fits = all(a in (1, b) for a, b in zip(value.shape[::-1], factor.shape[::-1], strict=False))
    return value.dim() <= factor.dim() and fits


def _factors(
    site: Site,
    scene: Scene,
    number: int,
    quantity: Quantity,
    value: torch.Tensor,
    how: str,
    combine: Combine,
    cost: float,
    used: bool,
    exponents: Sequence[float] = EXPONENTS,
) -> Iterator[Repair]:
    binary = bool(((value == 0) | (value == 1)).all()) and (value.dim() > 0 or quantity.switches)
    if binary:
        words = f"{site.words} has to be masked by {quantity.name}{how}"
        yield site.combined(number, combine, "missing_mask", words, 1.0 + cost)
        return
    for exponent in exponents:
        if exponent != int(exponent) and (value.is_complex() or bool((value < 0).any())):
            continue
        label = "wrong_power" if used else "missing_chain_factor"
        words = _factor_words(site, quantity, exponent, how, used)
        price = (
            1.0
            + 0.15 * abs(exponent - 1)
            + (0.0 if exponent == int(exponent) else 0.3)
            + cost
            + (0.4 if not quantity.stage and used else 0.0)
        )
        price += 0.35 if used and _is_exponential(quantity) else 0.0
        price += 0.35 if not used and abs(exponent) == 1 and number in scene.conjugate_sums else 0.0
        yield site.combined(number, lambda v, q, k=exponent: combine(v, q if k == 1 else q**k), label, words, price)


def _is_exponential(quantity: Quantity) -> bool:
    """Whether it is exp(…), of which a power is a number in front of the exponent."""
    return is_apply(quantity.node, exp)


def _factor_words(site: Site, quantity: Quantity, exponent: float, how: str, used: bool) -> str:
    if used:
        size = abs(exponent)
        factor = quantity.name if size == 1 else f"({quantity.name})^{size:g}"
        state = "is missing" if exponent > 0 else "does not belong"
        return f"{quantity.name} stands to the wrong power: a factor {factor}{how} {state}"
    verb = "divided" if exponent < 0 else "multiplied"
    factor = quantity.name if abs(exponent) == 1 else f"({quantity.name})^{abs(exponent):g}"
    return f"{site.words} has to be {verb} by {factor}{how}"


def _matrix_factors(
    site: Site, number: int, quantity: Quantity, value: torch.Tensor, misshapen: bool
) -> Iterator[Repair]:
    """A matrix multiplied in; one that is not square, or a vector, where the shape has to be changed."""
    if value.dim() == 1 and misshapen:
        yield from _vector_factors(site, number, quantity, value)
    if value.dim() == 1 and not misshapen:
        yield from _inner_products(site, number, quantity, value)
    if value.dim() != 2 or site.value.dim() not in (1, 2) or not (misshapen or value.shape[0] == value.shape[1]):
        return
    cost = 1.3 + (REPEATED if site.repeated else 0.0)
    on_left: tuple[tuple[str, torch.Tensor, Combine], ...] = (
        (quantity.name, value, lambda v, q: q @ v),
        (quantity.transposed_name, value.mH, lambda v, q: q.mH @ v),
    )
    for words, factor, combine in on_left:
        if factor.shape[1] == site.value.shape[0]:
            text = f"the factor {words} is missing on the left of {site.words}"
            yield site.combined(number, combine, "missing_chain_factor", text, cost)
    on_right: tuple[tuple[str, torch.Tensor, Combine], ...] = (
        (quantity.name, value, lambda v, q: v @ q),
        (quantity.transposed_name, value.mH, lambda v, q: v @ q.mH),
    )
    for words, factor, combine in on_right:
        if site.value.dim() == 2 and factor.shape[0] == site.value.shape[1]:
            text = f"the factor {words} is missing on the right of {site.words}"
            yield site.combined(number, combine, "missing_chain_factor", text, cost)


def _inner_products(site: Site, number: int, quantity: Quantity, value: torch.Tensor) -> Iterator[Repair]:
    """The inner product with a vector, where a vector stands: the number that is due is spread to its shape."""
    if value.shape == site.value.shape:
        words = f"the factor {row(quantity.name)} is missing on the left of {site.words}"
        yield site.combined(number, lambda v, q: (q.conj() * v).sum(), "missing_chain_factor", words, 1.3)


def _vector_factors(site: Site, number: int, quantity: Quantity, value: torch.Tensor) -> Iterator[Repair]:
    """A vector multiplied into a matrix, or by a vector to a matrix, which changes the shape."""
    for words, combine in _by_vector(site.value, len(value), quantity.name).items():
        yield site.combined(number, combine, "missing_chain_factor", f"{words} {site.words}", 1.3)


def _by_vector(value: torch.Tensor, count: int, name: str) -> dict[str, Combine]:
    """The products of a matrix or a vector with another vector, by what is missing where."""
    turned = row(name)
    ways: dict[str, Combine] = {}
    if value.dim() == 2 and value.shape[1] == count:
        ways[f"the factor {name} is missing on the right of"] = lambda v, q: v @ q
    if value.dim() == 2 and value.shape[0] == count:
        ways[f"the factor {turned} is missing on the left of"] = lambda v, q: q @ v
    if value.dim() == 1:
        ways[f"the factor {turned} is missing on the right of"] = torch.outer
        ways[f"the factor {name} is missing on the left of"] = lambda v, q: torch.outer(q, v)
    return ways


def row(name: str) -> str:
    """The transpose of a vector, in matrix notation."""
    return f"{name}ᵀ" if name.isidentifier() else f"({name})ᵀ"


def _without_cotangent(site: Site, scene: Scene) -> Iterator[Repair]:
    """The cotangent multiplied in, where it does not enter yet."""
    name = scene.point.truth.cotangent.name
    for words, combine in _by_cotangent(site, scene, name).items():

        def make(values: Values, scene: Scene, combine: Combine = combine) -> object:
            return site.made(lambda value: combine(value, scene.inputs[name]), values, scene)

        yield Repair(site.slot, make, "missing_chain_factor", f"{words} {site.words}", 1.3, site.place, portable=True)


def _by_cotangent(site: Site, scene: Scene, name: str) -> dict[str, Combine]:
    """The products of a value with the cotangent, by what is missing where."""
    value, cotangent = site.value, scene.inputs[name]
    ways: dict[str, Combine] = {}
    if scene.misshapen and cotangent.dim() == 1:
        ways |= _by_vector(value, len(cotangent), name)
    if site.source in (0, *(user.slot for user in scene.program.dependents[0])) or cotangent.dim() == 0:
        return ways
    if value.shape == cotangent.shape:
        ways[f"{name} is not multiplied into"] = torch.mul
    if cotangent.dim() == value.dim() == 2:
        for text, factor in ((name, lambda q: q), (f"{name}ᵀ", lambda q: q.mH)):
            rows, columns = factor(cotangent).shape
            if columns == value.shape[0] and (rows == columns or scene.misshapen):
                ways[f"the factor {text} is missing on the left of"] = lambda v, q, f=factor: f(q) @ v
            if rows == value.shape[1] and (rows == columns or scene.misshapen):
                ways[f"the factor {text} is missing on the right of"] = lambda v, q, f=factor: v @ f(q)
    return ways

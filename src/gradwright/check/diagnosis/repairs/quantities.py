"""Quantities of the expression in the wrong place: one for another, or one not multiplied in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import torch

from gradwright.check.diagnosis.library import Quantity
from gradwright.check.diagnosis.operations import FUNCTIONS, SUMS
from gradwright.check.diagnosis.program import Values
from gradwright.check.diagnosis.repairs.multiplied import is_power, powers_beside
from gradwright.check.diagnosis.repairs.sites import Site, is_number, is_view, sites
from gradwright.check.diagnosis.scene import CLOSE, VAGUE, Repair, Scene, close, largest, multiple_of
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol
from gradwright.core.walks import free_leaves
from gradwright.frozen import frozen
from gradwright.prims.exponential import exp
from gradwright.prims.power import power

NAMELESS = 4.0  # what was computed is no quantity of the formula: no name tells what the mistake was
TURNED = 0.6  # as well as being another quantity: Aᵀ for A⁻¹, as if A were orthogonal
EXPONENTS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, -3.0, -1.5)
SIMPLE_EXPONENTS = (1.0, -1.0)
REPEATED = 0.3  # a value with several uses is one that lacks a matrix less often than one of them


def replaced(scene: Scene) -> Iterator[Repair]:
    """Every value replaced by each quantity of its shape."""
    for site in sites(scene):
        known = _recognised(site.value, scene)
        extra = 0.3 if _is_inside(site, scene) else 0.0
        argument = known is not None and _is_input(known) and _is_argument(site, scene)
        for number, quantity in enumerate(scene.library.quantities):
            value = scene.quantities[number]
            for swapped in (False, True) if value.dim() == 2 else (False,):
                more = _turning(known, quantity, swapped)
                turned = value.mT if swapped else value
                at_hand = number in scene.at_hand and _is_rescaled(known, quantity)
                if more is None or (_is_multiple(known, quantity) and not at_hand):
                    continue
                if _is_other(site, turned, scene.misshapen, argument and quantity.stage):
                    make = _rescaled if at_hand else _replacement
                    yield make(site, known, number, quantity, swapped, scene, extra + more)


def _is_inside(site: Site, scene: Scene) -> bool:
    """Whether a value is a summand of other quantities of the formula alone: then it is right, and they are not."""
    assert scene.program is not None
    users = [i for i in scene.program.instructions if site.slot in [s for _, s in i.operands]]
    if site.user is not None or not users or any(user.name not in SUMS for user in users):
        return False
    values = [scene.values.get(user.slot) for user in users]
    return all(is_number(value) and scene.recognised(value) is not None for value in values)


@frozen
class _Known:
    """What a value is, if it equals a quantity: which, and whether transposed."""

    number: int
    quantity: Quantity
    swapped: bool


def _recognised(value: torch.Tensor, scene: Scene) -> _Known | None:
    found = scene.recognised(value)
    return None if found is None else _Known(found[0], scene.library.quantities[found[0]], found[1])


def _turning(known: _Known | None, quantity: Quantity, swapped: bool) -> float | None:
    """What it adds to the cost that one of two quantities is transposed; None where that alone is the mistake."""
    if known is None or known.swapped == swapped:
        return 0.0
    return TURNED if known.quantity.node in quantity.below else None


def _is_other(site: Site, turned: torch.Tensor, misshapen: bool, argument: bool) -> bool:
    """Whether a quantity, turned or not, is another than the value and of its shape.

    Where the shape of the whole is wrong, that of a value may be what is wrong. An input of which a function is taken,
    such as a cosine, may stand for its own power.
    """
    fits = turned.dim() == site.value.dim() if misshapen else turned.shape == site.value.shape
    if not fits:
        return False
    if any(close(site.value, sign * turned) for sign in (1, -1)):
        return False
    # A multiple of the quantity, or of its transpose, is a mistake of another kind, or two.
    forms = (site.value, site.value.mT) if turned.dim() == 2 else (site.value,)
    if any(multiple_of(v, turned) is not None for v in forms):
        return False
    return argument or not is_power(turned, site.value, (2.0, -1.0, 0.5, -0.5))


def _is_multiple(known: _Known | None, quantity: Quantity) -> bool:
    """Whether the quantity is the known one times weights, which is a factor that is missing."""
    product = quantity.node
    if known is None or not isinstance(product, Contract):
        return False
    kept = {label for group in product.output for label in group}
    return any(f.node == known.quantity.node and set(f.labels) <= kept for f in product.factors)


def _is_rescaled(known: _Known | None, quantity: Quantity) -> bool:
    """Whether the quantity is an input times weights that are computed from it, as x / ‖x‖ is."""
    product = quantity.node
    if known is None or not _is_input(known) or not _is_multiple(known, quantity):
        return False
    assert isinstance(product, Contract)
    return any(known.quantity.node in free_leaves(f.node) for f in product.factors if f.node != known.quantity.node)


def _rescaled(
    site: Site, known: _Known | None, number: int, quantity: Quantity, swapped: bool, scene: Scene, extra: float
) -> Repair:
    """An input where the computation has, as a value, what it is rescaled to: that is what is due."""
    words = f"{site.words} stands where {quantity.transposed_name if swapped else quantity.name} is due"
    return site.replaced(number, swapped, "uses_input_instead_of_output", words, 0.95 + extra)


def _replacement(
    site: Site, known: _Known | None, number: int, quantity: Quantity, swapped: bool, scene: Scene, extra: float
) -> Repair:
    name = quantity.transposed_name if swapped else quantity.name
    if site.compared:
        # What is a mask itself is not what a mask is taken from: then a part of the mask is missing.
        cost = 1.3 if quantity.switches else 1.0
        return site.replaced(number, swapped, "wrong_mask", f"the mask has to be taken from {name}", cost)
    due = scene.quantities[number].mT if swapped else scene.quantities[number]
    named = _derived(site.value, due, quantity, scene)
    label, cost = named or (_confused(known, quantity) if known is not None else _unknown(site, number, scene))
    if label == "wrong_power" and known is not None and _is_input(known) and _is_argument(site, scene):
        label, cost = "uses_input_instead_of_output", 0.95  # a function is taken of the input itself
    # What has a mean removed already has the wrong one removed.
    cost += 0.2 if label == "missing_projection" and site.maker is not None and site.maker.name in SUMS else 0.0
    cost += extra
    derived = site.maker is not None and not is_view(site)
    if known is not None and _is_input(known) and (derived or quantity.backward):
        cost += 0.4  # what happens to be an input, or to give the same as one, was not mistaken for one
    if scene.quantities[number].shape not in (site.value.shape, site.value.shape[::-1]):
        cost += 0.4  # what is wrong with the shape is more likely a factor
    words = f"{site.words} stands where {name} is due"
    return site.replaced(number, swapped, label, words, cost + (0.1 if not quantity.stage else 0.0))


def _depends(quantity: Quantity, name: str) -> bool:
    return any(isinstance(leaf, Symbol) and leaf.name == name for leaf in free_leaves(quantity.node))


def _is_argument(site: Site, scene: Scene) -> bool:
    """Whether nothing is done with a value but to take a function of it, such as a cosine."""
    assert scene.program is not None
    if site.user is not None:
        users = [site.user]
    else:
        users = [i for i in scene.program.instructions if site.slot in [source for _, source in i.operands]]
    return bool(users) and all(user.name in FUNCTIONS for user in users)


def _derived(value: torch.Tensor, due: torch.Tensor, quantity: Quantity, scene: Scene) -> tuple[str, float] | None:
    """The name of the mistake where what is due is the value without some entries, or its mean, or with lines scaled.

    What blocks entries on the way from the variable blocks the cotangent there, too.
    """
    if value.shape != due.shape or value.dim() == 0 or largest(value) == 0:
        return None
    if bool((due == 0).any()) and close(torch.where(due == 0, 0, value), due) and _depends(quantity, scene.name):
        return "missing_mask", 1.0
    for axis in (None, *range(value.dim())):
        if close(value - value.mean(dim=axis, keepdim=True), due):
            return "missing_projection", 1.0
    for axis in range(value.dim()) if value.dim() > 1 else ():
        weights = (value.conj() * due).sum(axis, keepdim=True) / (value.conj() * value).sum(axis, keepdim=True)
        if close(weights * value, due):
            return "missing_chain_factor", 1.25  # it may be there to another power
    return None


def _confused(known: _Known, quantity: Quantity) -> tuple[str, float]:
    """The name of the mistake by how the two quantities depend on one another."""
    rest = _others(known, quantity) if not quantity.stage else []
    # A solution that the forward contains, as in `x · A⁻¹ x`, is an output; an input beside an input is a factor.
    if rest and (quantity.backward or all(isinstance(node, Symbol) for node in rest)):
        again = all(node == known.quantity.node for node in rest)
        return "wrong_power" if again else "missing_chain_factor", 1.0
    if _is_power_of(quantity.node, known.quantity.node):
        return "wrong_power", 1.0
    if isinstance(quantity.node, Add) and known.quantity.node in quantity.node.terms and not _is_input(known):
        return "missing_term", 1.0  # as a prediction where what is off is due
    if known.quantity.node in quantity.below:
        return "uses_input_instead_of_output", 1.0
    if _is_part(known.quantity.node, quantity.node):
        return "uses_input_instead_of_output", 1.3
    return "stale_saved_value", 1.0 if quantity.node in known.quantity.below else 1.3


def _is_input(known: _Known) -> bool:
    return isinstance(known.quantity.node, Symbol)


def _is_power_of(node: Node, base: Node) -> bool:
    """Whether it is a power of another quantity, entry by entry or of a matrix; not its inverse."""
    if isinstance(node, Apply) and node.primitive is power:
        return node.arguments[0] == base
    several = isinstance(node, Contract) and len(node.factors) > 1
    return several and isinstance(node, Contract) and all(factor.node == base for factor in node.factors)


def _is_part(part: Node, whole: Node) -> bool:
    """Whether all factors of a product are among those of another, which is then computed from it."""
    if not isinstance(part, Contract) or not isinstance(whole, Contract):
        return False
    rest = [factor.node for factor in whole.factors]
    for factor in part.factors:
        if factor.node not in rest:
            return False
        rest.remove(factor.node)
    return bool(rest)


def _unknown(site: Site, number: int, scene: Scene) -> tuple[str, float]:
    """The name of the mistake where the value is no quantity: another function of one, or nothing that has a name.

    What is right at its other places stands at one where another value at hand is due.
    """
    if site.user is not None and number in scene.at_hand:
        return "stale_saved_value", 1.8
    sources = [source for _, source in site.maker.operands] if site.maker is not None else []
    operand = scene.values.get(sources[0]) if len(sources) == 1 else None
    if is_number(operand) and scene.recognised(operand) is not None:
        return "stale_saved_value", 2.0
    return "", NAMELESS


def _others(known: _Known, quantity: Quantity) -> list[Node]:
    """The factors that a product of the gradient has beside a known one; none where it is no such product."""
    factors = [f.node for f in quantity.node.factors] if isinstance(quantity.node, Contract) else []
    if known.quantity.node in factors:
        factors.remove(known.quantity.node)
        return factors
    return []


def multiplied(scene: Scene) -> Iterator[Repair]:
    """Every value multiplied by a power of each quantity, entry by entry or as a matrix.

    A value that is used elsewhere, too, may lack a factor at one place alone: a summand a matrix, any value the
    quantity itself.
    """
    beside = powers_beside(scene)
    for site in sites(scene):
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
    return isinstance(quantity.node, Apply) and quantity.node.primitive is exp


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
    assert scene.program is not None
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


def projected(scene: Scene) -> Iterator[Repair]:
    """The component along a vector, or the mean, removed from a value.

    Where a multiple of the vector is taken on the way to the value already, that is a wrong one.
    """
    parallel = set(_parallel(scene))
    for site in sites(scene):
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
    assert scene.program is not None
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

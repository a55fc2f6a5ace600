"""One quantity of the expression in the place of another."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gradwright.check.diagnosis.library import Quantity
from gradwright.check.diagnosis.operations import FUNCTIONS, POWERS, SUMS
from gradwright.check.diagnosis.program import Instruction, Slot, Values
from gradwright.check.diagnosis.repairs.present_factors import is_power
from gradwright.check.diagnosis.repairs.sites import Site, is_number, is_view, nearest_sites
from gradwright.check.diagnosis.scene import Repair, Scene, close, largest, multiple_of
from gradwright.core.nodes import Add, Contract, Node, Symbol, is_apply
from gradwright.core.walks import free_leaves
from gradwright.frozen import frozen
from gradwright.prims.power import power

NAMELESS = 4.0  # what was computed is no quantity of the formula: no name tells what the mistake was
EXPONENTS = (2, 3, 4)
TURNED = 0.6  # as well as being another quantity: Aᵀ for A⁻¹, as if A were orthogonal


def replaced(scene: Scene) -> Iterator[Repair]:
    """Every value replaced by each quantity of its shape; and one of the factors of every power."""
    yield from _in_powers(scene)
    for site in nearest_sites(scene):
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
                    if at_hand:
                        yield _rescaled(site, number, quantity, swapped, extra + more)
                    else:
                        yield _replacement(site, known, number, quantity, swapped, scene, extra + more)


def _in_powers(scene: Scene) -> Iterator[Repair]:
    """One of the factors of a power replaced: `r³` where `r² s` is due."""
    for instruction in scene.program.instructions:
        base, exponent = (*instruction.arguments, None, None)[:2]
        if instruction.name in POWERS and isinstance(base, Slot) and exponent in EXPONENTS:
            yield from _in_power(instruction, base.index, scene)


def _in_power(instruction: Instruction, base: int, scene: Scene) -> Iterator[Repair]:
    known = _recognised(scene.values[base], scene)
    if known is None:
        return
    for number, quantity in enumerate(scene.library.quantities):
        if quantity.node.shape != known.quantity.node.shape or quantity.node == known.quantity.node:
            continue

        def exchanged(values: Values, scene: Scene, number: int = number) -> object:
            return instruction.run(values) / values[base] * scene.quantities[number]

        label, cost = _confused(known, quantity)
        words = f"one of the {instruction.arguments[1]} factors {scene.called(base)} should be {quantity.name}"
        yield Repair(instruction.slot, exchanged, label, words, cost + 0.2, portable=True)


def _is_inside(site: Site, scene: Scene) -> bool:
    """Whether a value is a summand of other quantities of the formula alone: then it is right, and they are not."""
    users = scene.program.users.get(site.slot, ())
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
    kept = set(product.free_labels)
    return any(f.node == known.quantity.node and set(f.labels) <= kept for f in product.factors)


def _is_rescaled(known: _Known | None, quantity: Quantity) -> bool:
    """Whether the quantity is an input times weights that are computed from it, as x / ‖x‖ is."""
    product = quantity.node
    if known is None or not _is_input(known) or not _is_multiple(known, quantity):
        return False
    assert isinstance(product, Contract)
    return any(known.quantity.node in free_leaves(f.node) for f in product.factors if f.node != known.quantity.node)


def _rescaled(site: Site, number: int, quantity: Quantity, swapped: bool, extra: float) -> Repair:
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
    users = (site.user,) if site.user is not None else scene.program.users.get(site.slot, ())
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
    if is_apply(node, power):
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

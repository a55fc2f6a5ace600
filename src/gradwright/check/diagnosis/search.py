"""The search for a mistake that explains what the user's code returns."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache, cached_property
from itertools import accumulate, combinations, islice

import numpy as np
import torch

from gradwright.back.render import brief
from gradwright.check.diagnosis.difference import by_entry, entry_weights
from gradwright.check.diagnosis.mutants.chains import chains
from gradwright.check.diagnosis.mutants.confusions import confusions
from gradwright.check.diagnosis.mutants.detached import detached
from gradwright.check.diagnosis.mutants.entrywise import entrywise
from gradwright.check.diagnosis.mutants.factors import factors
from gradwright.check.diagnosis.mutants.layouts import layouts
from gradwright.check.diagnosis.mutants.mutant import Mutant
from gradwright.check.diagnosis.mutants.order import order as commuted
from gradwright.check.diagnosis.mutants.outputs import outputs
from gradwright.check.diagnosis.mutants.stages import stages
from gradwright.check.diagnosis.mutants.sums import sums
from gradwright.check.diagnosis.mutants.terms import other_arguments, terms
from gradwright.check.diagnosis.mutants.whole import whole
from gradwright.check.diagnosis.repairs.at_hand import at_hand
from gradwright.check.diagnosis.repairs.axes import axes
from gradwright.check.diagnosis.repairs.indices import indices
from gradwright.check.diagnosis.repairs.multiples import multiples
from gradwright.check.diagnosis.repairs.numbers import multiples_of_values, numbers
from gradwright.check.diagnosis.repairs.order import order
from gradwright.check.diagnosis.repairs.powers import powers
from gradwright.check.diagnosis.repairs.products import products
from gradwright.check.diagnosis.repairs.quantities import multiplied, projected, replaced
from gradwright.check.diagnosis.repairs.structure import structure
from gradwright.check.diagnosis.repairs.transposes import transposes
from gradwright.check.diagnosis.repairs.uses import uses
from gradwright.check.diagnosis.scene import CLOSE, VAGUE, Repair, Scene, attempt, close, drops, largest, multiple_of
from gradwright.check.truth import Truth
from gradwright.core.nodes import Node
from gradwright.core.sums import add, scaled, terms_of
from gradwright.core.walks import postorder
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen, replace
from gradwright.simplify.expansion import expand

REPAIRS: tuple[Callable[[Scene], Iterator[Repair]], ...] = (
    transposes, multiples, numbers, order, structure, replaced, multiplied, projected, powers, axes, indices,
    products,
)  # fmt: skip
Family = Callable[[Truth, str], Iterator[Mutant]]
MUTANTS: tuple[Family, ...] = (
    whole, detached, outputs, stages, terms, other_arguments, factors, sums, commuted, chains,
    entrywise, confusions,
)  # fmt: skip
DERIVED = (detached, outputs, stages, chains, entrywise, confusions)  # with derivations of their own, which take longer
PAIR = 1.0
SAID_BETTER = 1.1  # by one value that stands at several places for another than by a mistake that is less likely
BY_ENTRY = 1.7  # what the same numbers in every entry cost, which are no accident
SCALES = (-1.0, 2.0, 0.5, -2.0, -0.5)
NEGLIGIBLE = 1e-6  # beside the gradient that is due
REPEATED = ("elementwise_instead_of_matrix_product", "wrong_axis", "wrong_mask", "missing_mask")
# One that is missing and another that is there instead explain whatever is wrong with a term, or with a factor; and so
# do two signs, or two powers, that make up for one another.
INSTEAD = (
    {"missing_term", "extra_term"}, {"detached_dependency", "extra_term"}, {"missing_chain_factor", "extra_term"},
    {"missing_chain_factor", "wrong_power"}, {"wrong_sign"}, {"wrong_power"},
    {"wrong_argument_gradient_swapped", "stale_saved_value"},
    {"wrong_argument_gradient_swapped", "uses_input_instead_of_output"},
    {"uses_input_instead_of_output", "stale_saved_value"}, {"uses_input_instead_of_output"}, {"stale_saved_value"},
)  # fmt: skip
TRANSPOSES = {"missing_transpose", "extra_transpose"}
LITERAL = 0.15  # what stands in the code says more of a transpose than the formula does
ABSENT = ("missing_term", "detached_dependency", "missing_chain_factor")
NO_MORE = {"uses_input_instead_of_output", "stale_saved_value", "detached_dependency"}  # than a number does
# How much is tried of a long computation, and of a long gradient, counted so that the answer is the same everywhere.
MOST_CALLS = 150_000
MOST_CALLS_OF_USES = 30_000  # where a value stands at several places for another
EARLY = 0.5  # what it adds to a cost that everything has to be computed again
MOST_NODES = 2_500  # of the mutants of one family
MOST_ALIKE = 40
MOST_TERMS = 6
SIMPLE = 1000  # the largest denominator of a number that is written as a fraction
FEW_ALIKE = 12


@frozen
class Explanation:
    """One or more mistakes that together give what the user's code returns.

    Attributes:
        mutant: a mistake in the formula, if there is one.
        repairs: what has to be put right in the user's computation.
        multiples: a sign and a number by which the whole gradient is off; or that it is off by a scalar.
        scale: that sign and number.
    """

    mutant: Mutant | None
    repairs: tuple[Repair, ...] = ()
    multiples: tuple[Mutant, ...] = ()
    scale: float = 1.0

    @property
    def parts(self) -> tuple[Mutant | Repair, ...]:
        """The mistakes."""
        return (*((self.mutant,) if self.mutant else ()), *self.repairs, *self.multiples)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the mistakes, each once; none for one that has no name."""
        return tuple(dict.fromkeys(part.label for part in self.parts if part.label))

    @property
    def words(self) -> str:
        """The mistakes in words."""
        return "; ".join(dict.fromkeys(part.words for part in self.parts))

    @cached_property
    def cost(self) -> float:
        """How unlikely it is: the sum of its mistakes' costs, each counted once, and more where there are two."""
        costs = {part.words: part.cost for part in self.parts}
        return sum(costs.values()) + PAIR * (len(costs) - 1)


@frozen
class Candidates:
    """The single mistakes of which explanations are made, with what they give at one point.

    Attributes:
        right: the right gradient.
        formulas: the mutants, with their values.
        scene: the point, with the user's computation, which is repaired there.
    """

    right: Node
    formulas: list[tuple[Mutant, torch.Tensor]]
    scene: Scene

    @cached_property
    def repairs(self) -> list[Repair]:
        """The repairs of the user's computation, the simplest first.

        Of a long computation the simplest alone; and rather those after which little has to be computed again.
        """
        program = self.scene.program
        if program is None:
            return []
        calls = {slot: program.calls_after(slot) for slot in program.dependents}

        def price(repair: Repair) -> float:
            return repair.cost + EARLY * calls[repair.slot] / len(calls)

        ordered = sorted(_repairs(self.scene), key=lambda repair: repair.cost)
        soonest = sorted(ordered, key=price)
        total = accumulate(calls[repair.slot] for repair in soonest)
        tried = {id(repair) for repair, count in zip(soonest, total, strict=True) if count <= MOST_CALLS}
        return [repair for repair in ordered if id(repair) in tried]

    @cached_property
    def _repaired(self) -> dict[int, torch.Tensor | None]:
        return {}

    def value(self, repair: Repair) -> torch.Tensor | None:
        """What a repair gives; None where it cannot be computed."""
        if id(repair) not in self._repaired:
            self._repaired[id(repair)] = attempt(self.scene, repair)
        return self._repaired[id(repair)]

    def _valued(self, named: bool) -> list[tuple[Repair, torch.Tensor]]:
        pairs = ((repair, self.value(repair)) for repair in self.repairs if bool(repair.label) == named)
        return [(repair, value) for repair, value in pairs if value is not None]

    @cached_property
    def computations(self) -> list[tuple[Repair, torch.Tensor]]:
        """The repairs of mistakes that have a name, with what they give."""
        return self._valued(named=True)

    @cached_property
    def nameless(self) -> list[tuple[Repair, torch.Tensor]]:
        """The repairs of mistakes that have none."""
        return self._valued(named=False)

    @cached_property
    def keyed(self) -> tuple[list[float], list[int]]:
        """The keys of the mutants' values in order, and whose they are."""
        pairs = sorted((_key(value), place) for place, (_, value) in enumerate(self.formulas))
        return [key for key, _ in pairs], [place for _, place in pairs]

    @cached_property
    def keys(self) -> list[float]:
        """The keys of the repaired values."""
        return [_key(value) for _, value in self.computations]

    def of(self, scene: Scene) -> Candidates:
        """The candidates at the same point, for another recording of the computation there."""
        return Candidates(self.right, self.formulas, scene)


def candidates(truth: Truth, name: str, scene: Scene) -> Candidates:
    """The single mistakes, with what they give at a scene."""
    return Candidates(truth.gradients[name], list(_formulas(truth, name, scene)), scene)


def single_explanations(
    single: Candidates, scenes: Sequence[Scene], tells: Callable[[Explanation], bool] = lambda explanation: True
) -> list[Explanation]:
    """The single mistakes that explain the user's gradient at every scene, the simplest first.

    A repair that is less simple than an explanation with another name is not tried.

    Args:
        single: the mistakes that are known, at the first of the scenes.
        scenes: the points.
        tells: whether an explanation says what is to be said.
    """
    formulas = (Explanation(m) for m, value in single.formulas if close(value, scenes[0].returned))
    found = [e for e in formulas if tells(e) and _holds_at(e, scenes)]
    best = min(found, key=lambda e: e.cost, default=None)
    for repair in single.repairs:
        literal = best if best is not None and _turns_the_other_way(best, repair) else None
        surpassed = best is not None and repair.cost > best.cost and repair.label not in best.labels and literal is None
        value = None if surpassed or not repair.label else single.value(repair)
        if value is None or not close(value, scenes[0].wanted):
            continue
        chosen = repair if literal is None else replace(repair, cost=literal.cost - 0.01)
        explanation = Explanation(None, (chosen,))
        if tells(explanation) and _holds_at(explanation, scenes):
            found.append(explanation)
            best = min(found, key=lambda e: e.cost)
    return sorted(found, key=lambda e: e.cost)


def _hides(repair: Repair, scene: Scene) -> bool:
    """Whether a component is removed of which something else is taken: then that is wrong, and it vanishes unseen."""
    return repair.label == "missing_projection" and bool(scene.wanted.any()) and drops(scene, repair)


def _turns_the_other_way(explanation: Explanation, repair: Repair) -> bool:
    """Whether a transpose that the formula lacks is one that the code has too many, or the other way round.

    Then what the code has counts: `Aᵀ Bᵀ` may be `(B A)ᵀ` in the formula.
    """
    labels = {*explanation.labels, repair.label}
    return explanation.mutant is not None and labels == TRANSPOSES and repair.cost <= explanation.cost + LITERAL


def explanations(single: Candidates, scenes: Sequence[Scene]) -> list[Explanation]:
    """What explains the user's gradient at every scene, the simplest first.

    Args:
        single: the mistakes that are known, at the first of the scenes.
        scenes: the points.
    """
    multiples = _multiple(single.right, scenes)
    off_by_a_number = bool(multiples) and multiples[0].multiples[0].cost < VAGUE

    def tells(explanation: Explanation) -> bool:
        return not off_by_a_number or _says_more(explanation, scenes[0])

    found = single_explanations(single, scenes, tells)
    if off_by_a_number:
        return sorted([*found, *multiples], key=lambda e: e.cost)
    if not _is_exact(found):
        found += _confirmed(_multiples_of_terms(single.right, scenes[0]), scenes)
    if not _is_exact(found) and scenes[0].program is not None:
        rarer = (*multiples_of_values(scenes[0]), *at_hand(scenes[0]))
        found += _confirmed(_singly_repaired(_attempted(rarer, scenes[0]), scenes[0]), scenes)
    if not _is_exact(found):
        found += _confirmed(_together(single.computations, scenes[0]), scenes)
    if not _is_exact(found):
        found += _confirmed(_meeting(single, scenes[0]), scenes) + _confirmed(_scaled(single, scenes[0]), scenes)
    for scale in () if _is_exact(found) else SCALES:
        found += _confirmed(_meeting(single, scenes[0], scale), scenes)
    found += multiples
    if scenes[0].program is not None and all(len(e.labels) > 1 or e.cost > SAID_BETTER for e in found):
        found += _confirmed(_used_otherwise(scenes[0]), scenes)
    if not found:
        found = _confirmed(_singly_repaired(single.nameless, scenes[0]), scenes)
    return sorted(found, key=lambda e: e.cost)


def _is_exact(found: Sequence[Explanation]) -> bool:
    """Whether some explanation is more than a vague one, so that none with more mistakes is looked for."""
    return any(explanation.cost < VAGUE for explanation in found)


def _says_more(explanation: Explanation, scene: Scene) -> bool:
    """Whether a mistake says more of a gradient that is off by a number than this number.

    An argument may be a multiple of its function, as of `x ↦ 2 x`; no input is what is off by a number; one of two
    equal terms, which is left where a quantity is treated as a constant, is a factor 2; and so is a number of the code.
    """
    inputs = len(scene.program.inputs) if scene.program is not None else 0
    of_input = any(repair.slot < inputs for repair in explanation.repairs)
    of_number = any(repair.label == "wrong_factor" and not repair.portable for repair in explanation.repairs)
    return (
        len(explanation.parts) == 1 and not of_input and not of_number and not NO_MORE.intersection(explanation.labels)
    )


def repaired(scenes: Sequence[Scene]) -> list[Explanation]:
    """What in the user's computation has to be put right, the simplest first."""
    tried = _attempted(_repairs(scenes[0]), scenes[0])
    return sorted(_confirmed(_singly_repaired(tried, scenes[0]), scenes), key=lambda e: e.cost)


def _attempted(repairs: Iterable[Repair], scene: Scene) -> Iterator[tuple[Repair, torch.Tensor]]:
    """The repairs that can be computed, with what they give."""
    for repair in repairs:
        value = attempt(scene, repair)
        if value is not None:
            yield repair, value


def _singly_repaired(computations: Iterable[tuple[Repair, torch.Tensor]], scene: Scene) -> list[Explanation]:
    return [Explanation(None, (repair,)) for repair, value in computations if close(value, scene.wanted)]


def _used_otherwise(scene: Scene) -> Iterator[Explanation]:
    """One quantity for another at some of its places."""
    assert scene.program is not None
    most = MOST_CALLS_OF_USES // len(scene.program.instructions)
    for repairs in islice(uses(scene), most):
        value = attempt(scene, *repairs)
        if value is not None and close(value, scene.wanted):
            yield Explanation(None, repairs)


def _together(computations: Sequence[tuple[Repair, torch.Tensor]], scene: Scene) -> Iterator[Explanation]:
    """One kind of mistake made at two places, or at three."""
    for label in REPEATED:
        alike = [repair for repair, _ in computations if repair.label == label][:MOST_ALIKE]
        for chosen in (*combinations(alike, 2), *(combinations(alike, 3) if len(alike) <= FEW_ALIKE else ())):
            apart = len({repair.slot for repair in chosen}) == len(chosen)
            value = attempt(scene, *chosen) if apart else None
            if value is not None and close(value, scene.wanted):
                yield Explanation(None, chosen)


def _scaled(single: Candidates, scene: Scene) -> Iterator[Explanation]:
    """One mistake, and a sign and a number by which the whole is off."""
    for mutant, value in single.formulas:
        scale = multiple_of(scene.returned, value)
        if scale is not None and abs(scale) > NEGLIGIBLE:
            yield Explanation(mutant, (), _multiples(single.right, scale), scale)
    for repair, value in single.computations:
        scale = multiple_of(value, scene.wanted)
        if scale is not None and abs(scale) > NEGLIGIBLE:
            yield Explanation(None, (repair,), _multiples(single.right, scale), scale)


def _multiples_of_terms(right: Node, scene: Scene) -> Iterator[Explanation]:
    """One term of the gradient times a number, which what is off by is a multiple of."""
    parts = terms_of(expand(right, lambda node: True))
    for place, part in enumerate(parts) if 2 <= len(parts) <= MOST_TERMS else ():
        value = _value(Mutant(part, "", ""), scene)
        ratio = multiple_of(scene.returned - scene.wanted, value) if value is not None and not scene.misshapen else None
        number = Fraction(1 + (ratio or 0)).limit_denominator(SIMPLE)
        if number > 0 and number != 1:
            changed = add([*parts[:place], scaled(number, part), *parts[place + 1 :]])
            words = f"the term {brief(part)} is multiplied by {number}"
            yield Explanation(Mutant(changed, "wrong_factor", words, 1.2))


def _multiple(right: Node, scenes: Sequence[Scene]) -> list[Explanation]:
    """A gradient that is a multiple of the right one: by a number, or by a scalar that depends on the inputs."""
    ratios = [_ratio(scene) for scene in scenes]
    first = ratios[0]
    if first is None or any(ratio is None for ratio in ratios):
        return _multiple_by_entry(right, scenes)
    alike = [r for r, s in zip(ratios, scenes, strict=True) if s.point.sizes == scenes[0].point.sizes and r is not None]
    if any(abs(ratio - first) > CLOSE * abs(first) for ratio in alike):
        words = "a scalar factor that depends on the inputs is missing or wrong"
        return [Explanation(None, (), (Mutant(right, "missing_chain_factor", words, VAGUE),))]
    parts = _multiples(right, first)
    return [Explanation(None, (), parts, first)] if parts else []


def _multiple_by_entry(right: Node, scenes: Sequence[Scene]) -> list[Explanation]:
    """A gradient of which every entry is off by a number of its own, the same at all points of the same sizes."""
    alike = [scene for scene in scenes if scene.point.sizes == scenes[0].point.sizes]
    if len(alike) < 2 or scenes[0].misshapen or largest(scenes[0].returned) == 0:
        return []
    weights = entry_weights(scenes[0].returned, scenes[0].wanted)
    if not all(close(scene.returned, weights * scene.wanted) for scene in alike):
        return []
    label = "wrong_factor" if bool(weights.all()) else "wrong_mask"
    label = "wrong_sign" if close(weights.abs(), torch.ones_like(weights)) else label
    return [Explanation(None, (), (Mutant(right, label, by_entry(weights), BY_ENTRY),))]


def _multiples(right: Node, scale: float) -> tuple[Mutant, ...]:
    """A sign and a number in words."""
    parts: list[Mutant] = []
    if scale < 0:
        parts.append(Mutant(right, "wrong_sign", "the whole gradient has the wrong sign", 1.0))
    if abs(abs(scale) - 1) > CLOSE:
        words = f"the whole gradient is {_number(abs(scale))} times what it should be"
        parts.append(Mutant(right, "wrong_factor", words, 1.3))
    return tuple(parts)


def _number(value: float) -> str:
    fraction = Fraction(value).limit_denominator(64)
    return str(fraction) if abs(float(fraction) - value) <= CLOSE * value else f"{value:.6g}"


def _ratio(scene: Scene) -> float | None:
    """The real number by which the right gradient has to be multiplied to give the user's."""
    return multiple_of(scene.returned, scene.wanted)


def _formulas(truth: Truth, name: str, scene: Scene) -> Iterator[tuple[Mutant, torch.Tensor]]:
    """The mutants that can be computed; where a sign explains the gradient, none that takes a derivation of its own."""
    found: dict[Family, list[tuple[Mutant, torch.Tensor]]] = {}
    sign = False
    for family in sorted((*MUTANTS, *((layouts,) if scene.misshapen else ())), key=DERIVED.__contains__):
        found[family] = [] if sign and family in DERIVED else list(_valued(family, truth, name, scene))
        values = (value for mutant, value in found[family] if mutant.label == "wrong_sign")
        sign = sign or any(close(value, scene.returned) for value in values)
    for family in (*MUTANTS, layouts):
        yield from found.get(family, ())


def _valued(family: Family, truth: Truth, name: str, scene: Scene) -> Iterator[tuple[Mutant, torch.Tensor]]:
    for mutant in _within_budget(family, truth, name):
        value = _value(mutant, scene)
        if value is not None and not close(value, scene.wanted):
            yield mutant, value


def mutants_of(truth: Truth, name: str) -> Iterator[Mutant]:
    """The right gradient with one mistake in it, in every way that is known; of a long gradient in the first ways."""
    for family in MUTANTS:
        yield from _within_budget(family, truth, name)


def _within_budget(family: Family, truth: Truth, name: str) -> Iterator[Mutant]:
    nodes = 0
    for mutant in family(truth, name):
        yield mutant
        nodes += sum(1 for _ in postorder(mutant.node))
        if nodes > MOST_NODES and family is not layouts:
            return


def _value(mutant: Mutant, scene: Scene) -> torch.Tensor | None:
    try:
        array = scene.point.varied(mutant.node)
    except (GradwrightError, ArithmeticError, ValueError, np.linalg.LinAlgError):
        return None
    return torch.from_numpy(np.array(array, copy=True))


def _repairs(scene: Scene) -> Iterator[Repair]:
    for family in REPAIRS if scene.program is not None else ():
        yield from map(scene.by_use, family(scene))


def _meeting(single: Candidates, scene: Scene, scale: float = 1.0) -> list[Explanation]:
    """The pairs of a mutant and a repair that have the same value, or whose values are off by a given number.

    A computation whose repair leaves next to nothing would meet every mutant that is zero.
    """
    least = NEGLIGIBLE * largest(scene.wanted)
    keys, places = single.keyed
    found: list[Explanation] = []
    for (repair, value), own in zip(single.computations, single.keys, strict=True):
        key = own / scale
        margin = CLOSE * max(abs(key), 1e-6)
        place = bisect_left(keys, key - margin)
        if place == len(keys) or keys[place] > key + margin or largest(value) <= least:
            continue
        while place < len(keys) and keys[place] <= key + margin:
            mutant, other = single.formulas[places[place]]
            if close(value, scale * other) and not _instead(mutant, repair, scale, scene):
                found.append(Explanation(mutant, (repair,), _multiples(single.right, scale), scale))
            place += 1
    return found


def _instead(mutant: Mutant, repair: Repair, scale: float, scene: Scene) -> bool:
    """Whether a mutant and a repair together say no more than that one thing stands in the place of another.

    So it is with a term that is missing and another that does not belong, or that the repair leaves nothing of.
    """
    absent = mutant.partial or (scale != 1 and repair.label == "extra_term")
    label = "missing_term" if absent else mutant.label
    return {label, repair.label} in INSTEAD or (label in ABSENT and drops(scene, repair))


def _key(value: torch.Tensor) -> float:
    """A number that equal tensors share."""
    flat = torch.view_as_real(value.resolve_conj()).reshape(-1) if value.is_complex() else value.reshape(-1)
    return float(flat.double() @ _weights(flat.numel())) if flat.numel() else 0.0


@cache
def _weights(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(7).normal(size=count))


def _confirmed(candidates: Iterable[Explanation], scenes: Sequence[Scene]) -> list[Explanation]:
    return [e for e in candidates if _holds_at(e, scenes)]


def _holds_at(explanation: Explanation, scenes: Sequence[Scene]) -> bool:
    """Whether it holds at all scenes; a repair, at those at which the code ran the same operations."""
    if not explanation.repairs:
        return all(_holds(explanation, scene) for scene in scenes[1:])
    if any(_hides(repair, scenes[0]) for repair in explanation.repairs):
        return False
    portable = all(repair.portable for repair in explanation.repairs)
    alike = [scene for scene in scenes[1:] if _alike(scene, scenes[0], portable)]
    return bool(alike) and all(_holds(explanation, scene) for scene in alike)


def _alike(scene: Scene, other: Scene, portable: bool) -> bool:
    """Whether the code ran the same operations; with the same numbers too, where the repair may hold some."""
    left, right = scene.program, other.program
    if left is None or right is None or left.skeleton != right.skeleton:
        return False
    return portable or left.numbers == right.numbers


def _holds(explanation: Explanation, scene: Scene) -> bool:
    """Whether the mutant, or the right gradient, is what the repaired computation gives there."""
    wanted = scene.wanted if explanation.mutant is None else _value(explanation.mutant, scene)
    got = attempt(scene, *explanation.repairs) if explanation.repairs else scene.returned
    return wanted is not None and got is not None and close(got, explanation.scale * wanted, 10 * CLOSE)

"""The single mistakes of which explanations are made: mutants of the formula, and repairs of the user's computation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, cached_property

import numpy as np
import torch

from gradwright.check.diagnosis.effort import MOST_CALLS, affordable
from gradwright.check.diagnosis.mutants.chains import chains
from gradwright.check.diagnosis.mutants.confusions import confusions
from gradwright.check.diagnosis.mutants.detached import detached
from gradwright.check.diagnosis.mutants.entrywise import entrywise
from gradwright.check.diagnosis.mutants.factors import factors
from gradwright.check.diagnosis.mutants.layouts import layouts
from gradwright.check.diagnosis.mutants.mutant import Mutant
from gradwright.check.diagnosis.mutants.order import order as commuted
from gradwright.check.diagnosis.mutants.outputs import outputs
from gradwright.check.diagnosis.mutants.ranges import ranges
from gradwright.check.diagnosis.mutants.stages import stages
from gradwright.check.diagnosis.mutants.sums import sums
from gradwright.check.diagnosis.mutants.terms import other_arguments, terms
from gradwright.check.diagnosis.mutants.whole import whole
from gradwright.check.diagnosis.repairs.axes import axes
from gradwright.check.diagnosis.repairs.indices import indices
from gradwright.check.diagnosis.repairs.multiples import multiples
from gradwright.check.diagnosis.repairs.multiplied import multiplied
from gradwright.check.diagnosis.repairs.numbers import numbers, other_sizes
from gradwright.check.diagnosis.repairs.order import order
from gradwright.check.diagnosis.repairs.overwritten import overwritten
from gradwright.check.diagnosis.repairs.powers import powers
from gradwright.check.diagnosis.repairs.products import products
from gradwright.check.diagnosis.repairs.projected import projected
from gradwright.check.diagnosis.repairs.rearranged import rearranged
from gradwright.check.diagnosis.repairs.replaced import replaced
from gradwright.check.diagnosis.repairs.structure import structure
from gradwright.check.diagnosis.repairs.subscripts import subscripts
from gradwright.check.diagnosis.repairs.transposes import transposes
from gradwright.check.diagnosis.scene import Repair, Scene, attempt, close, largest
from gradwright.check.truth import Truth
from gradwright.core.nodes import Node
from gradwright.core.walks import postorder
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen

REPAIRS: tuple[Callable[[Scene], Iterator[Repair]], ...] = (
    transposes, multiples, numbers, other_sizes, order, structure, replaced, multiplied, projected, powers, axes,
    indices, products, overwritten, rearranged, subscripts,
)  # fmt: skip
REGULAR = tuple(family for family in REPAIRS if family not in (numbers, other_sizes))  # without what is solved for
Family = Callable[[Truth, str], Iterator[Mutant]]
MUTANTS: tuple[Family, ...] = (
    whole, detached, outputs, stages, terms, other_arguments, factors, sums, commuted, chains,
    entrywise, confusions, ranges,
)  # fmt: skip
DERIVED = (
    detached,
    outputs,
    stages,
    chains,
    entrywise,
    confusions,
    ranges,
)  # with derivations of their own, which take longer
# How much is tried of a long computation, and of a long gradient.
EARLY = 0.5  # what it adds to a cost that everything has to be computed again
MOST_NODES = 2_500  # of the mutants of one family


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
        """The repairs of the user's computation that are tried, the simplest first."""
        return repairs_of(self.scene)

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
        value = value_of(mutant, scene)
        if value is not None and largest(value) and not close(value, scene.wanted):
            yield mutant, value  # what vanishes says nothing of a gradient that is zero


def mutants_of(truth: Truth, name: str) -> Iterator[Mutant]:
    """The right gradient with one mistake in it, in every way that is known; of a long gradient in the first ways."""
    for family in MUTANTS:
        yield from _within_budget(family, truth, name)


def _within_budget(family: Family, truth: Truth, name: str) -> Iterator[Mutant]:
    nodes = 0
    for mutant in family(truth, name):
        yield mutant
        nodes += (2 if family in DERIVED else 1) * sum(1 for _ in postorder(mutant.node))
        if nodes > MOST_NODES and family is not layouts:
            return


def value_of(mutant: Mutant, scene: Scene) -> torch.Tensor | None:
    """What a mutant gives at a scene; None where it has no value."""
    try:
        array = scene.point.varied(mutant.node)
    except (GradwrightError, ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError):
        return None  # an IndexError of the first entry of nothing
    return torch.from_numpy(np.array(array, copy=True))


def repairs_of(scene: Scene) -> list[Repair]:
    """What may have to be put right in the user's computation, the simplest first; nothing where it was not recorded.

    Of a long computation the simplest alone; and rather those after which little has to be computed again.
    """
    program = scene.recorded
    if program is None:
        return []
    calls = {slot: program.calls(slot) for slot in program.dependents}

    def price(repair: Repair) -> float:
        return repair.cost + EARLY * calls[repair.slot] / len(calls)

    every = (scene.by_use(repair) for family in REPAIRS for repair in family(scene))
    new = (repair for repair in every if not program.twice or repair.slot in program.twice)
    ordered = sorted(new, key=lambda repair: repair.cost)
    tried = {id(repair) for (repair,) in affordable(((r,) for r in sorted(ordered, key=price)), scene, MOST_CALLS)}
    return [repair for repair in ordered if id(repair) in tried]


def _key(value: torch.Tensor) -> float:
    """A number that equal tensors share."""
    flat = torch.view_as_real(value.resolve_conj()).reshape(-1) if value.is_complex() else value.reshape(-1)
    return float(flat.double() @ _weights(flat.numel())) if flat.numel() else 0.0


@cache
def _weights(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(7).normal(size=count))

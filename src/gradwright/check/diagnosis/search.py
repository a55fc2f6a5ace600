"""The search for a mistake that explains what the user's code returns."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, combinations

import torch

from gradwright.check.diagnosis.candidates import REGULAR, Candidates, repairs_of
from gradwright.check.diagnosis.confirmation import confirmed, holds_at
from gradwright.check.diagnosis.effort import FEWER_CALLS, MOST_CALLS, affordable
from gradwright.check.diagnosis.explanation import Explanation
from gradwright.check.diagnosis.mutants.mutant import Mutant, by_use
from gradwright.check.diagnosis.repairs.at_hand import at_hand
from gradwright.check.diagnosis.repairs.exchanges import exchanges
from gradwright.check.diagnosis.repairs.indices import standing
from gradwright.check.diagnosis.repairs.numbers import multiples_of_values
from gradwright.check.diagnosis.repairs.repeated import repeated
from gradwright.check.diagnosis.repairs.uses import uses
from gradwright.check.diagnosis.scaling import (
    NEGLIGIBLE,
    multiples_of_all,
    multiples_of_terms,
    sign_and_number,
    with_a_multiple,
)
from gradwright.check.diagnosis.scene import (
    CLOSE,
    VAGUE,
    Repair,
    Scene,
    attempt,
    close,
    drops,
    is_skew,
    is_symmetric,
    largest,
)
from gradwright.core.walks import free_leaves
from gradwright.frozen import replace

SAID_BETTER = 1.1  # by one value that stands at several places for another than by a mistake that is less likely
SCALES = (-1.0, 2.0, 0.5, -2.0, -0.5)
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
NO_MORE = {  # than a number does
    "uses_input_instead_of_output", "stale_saved_value", "detached_dependency", "missing_chain_factor",
}  # fmt: skip
MOST_ALIKE = 40
FEW_ALIKE = 12


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
    formulas = (
        Explanation(by_use(m, single.right)) for m, value in single.formulas if close(value, scenes[0].returned)
    )
    found = [e for e in formulas if tells(e) and holds_at(e, scenes)]
    best = min(found, key=lambda e: e.cost, default=None)
    for repair in single.repairs:
        literal = best if best is not None and _turns_the_other_way(best, repair) else None
        surpassed = best is not None and repair.cost > best.cost and repair.label not in best.labels and literal is None
        value = None if surpassed or not repair.label else single.value(repair)
        if value is None or not close(value, scenes[0].wanted):
            continue
        chosen = repair if literal is None else replace(repair, cost=literal.cost - 0.01)
        explanation = Explanation(None, (chosen,))
        if tells(explanation) and holds_at(explanation, scenes):
            found.append(explanation)
            best = min(found, key=lambda e: e.cost)
    return sorted(found, key=lambda e: e.cost)


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
    multiples = multiples_of_all(single.right, scenes)
    off_by_a_number = bool(multiples) and multiples[0].multiples[0].cost < VAGUE

    def tells(explanation: Explanation) -> bool:
        return not off_by_a_number or _says_more(explanation, scenes[0])

    found = single_explanations(single, scenes, tells)
    if off_by_a_number:
        return sorted([*found, *multiples], key=lambda e: e.cost)
    if not _is_exact(found) and scenes[0].recorded is not None:
        in_loops = chain(repeated(scenes[0], REGULAR), standing(scenes[0]))
        found += confirmed(_repaired_together(in_loops, scenes[0], FEWER_CALLS), scenes)
    if not _is_exact(found):
        found += confirmed(multiples_of_terms(single.right, scenes[0]), scenes)
    if not _is_exact(found) and scenes[0].recorded is not None:
        rarer = chain(multiples_of_values(scenes[0]), at_hand(scenes[0]))
        found += confirmed(_singly_repaired(_attempted(rarer, scenes[0], FEWER_CALLS), scenes[0]), scenes)
    if not _is_exact(found) and scenes[0].recorded is not None:
        found += confirmed(_repaired_together(exchanges(scenes[0]), scenes[0], FEWER_CALLS), scenes)
    if not _is_exact(found):
        found += confirmed(_together(single.computations, scenes[0]), scenes)
    if not _is_exact(found):
        found += confirmed(_meeting(single, scenes[0]), scenes) + confirmed(with_a_multiple(single, scenes[0]), scenes)
    for scale in () if _is_exact(found) else SCALES:
        found += confirmed(_meeting(single, scenes[0], scale), scenes)
    found += multiples
    if scenes[0].recorded is not None and all(len(e.labels) > 1 or e.cost > SAID_BETTER for e in found):
        found += confirmed(_repaired_together(uses(scenes[0]), scenes[0], FEWER_CALLS), scenes)
    if not found:
        found = confirmed(_singly_repaired(single.nameless, scenes[0]), scenes)
    return sorted(found, key=lambda e: e.cost)


def _is_exact(found: Sequence[Explanation]) -> bool:
    """Whether some explanation is more than a vague one, so that none with more mistakes is looked for."""
    return any(explanation.cost < VAGUE for explanation in found)


def _says_more(explanation: Explanation, scene: Scene) -> bool:
    """Whether a mistake says more of a gradient that is off by a number than this number.

    An argument may be a multiple of its function, as of `x ↦ 2 x`; no input is what is off by a number; one of two
    equal terms, which is left where a quantity is treated as a constant, is a factor 2.
    """
    inputs = len(scene.program.inputs) if scene.recorded is not None else 0
    of_input = any(repair.slot < inputs for repair in explanation.repairs)
    return len(explanation.parts) == 1 and not of_input and not NO_MORE.intersection(explanation.labels)


def repaired(scenes: Sequence[Scene]) -> list[Explanation]:
    """What in the user's computation has to be put right, the simplest first."""
    tried = _attempted(repairs_of(scenes[0]), scenes[0], MOST_CALLS)
    return sorted(confirmed(_singly_repaired(tried, scenes[0]), scenes), key=lambda e: e.cost)


def _attempted(repairs: Iterable[Repair], scene: Scene, most: int) -> Iterator[tuple[Repair, torch.Tensor]]:
    """The repairs that can be computed, with what they give; of a long computation the first."""
    for (repair,) in affordable(((repair,) for repair in repairs), scene, most):
        value = attempt(scene, repair)
        if value is not None:
            yield repair, value


def _singly_repaired(computations: Iterable[tuple[Repair, torch.Tensor]], scene: Scene) -> list[Explanation]:
    return [Explanation(None, (repair,)) for repair, value in computations if close(value, scene.wanted)]


def _repaired_together(tried: Iterable[tuple[Repair, ...]], scene: Scene, most: int) -> Iterator[Explanation]:
    """The repairs that belong together, and put the gradient right; of a long computation the first."""
    for repairs in affordable(tried, scene, most):
        value = attempt(scene, *repairs)
        if value is not None and close(value, scene.wanted):
            yield Explanation(None, repairs)


def _together(computations: Sequence[tuple[Repair, torch.Tensor]], scene: Scene) -> Iterator[Explanation]:
    """One kind of mistake made at two places, or at three."""
    for label in REPEATED:
        alike = [repair for repair, _ in computations if repair.label == label][:MOST_ALIKE]
        several = chain(combinations(alike, 2), combinations(alike if len(alike) <= FEW_ALIKE else (), 3))
        apart = (chosen for chosen in several if len({repair.slot for repair in chosen}) == len(chosen))
        yield from _repaired_together(apart, scene, FEWER_CALLS // len(REPEATED))


def _meeting(single: Candidates, scene: Scene, scale: float = 1.0) -> list[Explanation]:
    """The pairs of a mutant and a repair that have the same value, or whose values are off by a given number.

    A computation whose repair leaves next to nothing would meet every mutant that is zero.
    """
    least = NEGLIGIBLE * largest(scene.wanted)
    keys, places = single.keyed
    symmetric = is_symmetric(scene.wanted)
    found: list[Explanation] = []
    for (repair, value), own in zip(single.computations, single.keys, strict=True):
        key = own / scale
        margin = CLOSE * max(abs(key), 1e-6)
        place = bisect_left(keys, key - margin)
        if place == len(keys) or keys[place] > key + margin or largest(value) <= least:
            continue
        while place < len(keys) and keys[place] <= key + margin:
            mutant, other = single.formulas[places[place]]
            keeps = not (symmetric and is_skew(other))  # of a symmetric gradient a skew-symmetric one has nothing
            if keeps and close(value, scale * other) and not _instead(mutant, repair, scale, scene):
                found.append(Explanation(mutant, (repair,), sign_and_number(single.right, scale), scale))
            place += 1
    return found


def _instead(mutant: Mutant, repair: Repair, scale: float, scene: Scene) -> bool:
    """Whether a mutant and a repair together say no more than that one thing stands in the place of another.

    So it is with a term that is missing and another that does not belong, or that the repair leaves nothing of.
    """
    if _loses_cotangent(mutant, scene):
        return True
    absent = mutant.partial or (scale != 1 and repair.label == "extra_term")
    label = "missing_term" if absent else mutant.label
    return {label, repair.label} in INSTEAD or (label in ABSENT and drops(scene, repair))


def _loses_cotangent(mutant: Mutant, scene: Scene) -> bool:
    """Whether a formula has no cotangent, and the computation has: then the repair would have to take it out."""
    uses = 0 in scene.program.sources.get(scene.program.result, ())
    return uses and scene.point.truth.cotangent not in free_leaves(mutant.node)

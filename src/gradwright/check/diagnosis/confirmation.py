"""Whether an explanation holds at other points than the one where it was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradwright.check.diagnosis.candidates import value_of
from gradwright.check.diagnosis.explanation import Explanation
from gradwright.check.diagnosis.scene import CLOSE, Repair, Scene, attempt, close, drops


def _hides(repair: Repair, scene: Scene) -> bool:
    """Whether a component is removed of which something else is taken: then that is wrong, and it vanishes unseen."""
    return repair.label == "missing_projection" and bool(scene.wanted.any()) and drops(scene, repair)


def confirmed(candidates: Iterable[Explanation], scenes: Sequence[Scene]) -> list[Explanation]:
    """Those of some explanations that hold at all scenes."""
    return [e for e in candidates if holds_at(e, scenes)]


def holds_at(explanation: Explanation, scenes: Sequence[Scene]) -> bool:
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
    left, right = scene.recorded, other.recorded
    if left is None or right is None or left.skeleton != right.skeleton:
        return False
    return portable or left.numbers == right.numbers


def _holds(explanation: Explanation, scene: Scene) -> bool:
    """Whether the mutant, or the right gradient, is what the repaired computation gives there."""
    wanted = scene.wanted if explanation.mutant is None else value_of(explanation.mutant, scene)
    got = attempt(scene, *explanation.repairs) if explanation.repairs else scene.returned
    return wanted is not None and got is not None and close(got, explanation.scale * wanted, 10 * CLOSE)

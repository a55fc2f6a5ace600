"""From wrong numbers to a finding: the scenes, the search, and its result in words."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from gradwright.back.render import unicode_of
from gradwright.check.diagnosis.difference import described
from gradwright.check.diagnosis.library import library_of
from gradwright.check.diagnosis.notation import Printer
from gradwright.check.diagnosis.recording import recorded
from gradwright.check.diagnosis.scene import Repair, Scene
from gradwright.check.diagnosis.search import Explanation, explanations
from gradwright.check.labels import LABELS
from gradwright.check.report import Finding, wrong
from gradwright.check.subject import Subject
from gradwright.check.truth import Point


def diagnosed(
    subject: Subject, name: str, points: Sequence[Point], returned: Sequence[torch.Tensor], evidence: str
) -> Finding:
    """The finding for a variable whose gradient is wrong.

    Args:
        subject: the function.
        name: the variable.
        points: where it was tried.
        returned: the gradients that the function gave there.
        evidence: by how much they are off.
    """
    truth = points[0].truth
    library = library_of(truth)
    scenes = [_scene(subject, name, p, r, library) for p, r in zip(points, returned, strict=True)]
    question = f"backward of {name}"
    right = unicode_of(truth.gradients[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the operations that are tried, many make no sense
        found = explanations(truth, name, scenes)
    if not found:
        words = f"it is wrong, and no single mistake explains it: {described(scenes[0])}"
        return wrong(question, words, evidence, right_formula=right, written_formula=written(scenes[0]))
    best = found[0]
    meanings = "; ".join(LABELS[label] for label in best.labels)
    words = f"{best.words} ({meanings})" if meanings not in best.words else best.words
    return wrong(
        question, words, evidence, labels=best.labels, right_formula=right, written_formula=written(scenes[0], best)
    )


def written(scene: Scene, explanation: Explanation | None = None) -> str:
    """The user's formula with the wrong part marked, or the wrong formula that gives the same numbers."""
    if scene.program is not None:
        repair = next((p for p in explanation.parts if isinstance(p, Repair)), None) if explanation else None
        whole = repair is None or repair.slot == scene.program.result
        marked, place = (None, ()) if whole or repair is None else (repair.slot, repair.place)
        return Printer(scene.program, marked, place).text(scene.program.result)
    if explanation is not None and explanation.mutant is not None:
        return unicode_of(explanation.mutant.node)
    return ""


def _scene(subject: Subject, name: str, point: Point, returned: torch.Tensor, library: object) -> Scene:
    inputs: Mapping[str, torch.Tensor] = point.tensors
    program = recorded(subject, name, inputs, returned, point.truth.cotangent.name)
    real = not np.iscomplexobj(point.gradients[name])
    kept = returned.real if real and returned.is_complex() else returned
    return Scene(point, name, inputs, kept, program, library)  # type: ignore[arg-type]

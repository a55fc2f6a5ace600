"""From wrong numbers to a finding: the scenes, the search, and its result in words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from gradwright.back.render import is_writable
from gradwright.check.diagnosis.candidates import candidates
from gradwright.check.diagnosis.difference import described
from gradwright.check.diagnosis.explanation import Explanation
from gradwright.check.diagnosis.library import Library, library_of
from gradwright.check.diagnosis.notation import Printer
from gradwright.check.diagnosis.recording import recorded, recorded_forward
from gradwright.check.diagnosis.scene import Scene, close, largest
from gradwright.check.diagnosis.search import explanations, repaired, single_explanations
from gradwright.check.diagnosis.side_by_side import side_by_side
from gradwright.check.diagnosis.traced import detached_quantities, traced_gradient
from gradwright.check.labels import LABELS
from gradwright.check.report import Finding, wrong
from gradwright.check.subject import Subject
from gradwright.check.tracing.compare import compare
from gradwright.check.truth import NOISE, Point, Truth
from gradwright.core.nodes import Node
from gradwright.core.walks import postorder

ZERO = "it is zero at every point: all terms of the gradient are missing"
OF_NOTHING = {"wrong_mask", "missing_mask"}  # what makes a gradient zero that is no missing term
DETACHED = {"missing_term", "detached_dependency"}
BY = "by detach(), no_grad or the like"
MOST_PARTS = 150  # of a formula that is shown: nobody reads a longer one


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
    scenes = _telling([_scene(subject, name, p, r, library) for p, r in zip(points, returned, strict=True)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the operations that are tried, many make no sense
        scenes, found = _explained(truth, name, scenes)
        node = _written(subject, name, found, points[0])
        formulas = side_by_side(truth, truth.gradients[name], node)
    question, code = f"backward of {name}", _code(scenes[0], found)
    zero = not any(map(largest, returned))
    cut = _cut(subject, name, points[0], found)
    if cut:
        return wrong(question, cut, evidence, labels=("detached_dependency",), **formulas)
    if found and found[0].labels and (not zero or OF_NOTHING.issuperset(found[0].labels)):
        return wrong(question, _in_words(found[0]), evidence, labels=found[0].labels, code=code, **formulas)
    if zero:
        return wrong(question, ZERO, evidence, labels=("missing_term",), **formulas)
    named = _by_formula(truth, name, node)
    if named is not None:
        return wrong(question, named[0], evidence, labels=named[1], code=code, **formulas)
    words = f"no small mistake explains it: {found[0].words if found else described(scenes[0])}"
    return wrong(question, f"it is wrong, and {words}", evidence, code=code, **formulas)


def _cut(subject: Subject, name: str, point: Point, found: Sequence[Explanation]) -> str:
    """Where PyTorch differentiates the right forward, and yet not rightly: what is detached there; empty if unknown."""
    if subject.forward is None or subject.is_handwritten(point.inputs):
        return ""
    what = " and ".join(detached_quantities(subject, point))
    absent = bool(found) and bool(found[0].labels) and DETACHED.issuperset(found[0].labels)
    if not what and not absent:
        return ""
    quantity = what or f"a quantity that depends on {name}"
    lost = f": {found[0].words}" if absent else ""
    return f"the forward detaches {quantity} ({BY}), which PyTorch then takes for a constant{lost}"


def confused(truth: Truth, name: str, other: str, evidence: str) -> Finding:
    """The finding for a variable that got the gradient of another, which got its own or a third one's."""
    words = f"this is the gradient of {other}, and another variable got that of {name}: their order is wrong"
    formulas = side_by_side(truth, truth.gradients[name], truth.gradients[other])
    label = "wrong_argument_gradient_swapped"
    return wrong(f"backward of {name}", words, evidence, labels=(label,), **formulas)


def _explained(truth: Truth, name: str, scenes: list[Scene]) -> tuple[list[Scene], list[Explanation]]:
    """What explains the gradient, and the scenes that it was found in.

    What is computed twice in the same way is taken for one value, in which a mistake is one. If that takes two
    mistakes to explain, or if nothing does, one of the two may be what should have been computed otherwise. Or one
    mistake explains it at the sizes of the first point, as where a formula for tall matrices is meant.
    """
    single = candidates(truth, name, scenes[0])
    found = explanations(single, scenes)
    if not _is_single(found):
        usual = [scene for scene in scenes if scene.point.sizes == scenes[0].point.sizes]
        there = single_explanations(single, usual) if 1 < len(usual) < len(scenes) else []
        if there and (not found or there[0].cost < found[0].cost):
            return usual, there
    apart = [scene.apart for scene in scenes]
    if apart[0] is scenes[0] or (_is_single(found) and not _is_multiple_of_a_term(found[0])):
        return scenes, found
    if _is_single(found):
        written = single_explanations(single.of(apart[0]), apart, lambda e: "transpose" in e.labels[0] and not e.mutant)
        return (apart, written) if written else (scenes, found)
    other = explanations(single.of(apart[0]), apart)
    better = other and other[0].labels and (not found or not found[0].labels or other[0].cost < found[0].cost)
    return (apart, other) if better else (scenes, found)


def _is_multiple_of_a_term(explanation: Explanation) -> bool:
    """Whether one term stands for all: if it is written several times, one of them is not what it should be."""
    return explanation.mutant is not None and explanation.mutant.partial


def _is_single(found: Sequence[Explanation]) -> bool:
    """Whether one mistake, with a name, is an explanation."""
    return bool(found) and len({part.words for part in found[0].parts}) == 1 and bool(found[0].labels)


def _in_words(explanation: Explanation) -> str:
    """The mistakes, and what their names mean where the words do not say it."""
    meanings = "; ".join(LABELS[label] for label in explanation.labels if LABELS[label] not in explanation.words)
    return f"{explanation.words} ({meanings})" if meanings else explanation.words


def _telling(scenes: Sequence[Scene]) -> list[Scene]:
    """Those at which the gradient is wrong first: a mistake cannot be looked for where it makes no difference.

    Without those at which the terms of the right one cancel, so that nothing is left but their rounding; and without
    those at which no number comes out, if it is wrong at others, too.
    """
    least = NOISE * max(largest(scene.wanted) for scene in scenes)
    kept = [scene for scene in scenes if not 0 < largest(scene.wanted) < least] or scenes
    defined = [scene for scene in kept if bool(scene.returned.isfinite().all())]
    kept = defined if any(not close(scene.returned, scene.wanted) for scene in defined) else kept
    return sorted(kept, key=lambda scene: close(scene.returned, scene.wanted))


def _written(subject: Subject, name: str, found: Sequence[Explanation], point: Point) -> Node | None:
    """The formula that the user's code computes: the mutant that it equals, else what it is traced to."""
    alone = [e.mutant for e in found if e.mutant is not None and len(e.parts) == 1 and e.labels == found[0].labels]
    if alone:
        return alone[0].node
    traced = traced_gradient(subject, name, point)
    parts = 0 if traced is None else sum(1 for _ in postorder(traced))
    return traced if parts <= MOST_PARTS else None


def _by_formula(truth: Truth, name: str, written: Node | None) -> tuple[str, tuple[str, ...]] | None:
    """What the right and the written formula, compared term by term, show; None if that is no known mistake."""
    if written is None or not is_writable(written):
        return None
    others = {n: node for n, node in truth.gradients.items() if n != name}
    differences = compare(truth.gradients[name], written, others)
    labels = dict.fromkeys(difference.label for difference in differences)
    if "" in labels:  # then terms that are left over are no more than what is left over
        labels = {label: None for label in labels if label not in ("", "missing_term", "extra_term")}
    if not labels:
        return None
    return "; ".join(difference.words for difference in differences), tuple(labels)


def _code(scene: Scene, found: Sequence[Explanation]) -> str:
    """The user's computation, with the part marked that a repair with the same names changes."""
    if scene.recorded is None or not scene.program.pure:
        return ""  # what is written in place stands in no single line
    repairs = [e.repairs[0] for e in found if e.repairs and e.labels == found[0].labels]
    if any(e.multiples and not e.repairs for e in found):
        repairs = [*found[0].repairs]  # where the whole is off by a number, no part is more wrong than another
    marked = next((r for r in repairs if r.slot != scene.program.result), None)
    printer = Printer(scene.program, marked.slot, marked.place) if marked else Printer(scene.program)
    return printer.text(scene.program.result)


def forward_diagnosed(subject: Subject, points: Sequence[Point]) -> str:
    """What has to be put right in a forward that is not the stated expression, in words; empty if unknown."""
    library = library_of(points[0].truth)
    scenes: list[Scene] = []
    for point in points:
        value = subject.value(point.inputs).detach().resolve_conj().resolve_neg()
        program = recorded_forward(subject, point.tensors, value)
        scenes.append(Scene(point, "", point.tensors, value, _tensor(point.value), program, library))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = repaired(scenes)
    return _in_words(found[0]) if found else ""


def _scene(subject: Subject, name: str, point: Point, returned: torch.Tensor, library: Library) -> Scene:
    program = recorded(subject, name, point.tensors, returned, point.truth.cotangent.name)
    wanted = _tensor(point.gradients[name])
    kept = returned.real if returned.is_complex() and not wanted.is_complex() else returned
    return Scene(point, name, point.tensors, kept, wanted, program, library)


def _tensor(value: object) -> torch.Tensor:
    return torch.from_numpy(np.array(value, copy=True))

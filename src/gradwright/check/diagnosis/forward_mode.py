"""What is wrong with a derivative in forward mode, found as what is wrong with a gradient is.

A gradient `Jᴴ G` is linear in `G`, and its own gradient by `G` is `J dX`, with the direction `dX` for a cotangent. So a
`jvp` is a backward by `G` of the right gradient, and is held against that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch

from gradwright.check.diagnosis.diagnose import diagnosed
from gradwright.check.report import Finding
from gradwright.check.subject import Subject
from gradwright.check.truth import Point, Truth
from gradwright.core.arithmetic import Array
from gradwright.core.declarations import Declaration
from gradwright.frozen import replace

Derivative = Callable[[torch.Tensor, Mapping[str, torch.Tensor]], torch.Tensor]


def jvp_diagnosed(
    subject: Subject, name: str, points: Sequence[Point], moves: Sequence[Array], derivative: Derivative, evidence: str
) -> Finding:
    """The finding for a `jvp` that is wrong along one input.

    Args:
        subject: the function.
        name: the input.
        points: where it was tried.
        moves: the directions there.
        derivative: what the function gives along a direction, of the inputs by name.
        evidence: by how much it is off.
    """
    truth = _turned(points[0].truth, name)
    output = truth.wrt[0]

    def backward(direction: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        return derivative(direction, {given: value for given, value in inputs.items() if given != output})

    names = (*subject.names, output)
    turned = Subject(subject.title, None, backward, None, names, truth.wrt, single=True)
    there = [
        Point(truth, point.sizes, {**point.values, output: point.cotangent}, move)
        for point, move in zip(points, moves, strict=True)
    ]
    returned = [backward(point.cotangent_tensor, **point.inputs) for point in there]
    found = diagnosed(turned, output, there, returned, evidence)
    words = re.sub(rf", from occurrence \d+ of {output},", "", found.words)
    words = words.replace("gradient", "derivative").replace("cotangent", "direction")
    return replace(found, question="jvp", words=f"the derivative by {name} in forward mode is wrong: {words}")


def _turned(truth: Truth, name: str) -> Truth:
    """The right gradient as a function of the cotangent, too."""
    cotangent = truth.cotangent
    declared = Declaration(cotangent.name, cotangent.shape, cotangent.facts)
    signature = truth.signature.with_declarations([declared])
    gradient = truth.gradients_of((name,))[name]
    return Truth(gradient, signature, (cotangent.name,), f"the gradient of {name}", f"d{name}")

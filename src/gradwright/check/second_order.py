"""Whether a right gradient can be differentiated again, by every input and by the cotangent.

⟨H, backward(G, X, …)⟩ is differentiated by PyTorch and compared, input by input, with fourth-order
central differences of the right gradient along random directions of the declared sets, without leaving these: outside
of them a right backward need not be right.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from gradwright.check.report import Finding, first_line, held, note, wrong
from gradwright.check.subject import Subject, Unusable, steps_behind
from gradwright.check.truth import Point
from gradwright.core.arithmetic import Array, inner
from gradwright.core.facts import Facts
from gradwright.core.points import tangent_direction

# A wrong derivative is wrong at every step. A right one may need a short step, where the gradient bends sharply.
STEPS = (1e-3, 1e-4, 1e-5)
TOLERANCE = 1e-5
DETACHED = (
    "a value that it uses is detached, or was computed where PyTorch does not look, as what a forward saves beside its "
    "inputs and outputs: compute it in the backward, or mark that with once_differentiable"
)
UNDIFFERENTIATED = "(compute it by other operations, or mark the backward with once_differentiable)"
ONCE = "torch::autograd::Error"  # the step with which PyTorch refuses what is marked with once_differentiable


class _Marked(Unusable):
    """The backward is marked as one that is not differentiated."""


def second_order(subject: Subject, name: str, point: Point) -> Finding:
    """Differentiate the gradient of one variable again."""
    question = f"second derivative, of the gradient of {name}"
    generator = np.random.default_rng(3)
    weights = _like(point.gradients[name], generator)
    try:
        slopes = _slopes(subject, name, point, weights)
    except _Marked:
        return note(question, "the backward is marked with once_differentiable: none was tried")
    except Unusable as problem:
        return _broken(question, f"{problem}; {DETACHED}")
    except RuntimeError as error:
        raised = f"differentiating it raises {type(error).__name__}: {first_line(error)}"
        return _broken(question, f"{raised} {UNDIFFERENTIATED}")
    missed: dict[str, float] = {}
    for symbol in (point.truth.cotangent, *point.truth.signature.symbols):
        move = _direction(symbol.name, point, generator)
        missed[symbol.name] = _missed(inner(slopes[symbol.name], move), name, point, symbol.name, move, weights)
    bad = {key: value for key, value in missed.items() if value > TOLERANCE}
    if bad:
        return _broken(question, f"its derivative by {' and '.join(bad)} is wrong; {DETACHED}", max(bad.values()))
    evidence = f"against central differences, relative error {max(missed.values(), default=0):.1e}"
    return held(question, f"it can be differentiated again, by {', '.join(missed)}", evidence)


def _broken(question: str, words: str, error: float | None = None) -> Finding:
    text = f"the numbers of the gradient are right, but it cannot be differentiated again: {words}"
    evidence = "" if error is None else f"against central differences, relative error {error:.1e}"
    return wrong(question, text, evidence, labels=("second_order_only",))


def _slopes(subject: Subject, name: str, point: Point, weights: Array) -> dict[str, Array]:
    """PyTorch's derivative of ⟨H, gradient⟩ by the cotangent and by every input; zero where there is none."""
    leaves = subject.leaves(point.inputs, all_inputs=True)
    key = point.truth.cotangent.name
    cotangent = point.tensors[key].detach().clone().requires_grad_(True)
    if subject.backward is not None:
        gradient = subject.unchecked(cotangent, leaves)[name]
    else:
        value = subject.value(leaves)
        (gradient,) = torch.autograd.grad(value, [leaves[name]], cotangent, create_graph=True, allow_unused=True)
    tensors = {key: cotangent, **leaves}
    if gradient is None or not gradient.requires_grad:
        if name in subject.constant:
            return {given: np.zeros(value.shape) for given, value in tensors.items()}
        raise Unusable("PyTorch sees no dependence of it on anything")
    if _refuses(gradient):
        raise _Marked("it is marked")
    gradient = gradient.sum_to_size(weights.shape)
    loss = (torch.as_tensor(np.conj(weights)).reshape(gradient.shape) * gradient).real.sum()
    found = torch.autograd.grad(loss, list(tensors.values()), allow_unused=True)
    return {
        given: np.zeros(value.shape) if slope is None else slope.numpy(force=True)
        for (given, value), slope in zip(tensors.items(), found, strict=True)
    }


def _refuses(gradient: torch.Tensor) -> bool:
    """Whether the graph of a gradient has the step that refuses; it is silent where no way to an input is left."""
    return any(step.name() == ONCE for step in steps_behind(gradient))


def _direction(name: str, point: Point, generator: np.random.Generator) -> Array:
    if name == point.truth.cotangent.name:
        return _like(point.cotangent, generator)
    return tangent_direction(point.truth.signature.symbol(name), point.values[name], generator)


def _like(value: Array, generator: np.random.Generator) -> Array:
    entries = np.asarray(generator.normal(size=np.shape(value)))
    return entries + 1j * generator.normal(size=np.shape(value)) if np.iscomplexobj(value) else entries


def _missed(got: float, name: str, point: Point, moved: str, move: Array, weights: Array) -> float:
    """The relative error of a derivative along a direction of one input, at the step at which it is least."""
    least = float("inf")
    for step in STEPS:
        want = _difference(name, point, moved, move, weights, step)
        least = min(least, abs(got - want) / max(abs(got), abs(want), 1e-3))
        if least <= TOLERANCE:
            break
    return least


def _difference(name: str, point: Point, moved: str, move: Array, weights: Array, step: float) -> float:
    """The derivative of ⟨H, right gradient⟩ along a direction of one input, to fourth order in the step."""

    def at(length: float) -> float:
        return inner(_shifted(point, moved, length * move).gradients[name], weights)

    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


def _shifted(point: Point, name: str, change: Array) -> Point:
    values: Mapping[str, Array] = point.values
    if name == point.truth.cotangent.name:
        return Point(point.truth, point.sizes, values, point.cotangent + change)
    facts = point.truth.signature.symbol(name).facts
    return Point(point.truth, point.sizes, {**values, name: _in_set(values[name] + change, facts)}, point.cotangent)


def _in_set(value: Array, facts: Facts) -> Array:
    """A value that moved along a tangent, back in its set: for orthonormal columns its polar factor."""
    if not {"stiefel", "unitary"} & facts:
        return value
    left, _, right = np.linalg.svd(value, full_matrices=False)
    return left @ right

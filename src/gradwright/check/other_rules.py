"""The other rules of an `autograd.Function` beside its backward: `jvp` for forward mode, `vmap` for batches.

A `jvp` is right if `Re⟨G, dY⟩ = Σ Re⟨gradient of X, dX⟩` for random directions of the declared sets; a `vmap`, if it
gives at several points what the function gives at each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.autograd import forward_ad

from gradwright.check.report import Finding, first_line, held, note, wrong
from gradwright.check.subject import Subject, Unusable, in_order
from gradwright.check.truth import Point
from gradwright.core.arithmetic import Array
from gradwright.core.points import tangent_direction

TOLERANCE = 1e-7
MOST = 3  # of the points that are put together
Node = type[torch.autograd.Function]


def other_rules(subject: Subject, node: Node, points: list[Point]) -> Iterator[Finding]:
    """What is found of the rules that a function has."""
    if node.jvp is not torch.autograd.Function.jvp:
        yield _forward_mode(subject, points[0])
    if node.vmap is not torch.autograd.Function.vmap or node.generate_vmap_rule:
        yield _vectorised(subject, [p for p in points if p.sizes == points[0].sizes][:MOST])


def _forward_mode(subject: Subject, point: Point) -> Finding:
    """The directional derivative along one input at a time, held against the right gradients."""
    question, truth = "jvp", point.truth
    missed: dict[str, float] = {}
    for name, gradient in truth.gradients_of(subject.wrt).items():
        symbol = truth.signature.symbol(name)
        move = tangent_direction(symbol, point.values[name], np.random.default_rng(5))
        want = _inner(np.asarray(point.evaluate(gradient)[0]), move)
        try:
            got = _inner(point.cotangent, _derivative(subject, point, name, torch.from_numpy(np.array(move))))
        except Exception as error:  # whatever the user's rule raises
            return _failed(subject, question, f"forward mode by {name}", error)
        missed[name] = abs(got - want) / max(abs(got), abs(want), 1e-3)
    bad = [name for name, error in missed.items() if not error <= TOLERANCE]  # also of what is no number
    evidence = f"relative error {max(missed.values()):.1e}"
    if bad:
        return wrong(question, f"the derivative by {' and '.join(bad)} in forward mode is wrong", evidence)
    return held(question, f"the derivative in forward mode is right, by {', '.join(missed)}", evidence)


def _derivative(subject: Subject, point: Point, name: str, move: torch.Tensor) -> Array:
    """The derivative of the value along a direction of one input, by dual numbers; zero where there is none."""
    with forward_ad.dual_level():
        inputs = {**point.inputs, name: forward_ad.make_dual(point.inputs[name], move)}
        value = subject.value(inputs)
        tangent = forward_ad.unpack_dual(value).tangent
        return (torch.zeros_like(value) if tangent is None else tangent).numpy(force=True)


def _vectorised(subject: Subject, points: list[Point]) -> Finding:
    """The values and gradients at several points at once."""
    question = "vmap"
    inputs = tuple(torch.stack([point.inputs[name] for point in points]) for name in subject.names)
    assert subject.forward is not None
    try:
        found = torch.vmap(in_order(subject.forward, subject.names))(*inputs)
    except Exception as error:  # whatever the user's rule raises
        return _failed(subject, question, "torch.vmap of it", error)
    wanted = torch.stack([subject.value(point.inputs) for point in points])
    if (got := _kind(found)) != (due := _kind(wanted)):
        return wrong(question, f"torch.vmap of it gives {got} and not {due}, for {len(points)} points")
    if not torch.allclose(found, wanted, rtol=1e-6):
        return wrong(question, "torch.vmap of it gives other values than one call for each point")
    return held(question, "torch.vmap of it gives the values of one call for each point")


def _kind(value: torch.Tensor) -> str:
    return f"the shape {tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"


def _failed(subject: Subject, question: str, what: str, error: Exception) -> Finding:
    """A rule that raises; behind a wrapper, it may be what that does beside it."""
    answer = note if subject.node is None else wrong
    if isinstance(error, Unusable) and error.cause is not None:
        error = error.cause
    return answer(question, f"{what} raises {type(error).__name__}: {first_line(error)}")


def _inner(left: Array, right: Array) -> float:
    return float(np.real(np.sum(np.conj(left) * right)))

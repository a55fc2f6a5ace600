"""The other rules of an `autograd.Function` beside its backward: `jvp` for forward mode, `vmap` for batches.

A `jvp` is right if `Re⟨G, dY⟩ = Σ Re⟨gradient of X, dX⟩` for random directions of the declared sets; a `vmap`, if it
gives at several points what the function gives at each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np
import torch
from torch.autograd import forward_ad

from gradwright.check.diagnosis.forward_mode import jvp_diagnosed
from gradwright.check.report import Finding, first_line, held, note, wrong
from gradwright.check.subject import Subject, Unusable, in_order
from gradwright.check.truth import Point
from gradwright.core.arithmetic import Array, inner
from gradwright.core.points import tangent_direction
from gradwright.linear.projection import is_structured

TOLERANCE = 1e-7
MOST_PARTS = 4  # of a simple number, as in 3/4
MOST = 3  # of the points that are put together
Node = type[torch.autograd.Function]


def other_rules(subject: Subject, node: Node, points: list[Point]) -> Iterator[Finding]:
    """What is found of the rules that a function has."""
    if node.jvp is not torch.autograd.Function.jvp:
        yield _forward_mode(subject, points)
    if node.vmap is not torch.autograd.Function.vmap or node.generate_vmap_rule:
        yield _vectorised(subject, [p for p in points if p.sizes == points[0].sizes][:MOST])


def _forward_mode(subject: Subject, points: Sequence[Point]) -> Finding:
    """The directional derivatives along one input at a time, and along all, held against the right gradients."""
    question, point = "jvp", points[0]
    truth, moves = point.truth, _moves(subject, point)
    slopes = {n: inner(np.asarray(point.evaluate(g)[0]), moves[n]) for n, g in truth.gradients_of(subject.wrt).items()}
    missed, multiples = dict[str, float](), dict[str, float]()
    for names in dict.fromkeys([*((name,) for name in subject.wrt), subject.wrt]):
        called, want = " and ".join(names), sum(slopes[name] for name in names)
        try:
            got = inner(
                point.cotangent,
                _derivative(subject, point.inputs, {n: torch.from_numpy(np.array(moves[n])) for n in names}),
            )
        except Exception as error:  # whatever the user's rule raises
            return _failed(subject, question, f"forward mode by {called}", error)
        multiples[called] = got / want if want else 0.0
        missed[called] = abs(got - want) / max(abs(got), abs(want), 1e-3)
    bad = [called for called, error in missed.items() if not error <= TOLERANCE]  # also of what is no number
    evidence = f"relative error {max(missed.values()):.1e}"
    if bad:
        alone = [name for name in bad if name in subject.wrt]
        if found := _explained(subject, alone, points, evidence):
            return found
        which = f"by {' and '.join(alone)}" if alone else f"along {bad[0]} together"
        whole = _of_numbers(multiples[bad[0]])
        return wrong(question, f"the derivative {which} in forward mode is wrong{whole}", evidence)
    return held(question, f"the derivative in forward mode is right, by {', '.join(subject.wrt)}", evidence)


def _moves(subject: Subject, point: Point) -> dict[str, Array]:
    """A direction of the declared set for every input."""
    generator = np.random.default_rng(5)
    symbols = [point.truth.signature.symbol(name) for name in subject.wrt]
    return {s.name: tangent_direction(s, point.values[s.name], generator) for s in symbols}


def _explained(subject: Subject, wrong_by: Sequence[str], points: Sequence[Point], evidence: str) -> Finding | None:
    """What is wrong with the rule along one input; None where that has no name."""
    free = [name for name in wrong_by if not is_structured(points[0].truth.signature.symbol(name).facts)]
    if not free:
        return None
    name, moves = free[0], [_moves(subject, point)[free[0]] for point in points]

    def derivative(direction: torch.Tensor, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.from_numpy(_derivative(subject, inputs, {name: direction}))

    found = jvp_diagnosed(subject, name, points, moves, derivative, evidence)
    return found if found.labels else None


def _derivative(subject: Subject, inputs: Mapping[str, torch.Tensor], moves: Mapping[str, torch.Tensor]) -> Array:
    """The derivative of the value along directions of inputs, by dual numbers; zero where there is none."""
    with forward_ad.dual_level():
        moved = {name: forward_ad.make_dual(inputs[name], move) for name, move in moves.items()}
        value = subject.value({**inputs, **moved})
        tangent = forward_ad.unpack_dual(value).tangent
        return (torch.zeros_like(value) if tangent is None else tangent).numpy(force=True)


Axes = Mapping[str, int | None]


def _of_numbers(multiple: float) -> str:
    """The simple number by which a derivative is off, or its sign; nothing where it is no such number."""
    number = Fraction(multiple if math.isfinite(multiple) else 0).limit_denominator(MOST_PARTS)
    if not number or abs(multiple / float(number) - 1) > TOLERANCE:
        return ""
    return ": it has the opposite sign" if number == -1 else f": it is {number} times what it should be"


def _vectorised(subject: Subject, points: list[Point]) -> Finding:
    """The values at several points at once, with the axis of the points in every way that `torch.vmap` may pass it."""
    question = "vmap"
    for words, axes in _placements(subject, points[0]):
        problem = _vectorised_along(subject, points, axes)
        if isinstance(problem, Exception):
            return _failed(subject, question, f"torch.vmap of it{words}", problem)
        if problem:
            return wrong(question, f"torch.vmap of it{words} gives {problem}")
    return held(question, "torch.vmap of it gives the values of one call for each point")


def _placements(subject: Subject, point: Point) -> Iterator[tuple[str, Axes]]:
    """The axes of the points: first everywhere, last everywhere, and in all inputs but one."""
    first: Axes = dict.fromkeys(subject.names, 0)
    yield "", first
    if any(value.dim() for value in point.inputs.values()):
        yield ", with the points along the last axes (see in_dims),", dict.fromkeys(subject.names, -1)
    for name in subject.names if len(subject.names) > 1 else ():
        yield f", with one {name} for all points (whose in_dim is None),", {**first, name: None}


def _vectorised_along(subject: Subject, points: list[Point], axes: Axes) -> str | Exception:
    """What torch.vmap gives instead of the values of one call for each point; empty if it gives these."""
    assert subject.forward is not None
    alone = {name: points[0].inputs[name] for name in axes if axes[name] is None}
    every = [{**point.inputs, **alone} for point in points]
    inputs = tuple(
        alone[name] if axis is None else torch.stack([given[name] for given in every], axis)
        for name, axis in axes.items()
    )
    try:
        found = torch.vmap(in_order(subject.forward, subject.names), in_dims=tuple(axes.values()))(*inputs)
    except Exception as error:  # whatever the user's rule raises
        return error
    wanted = torch.stack([subject.value(given) for given in every])
    if (got := _kind(found)) != (due := _kind(wanted)):
        return f"{got} and not {due}, for {len(points)} points"
    return "" if torch.allclose(found, wanted, rtol=1e-6) else "other values than one call for each point"


def _kind(value: torch.Tensor) -> str:
    return f"the shape {tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"


def _failed(subject: Subject, question: str, what: str, error: Exception) -> Finding:
    """A rule that raises; behind a wrapper, it may be what that does beside it."""
    answer = note if subject.node is None else wrong
    if isinstance(error, Unusable) and error.cause is not None:
        error = error.cause
    return answer(question, f"{what} raises {type(error).__name__}: {first_line(error)}")

"""The user's gradient as an expression, where it can be traced into one."""

from __future__ import annotations

import torch

from gradwright.check.subject import Subject, in_order
from gradwright.check.tracing import trace_backward, trace_forward, trace_gradient
from gradwright.check.truth import Point
from gradwright.core.nodes import Node


def traced_gradient(subject: Subject, name: str, point: Point) -> Node | None:
    """The gradient of one variable that a function's backward computes; None where it cannot be traced."""
    truth, declarations = point.truth, _declarations(point)
    try:
        if subject.backward is not None:

            def backward(cotangent: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
                return subject.unchecked(cotangent, dict(zip(subject.names, given, strict=True)))[name]

            return trace_backward(backward, truth.cotangent, point.inputs, declarations).node
        if subject.forward is None:
            return None
        forward = in_order(subject.forward, subject.names)
        return trace_gradient(forward, name, point.inputs, declarations, truth.cotangent).node
    except Exception:  # the formula is an extra: whatever goes wrong in tracing user code, the diagnosis stands
        return None


def detached_quantities(subject: Subject, point: Point) -> tuple[str, ...]:
    """What a forward that PyTorch differentiates detaches, in words; empty where it cannot be traced."""
    assert subject.forward is not None
    try:
        return trace_forward(in_order(subject.forward, subject.names), point.inputs, _declarations(point)).detached
    except Exception:  # of the user's code
        return ()


def _declarations(point: Point) -> dict[str, str]:
    return {declaration.name: declaration.after_colon for declaration in point.truth.signature}

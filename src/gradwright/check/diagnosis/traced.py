"""The user's gradient as an expression, where it can be traced into one."""

from __future__ import annotations

import torch

from gradwright.check.subject import Subject, in_order
from gradwright.check.tracing import trace_backward, trace_gradient
from gradwright.check.truth import Point
from gradwright.core.nodes import Node


def traced_gradient(subject: Subject, name: str, point: Point) -> Node | None:
    """The gradient of one variable that a function's backward computes; None where it cannot be traced."""
    truth = point.truth
    declarations = {d.name: d.after_colon for d in truth.signature}
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

"""Recording the backward of a function under check.

The backward of a pair is called as it is. That of an `autograd.Function` runs where PyTorch calls no
Python hooks, so the class's own `forward`, `setup_context` and `backward` are called on a context that
behaves like PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gradwright.check.diagnosis.program import Program, record
from gradwright.check.diagnosis.scene import close
from gradwright.check.subject import Subject

Gradient = Callable[[Mapping[str, torch.Tensor]], Any]


def recorded(
    subject: Subject, name: str, inputs: Mapping[str, torch.Tensor], returned: torch.Tensor, cotangent: str
) -> Program | None:
    """The computation of one variable's gradient; None where it cannot be recorded, or runs otherwise."""
    function = _gradient(subject, name, cotangent)
    return None if function is None else _recorded(function, inputs, returned)


def recorded_forward(subject: Subject, inputs: Mapping[str, torch.Tensor], value: torch.Tensor) -> Program | None:
    """The computation of the forward; None where it cannot be recorded, or runs otherwise."""

    def forward(given: Mapping[str, torch.Tensor]) -> Any:
        arguments = [given[name] for name in subject.names]
        if subject.node is None:
            assert subject.forward is not None
            return subject.forward(*arguments)
        return _run_forward(subject.node, _Context(len(arguments)), arguments)

    return _recorded(forward, inputs, value)


def _recorded(function: Gradient, inputs: Mapping[str, torch.Tensor], returned: torch.Tensor) -> Program | None:
    try:
        program = record(function, {key: value.clone() for key, value in inputs.items()})
        if program is None or any(i.name.startswith("__array") for i in program.instructions):
            return None  # a part runs in NumPy, where nothing is recorded
        with torch.no_grad():
            again = program.run(inputs)[program.result]
    except Exception:  # the user's code, run in an unusual way: then there is no recording
        return None
    if not isinstance(again, torch.Tensor):
        return None
    return program if close(again.to(returned.dtype), returned, 1e-12) else None


def _gradient(subject: Subject, name: str, cotangent: str) -> Gradient | None:
    place = subject.wrt.index(name)
    if subject.backward is not None:

        def of_pair(inputs: Mapping[str, torch.Tensor]) -> Any:
            given = {key: value for key, value in inputs.items() if key != cotangent}
            return subject.unchecked(inputs[cotangent], given)[name]

        return of_pair
    if subject.node is not None:
        node, position = subject.node, subject.names.index(name)

        def of_node(inputs: Mapping[str, torch.Tensor]) -> Any:
            arguments = [inputs[key] for key in subject.names]
            found = _run_node(node, arguments, inputs[cotangent])
            gradient = found[position] if isinstance(found, tuple) else found if not place else None
            return _summed_down(gradient, inputs[name].shape)

        return of_node
    return None


def _summed_down(gradient: Any, shape: torch.Size) -> Any:
    """A gradient as PyTorch takes it: summed down to the shape of the input, where it is one that this is spread to."""
    if not isinstance(gradient, torch.Tensor) or gradient.shape == shape:
        return gradient
    try:
        return gradient.sum_to_size(shape)
    except RuntimeError:  # it is not; PyTorch refuses it
        return gradient


def returned_by_node(
    subject: Subject, cotangent: torch.Tensor, inputs: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor] | None:
    """What the backward of an `autograd.Function` returns, of whatever shape; None where it runs on PyTorch's alone."""
    if subject.node is None:
        return None
    try:
        with torch.no_grad():
            found = _run_node(subject.node, [inputs[name].clone() for name in subject.names], cotangent.clone())
    except Exception:  # the user's code, run in an unusual way
        return None
    several = found if isinstance(found, tuple) else (found,)
    gradients = dict(zip(subject.names, several, strict=False))
    wanted = {name: gradients.get(name) for name in subject.wrt}
    known = {name: value for name, value in wanted.items() if isinstance(value, torch.Tensor)}
    return known if len(known) == len(wanted) else None


def _run_node(node: Any, arguments: list[torch.Tensor], cotangent: torch.Tensor) -> Any:
    """The forward and then the backward of an `autograd.Function`, with a context of our own."""
    context = _Context(len(arguments))
    _run_forward(node, context, arguments)
    return node.backward(context, cotangent)


def _run_forward(node: Any, context: _Context, arguments: list[torch.Tensor]) -> Any:
    if node.setup_context is torch.autograd.Function.setup_context:
        return node.forward(context, *arguments)
    output = node.forward(*arguments)
    node.setup_context(context, tuple(arguments), output)
    return output


class _Context:
    """What a backward reads of PyTorch's context."""

    def __init__(self, count: int) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad = (True,) * count

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for the backward."""
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Tensors for the forward mode are of no use here."""

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """Every output that is asked for is differentiable."""

    def mark_dirty(self, *inputs: Any) -> None:
        """A change in place shows in the recording by itself."""

    def set_materialize_grads(self, value: bool) -> None:
        """No cotangent is missing here."""

"""Recording the backward of a function under check.

The backward of a pair is called as it is. That of an `autograd.Function` runs where PyTorch calls no
Python hooks, so the class's own `forward`, `setup_context` and `backward` are called on a context that
behaves like PyTorch's. Where a wrapper gives the class more than the inputs (a number, a mask), what it
gives is noted while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import handle_torch_function, has_torch_function

from gradwright.check.diagnosis.program import Program, record
from gradwright.check.diagnosis.scene import close
from gradwright.check.subject import Subject, copied, in_order
from gradwright.frozen import frozen

Gradient = Callable[[Mapping[str, torch.Tensor]], Any]
Node = type[torch.autograd.Function]


def recorded(
    subject: Subject, name: str, inputs: Mapping[str, torch.Tensor], returned: torch.Tensor, cotangent: str
) -> Program | None:
    """The computation of one variable's gradient; None where it cannot be recorded, or runs otherwise."""
    function = _gradient(subject, name, inputs, cotangent)
    found = None if function is None else _recorded(function, inputs, returned)
    node = subject.custom_function(inputs) if found is None else None
    if node is None:
        return found
    tracked = {key: value.detach().clone().requires_grad_(key != cotangent) for key, value in inputs.items()}
    return _recorded(lambda given: _through_wrapper(subject, node, name, given, cotangent), tracked, returned)


def recorded_forward(subject: Subject, inputs: Mapping[str, torch.Tensor], value: torch.Tensor) -> Program | None:
    """The computation of the forward; None where it cannot be recorded, or runs otherwise."""
    node = subject.custom_function(inputs)

    def forward(given: Mapping[str, torch.Tensor]) -> Any:
        return _value(subject, given) if node is None else _called(subject, node, given).value

    return _recorded(forward, inputs, value)


def _recorded(function: Gradient, inputs: Mapping[str, torch.Tensor], returned: torch.Tensor) -> Program | None:
    try:
        program = record(function, copied(inputs))
        if program is None or any(i.name.startswith("__array") for i in program.instructions):
            return None  # a part runs in NumPy, where nothing is recorded
        with torch.no_grad():
            again = program.run(inputs)[program.result]
    except Exception:  # the user's code, run in an unusual way: then there is no recording
        return None
    if not isinstance(again, torch.Tensor):
        return None
    return program if close(again.to(returned.dtype), returned, 1e-12) else None


def _gradient(subject: Subject, name: str, inputs: Mapping[str, torch.Tensor], cotangent: str) -> Gradient | None:
    if subject.backward is not None:

        def of_pair(inputs: Mapping[str, torch.Tensor]) -> Any:
            given = {key: value for key, value in inputs.items() if key != cotangent}
            return subject.unchecked(inputs[cotangent], given)[name]

        return of_pair
    node = subject.custom_function(inputs)
    if node is None:
        return None

    def of_node(inputs: Mapping[str, torch.Tensor]) -> Any:
        found = _called(subject, node, inputs).gradients(inputs[cotangent])
        return _summed_down(found.get(name), inputs[name].shape)

    return of_node


def _through_wrapper(
    subject: Subject, node: Node, name: str, inputs: Mapping[str, torch.Tensor], cotangent: str
) -> torch.Tensor | None:
    """The gradient where a wrapper computes what the class is given, or with its outputs: that PyTorch pulls back."""
    with _noted(node) as calls, torch.enable_grad():
        value = _value(subject, inputs)
    ((arguments, context, outputs),) = calls
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    found = node.backward(context, *(_pulled_back(value, output, inputs[cotangent]) for output in several))
    gradients = found if isinstance(found, tuple) else (found,)
    parts = [
        _pulled_back(given, inputs[name], gradient)
        for given, gradient in zip(arguments, gradients, strict=False)
        if isinstance(given, torch.Tensor) and given.requires_grad and isinstance(gradient, torch.Tensor)
    ]
    return sum(parts[1:], start=parts[0]) if parts else None


def _pulled_back(value: torch.Tensor, source: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """The gradient of a value taken to what it was computed from, noted as one operation."""
    if value is source:
        return gradient

    def pulled_back(cotangent: torch.Tensor) -> torch.Tensor:
        (found,) = torch.autograd.grad(value, [source], cotangent, retain_graph=True, allow_unused=True)
        return torch.zeros_like(source) if found is None else found

    if has_torch_function((gradient,)):  # a recorder is there
        return handle_torch_function(pulled_back, (gradient,), gradient)
    return pulled_back(gradient)


def _summed_down(gradient: Any, shape: torch.Size) -> Any:
    """A gradient as PyTorch takes it: summed down to the shape of the input, where it is one that this is spread to."""
    if not isinstance(gradient, torch.Tensor) or gradient.shape == shape:
        return gradient
    try:
        return gradient.sum_to_size(shape)
    except RuntimeError:  # it is not; PyTorch refuses it
        return gradient


def saved_by_node(subject: Subject, inputs: Mapping[str, torch.Tensor]) -> int:
    """How many tensors the forward of an `autograd.Function` saves for its backward; 0 for any other function."""
    node = subject.custom_function(inputs)
    try:
        return 0 if node is None else len(_called(subject, node, copied(inputs)).context.saved_tensors)
    except Exception:  # the user's code, run in an unusual way
        return 0


def returned_by_node(
    subject: Subject, cotangent: torch.Tensor, inputs: Mapping[str, torch.Tensor], order: Sequence[int] = ()
) -> dict[str, torch.Tensor] | None:
    """What the backward of an `autograd.Function` returns, of whatever shape; None where it runs on PyTorch's alone.

    Args:
        subject: the function.
        cotangent: of the output.
        inputs: by name.
        order: in which the backward is given the tensors that the forward saved, if not as they were.
    """
    node = subject.custom_function(inputs)
    if node is None:
        return None
    try:
        with torch.no_grad():
            given = copied(inputs)
            call = _called(subject, node, given)
            saved = call.context.saved_tensors
            call.context.saved_tensors = tuple(saved[place] for place in order) if order else saved
            gradients = call.gradients(cotangent.clone())
    except Exception:  # the user's code, run in an unusual way
        return None
    wanted = {name: gradients.get(name) for name in subject.wrt}
    known = {name: value for name, value in wanted.items() if isinstance(value, torch.Tensor)}
    return known if len(known) == len(wanted) else None


@frozen
class _Call:
    """A call of an `autograd.Function`.

    Attributes:
        node: the class.
        context: what its forward left for its backward.
        names: the inputs that its arguments are, in their order; None for an argument that is none of them.
        outputs: what its forward returned.
        value: what of that is the value of the function under check.
    """

    node: Node
    context: _Context
    names: tuple[str | None, ...]
    outputs: Any
    value: Any

    def gradients(self, cotangent: torch.Tensor) -> dict[str, Any]:
        """What the backward returns, by the names of the inputs."""
        several = self.outputs if isinstance(self.outputs, tuple) else (self.outputs,)
        given = [cotangent if output is self.value else self.context.cotangent(output) for output in several]
        found = self.node.backward(self.context, *given)
        gradients = found if isinstance(found, tuple) else (found,)
        return {name: g for name, g in zip(self.names, gradients, strict=False) if name is not None}


def _value(subject: Subject, inputs: Mapping[str, torch.Tensor]) -> Any:
    """The value of the forward, called as it is."""
    assert subject.forward is not None
    return in_order(subject.forward, subject.names)(*(inputs[name] for name in subject.names))


def _called(subject: Subject, node: Node, inputs: Mapping[str, torch.Tensor]) -> _Call:
    """The call of an `autograd.Function`, with a context of our own."""
    if subject.node is not None:
        context, output = _run_forward(node, node.forward, [inputs[name] for name in subject.names])
        return _Call(node, context, subject.names, output, output)
    with _noted(node) as calls:
        value = _value(subject, inputs)
    ((arguments, context, outputs),) = calls
    names = tuple(next((name for name in subject.names if inputs[name] is given), None) for given in arguments)
    return _Call(node, context, names, outputs, value)


@contextmanager
def _noted(node: Any) -> Iterator[list[tuple[Sequence[Any], _Context, Any]]]:
    """Note every call of a class's forward: its arguments, a context, and its outputs."""
    calls: list[tuple[Sequence[Any], _Context, Any]] = []
    own, forward = vars(node).get("forward"), node.forward
    skipped = 1 if _takes_context(node) else 0

    def noted(*given: Any) -> Any:
        context, outputs = _run_forward(node, forward, given[skipped:])
        calls.append((given[skipped:], context, outputs))
        return outputs

    node.forward = staticmethod(noted)
    try:
        yield calls
    finally:
        if own is None:
            del node.forward
        else:
            node.forward = own


def _takes_context(node: Node) -> bool:
    return node.setup_context is torch.autograd.Function.setup_context


def _run_forward(node: Any, forward: Callable[..., Any], arguments: Sequence[Any]) -> tuple[_Context, Any]:
    context = _Context(arguments)
    if _takes_context(node):
        return context, forward(context, *arguments)
    output = forward(*arguments)
    node.setup_context(context, tuple(arguments), output)
    return context, output


class _Context:
    """What a backward reads of PyTorch's context."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad = tuple(isinstance(given, torch.Tensor) for given in arguments)
        self._fills_in = True

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
        """Whether the cotangents of outputs that are not used are zeros, and not None."""
        self._fills_in = value

    def cotangent(self, output: Any) -> torch.Tensor | None:
        """The cotangent of an output that is not used."""
        return torch.zeros_like(output) if self._fills_in and isinstance(output, torch.Tensor) else None

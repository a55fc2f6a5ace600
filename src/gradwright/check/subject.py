"""The function under check: how to get its value and its gradients, whatever kind of function it is.

It is an `autograd.Function`'s `apply`, any callable that PyTorch differentiates, or a pair of a forward
(or None) and a backward that takes the cotangent and the inputs. What a function must not do (change its
input, return several outputs, return None) is an `Unusable` with a sentence that says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction

from gradwright.check.report import first_line
from gradwright.errors import CheckError
from gradwright.frozen import frozen

Tensors = Mapping[str, torch.Tensor]


class Unusable(Exception):
    """What the function did that no function under check may do, in words; `cause` is its own error."""

    def __init__(self, words: str, cause: Exception | None = None) -> None:
        super().__init__(words)
        self.cause = cause


@frozen
class Subject:
    """A function with its gradient.

    Attributes:
        title: how it is called in the report.
        forward: the function of the inputs, if there is one.
        backward: the backward of a pair: the cotangent and the inputs to the gradients.
        node: the `autograd.Function` class behind an `apply`.
        names: the inputs in their declared order; those of an `autograd.Function` in that of its forward.
        wrt: the inputs by which it is differentiated.
        single: whether the backward of a pair returns the gradient of one input alone.
        outside: whether the backward of a pair computes outside of PyTorch, in NumPy or JAX.
        automatic: whether the backward is what JAX makes of the forward, with no rule of the user's.
        constant: the inputs by which the right gradient is zero, so that it may be None, as PyTorch has it.
    """

    title: str
    forward: Callable[..., Any] | None
    backward: Callable[..., Any] | None
    node: type[torch.autograd.Function] | None
    names: tuple[str, ...]
    wrt: tuple[str, ...]
    single: bool
    outside: bool = False
    automatic: bool = False
    constant: frozenset[str] = frozenset()

    def value(self, inputs: Tensors) -> torch.Tensor:
        """The value of the forward."""
        assert self.forward is not None
        return _single_output(_call(self.forward, "the function", (), inputs, self.names))

    def gradients(self, cotangent: torch.Tensor, inputs: Tensors) -> dict[str, torch.Tensor]:
        """The gradients of the inputs in `wrt`, as the function gives them."""
        if self.backward is not None:
            returned = _call(self.backward, "the backward", (cotangent,), inputs, self.names)
            return self._by_name(returned, inputs)
        leaves = self.leaves(inputs)
        value = self.value(leaves)
        return self.differentiated(value, cotangent, leaves)

    def unchecked(self, cotangent: torch.Tensor, inputs: Tensors) -> dict[str, torch.Tensor]:
        """The gradients of a pair's backward, called without a look at what it does to its inputs."""
        assert self.backward is not None
        return self._by_name(applied(self.backward, (cotangent,), inputs, self.names), inputs)

    def differentiated(self, value: torch.Tensor, cotangent: torch.Tensor, leaves: Tensors) -> dict[str, torch.Tensor]:
        """PyTorch's gradients of a value that was computed from leaves."""
        if not value.requires_grad and self.constant.issuperset(self.wrt):
            return {name: torch.zeros_like(leaves[name]) for name in self.wrt}
        if not value.requires_grad:
            raise Unusable(
                f"PyTorch sees no dependence of the output on {' or '.join(self.wrt)}: it was detached, or "
                f"computed outside of PyTorch"
            )
        if value.shape != cotangent.shape:
            told = f"has the shape {shape_of(value)}" if value.ndim else "is a scalar"
            raise Unusable(f"the output {told}, and it should be {shape_of(cotangent)}")
        wanted = [leaves[name] for name in self.wrt]
        given = cotangent.to(value.dtype)
        before = given.detach().clone()
        try:
            found = torch.autograd.grad(value, wanted, given, allow_unused=True)
        except Exception as error:
            raise Unusable(f"the backward raises {type(error).__name__}: {first_line(error)}", error) from error
        if not torch.equal(given.detach(), before):
            raise Unusable("the backward changes the cotangent in place: PyTorch still needs that")
        return {name: self._tensor(name, got, leaves) for name, got in zip(self.wrt, found, strict=True)}

    def is_handwritten(self, inputs: Tensors) -> bool:
        """Whether a backward of the user's takes part: that of a pair, or of an `autograd.Function`."""
        if self.automatic:
            return False
        if self.backward is not None or self.node is not None:
            return True
        return bool(self._custom_steps(inputs))

    def custom_function(self, inputs: Tensors) -> type[torch.autograd.Function] | None:
        """The `autograd.Function` that gives the gradients: its own, or the only one that is called, and once."""
        if self.node is not None or self.backward is not None:
            return self.node
        steps = self._custom_steps(inputs)
        return steps[0]._forward_cls if len(steps) == 1 else None

    def _custom_steps(self, inputs: Tensors) -> list[Any]:
        """The calls of `autograd.Function`s in the graph of the value."""
        with torch.enable_grad():
            value = self.value(self.leaves(inputs))
        return [step for step in steps_behind(value) if isinstance(step, BackwardCFunction)]

    def leaves(self, inputs: Tensors, all_inputs: bool = False) -> dict[str, torch.Tensor]:
        """The inputs as leaves, those of `wrt` (or all) requiring a gradient."""
        wanted = self.names if all_inputs else self.wrt
        return {name: value.detach().clone().requires_grad_(name in wanted) for name, value in inputs.items()}

    def _by_name(self, returned: Any, inputs: Tensors) -> dict[str, torch.Tensor]:
        found = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
        if self.single and len(found) > 1:
            raise Unusable(f"the backward returns {len(found)} values; the gradient of {self.wrt[0]} alone is due")
        if len(found) != len(self.wrt):
            raise Unusable(
                f"the backward returns {len(found)} gradient(s) for {len(self.wrt)} inputs "
                f"({', '.join(self.wrt)}): return one for each in this order, or say with wrt which one it is"
            )
        return {name: self._tensor(name, got, inputs) for name, got in zip(self.wrt, found, strict=True)}

    def _tensor(self, name: str, got: Any, inputs: Tensors) -> torch.Tensor:
        if got is None and name in self.constant:
            return torch.zeros_like(inputs[name])
        if got is None:
            raise Unusable(
                f"the gradient of {name} is None, and there is one: the function does not use {name} or detaches it, "
                f"or its backward returns None"
            )
        if not isinstance(got, torch.Tensor):
            raise Unusable(f"the gradient of {name} is of type {type(got).__name__}, not a tensor")
        return got if got.layout is torch.strided else got.to_dense()


def subject_of(function: Any, names: Sequence[str], wrt: Sequence[str], single: bool, cotangent: str = "") -> Subject:
    """The subject that a user's function is; one whose first parameter is the cotangent is a backward alone.

    Raises:
        CheckError: it is neither a function nor a pair.
    """
    if isinstance(function, tuple | list):
        return _pair(function, tuple(names), tuple(wrt), single)
    node = _node_class(function)
    if node is not None and function is node:
        function = node.apply
    if not callable(function):
        raise CheckError(
            f"check takes an autograd.Function's apply, a callable, or a pair (forward, backward), and this is "
            f"{type(function).__name__}"
        )
    if node is not None:
        return Subject(node.__name__, function, None, node, _inputs_of(node, names), tuple(wrt), single)
    if is_backward(function, cotangent, names):
        return _pair((None, function), tuple(names), tuple(wrt), single)
    title = getattr(function, "__name__", type(function).__name__)
    return Subject(title, function, None, None, tuple(names), tuple(wrt), single)


def is_backward(function: Callable[..., Any], cotangent: str, names: Sequence[str]) -> bool:
    """Whether a function has to be given the cotangent, by this name, before the inputs."""
    first = next(iter(_parameters(function)), None)
    return first is not None and first.name == cotangent and cotangent not in names and first.default is first.empty


def _inputs_of(node: type[torch.autograd.Function], names: Sequence[str]) -> tuple[str, ...]:
    """The inputs in the order of the forward's parameters, if these have their names; else in the declared order."""
    takes_context = node.setup_context is torch.autograd.Function.setup_context
    own = tuple(parameter.name for parameter in _parameters(node.forward)[1 if takes_context else 0 :])
    return own if sorted(own) == sorted(names) else tuple(names)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def forward_of(function: Any) -> Callable[..., Any]:
    """The forward of a function or of a pair.

    Raises:
        CheckError: there is none.
    """
    found = function[0] if isinstance(function, tuple | list) and function else function
    node = _node_class(found)
    if node is not None and found is node:
        return node.apply
    if not callable(found):
        raise CheckError("there is no forward to be traced: give the expression that it is meant to compute")
    return found


def _pair(function: Sequence[Any], names: tuple[str, ...], wrt: tuple[str, ...], single: bool) -> Subject:
    if len(function) != 2 or not callable(function[1]) or not (function[0] is None or callable(function[0])):
        raise CheckError("a pair is (forward, backward) of two callables; the forward may be None")
    forward, backward = function
    title = getattr(backward, "__name__", "backward")
    keeper = getattr(backward, "__self__", None)
    if forward is not None and keeper is not None and keeper is getattr(forward, "__self__", None):
        backward = _after(forward, backward, names)
    return Subject(title, forward, backward, None, names, wrt, single)


def _after(forward: Callable[..., Any], backward: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """The backward of an object, which may read what its forward has kept there: that is called first."""

    def both(cotangent: torch.Tensor, *values: torch.Tensor) -> Any:
        inputs = dict(zip(names, values, strict=True))
        applied(forward, (), inputs, names)
        return applied(backward, (cotangent,), inputs, names)

    return both


def _node_class(function: Any) -> type[torch.autograd.Function] | None:
    owner = function if isinstance(function, type) else getattr(function, "__self__", None)
    is_node = isinstance(owner, type) and issubclass(owner, torch.autograd.Function)
    return owner if is_node else None


def _call(
    function: Callable[..., Any], what: str, first: tuple[Any, ...], inputs: Tensors, names: Sequence[str]
) -> Any:
    """Call by name where the parameters have the inputs' names, else by position."""
    if _takes_nothing(function):
        raise Unusable(f"{what} takes no inputs")
    watched = {f"input {name}": value for name, value in inputs.items()}
    watched |= {"cotangent": first[0]} if first else {}
    before = {name: value.detach().clone() for name, value in watched.items()}
    try:
        result = applied(function, first, inputs, names)
    except Exception as error:
        raise Unusable(f"{what} raises {type(error).__name__}: {first_line(error)}", error) from error
    changed = [name for name, value in watched.items() if not torch.equal(value.detach(), before[name])]
    if changed:
        raise Unusable(f"{what} changes its {changed[0]} in place: whoever called it still needs that")
    return result


def applied(function: Callable[..., Any], first: Sequence[Any], inputs: Mapping[str, Any], names: Sequence[str]) -> Any:
    """What a function returns: inputs go by name where its parameters have their names, else by position."""
    positional, named = arguments_of(function, len(first), names)
    return function(*first, *(inputs[n] for n in positional), **{n: inputs[n] for n in named})


def _takes_nothing(function: Callable[..., Any]) -> bool:
    try:
        return not inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def arguments_of(function: Callable[..., Any], skip: int, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which inputs go by position, and which by name."""
    try:
        every = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return list(names), []
    parameters = every[skip:]
    if not parameters and any(p.kind is p.VAR_POSITIONAL for p in every):
        return list(names), []
    if skip and not parameters:
        return [], []  # the backward of what is linear, or of an object that has kept its inputs
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p.name for p in parameters if p.default is p.empty and p.kind not in several]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    by_name = [name for name in names if anything or name in plain]
    if set(required) <= set(names) and by_name and (plain or parameters[0].kind is parameters[0].VAR_KEYWORD):
        return [], by_name
    return list(names), []


def in_order(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """A function with its inputs by position, in the order of their names and not of its parameters."""
    node = _node_class(function)
    positional, named = (_inputs_of(node, names), []) if node is not None else arguments_of(function, 0, names)

    @wraps(function)
    def ordered(*values: Any) -> Any:
        given = dict(zip(names, values, strict=True))
        return function(*(given[name] for name in positional), **{name: given[name] for name in named})

    return ordered if named or tuple(positional) != tuple(names) else function


def _single_output(value: Any) -> torch.Tensor:
    if isinstance(value, tuple | list):
        raise Unusable(
            f"the function returns a {type(value).__name__} of {len(value)}: check one output at a time, for instance "
            f"lambda *x: f(*x)[0]"
        )
    if value is None:
        raise Unusable("the function returns None")
    if not isinstance(value, torch.Tensor):
        raise Unusable(f"the function returns a {type(value).__name__}, not a tensor")
    return value


def steps_behind(value: torch.Tensor) -> Iterator[Any]:
    """The steps of the graph that PyTorch recorded for a value, each once."""
    pending, seen = [value.grad_fn], set[Any]()
    while pending:
        step = pending.pop()
        if step is not None and step not in seen:
            seen.add(step)
            yield step
            pending += [earlier for earlier, _ in step.next_functions]


def copied(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Copies by name, for what may change them in place."""
    return {name: value.clone() for name, value in tensors.items()}


def shape_of(value: torch.Tensor) -> str:
    """The shape of a tensor for a message."""
    return " × ".join(map(str, value.shape)) or "a scalar"

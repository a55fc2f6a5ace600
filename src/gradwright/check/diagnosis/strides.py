"""A backward that fails because an operation of PyTorch takes contiguous tensors alone: given those, it goes on."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gradwright.check.diagnosis.program import name_of
from gradwright.check.diagnosis.recording import returned_by_node
from gradwright.check.subject import Subject, Unusable, copied
from gradwright.check.truth import Point
from gradwright.frozen import frozen, replace


@frozen
class Packed:
    """A function whose operations are given contiguous tensors where they fail for others.

    Attributes:
        subject: the function.
        words: what had to be done, in words.
    """

    subject: Subject
    words: str


def packed(subject: Subject, point: Point) -> Packed | None:
    """The function, made to go on; None if it does not fail, or for another reason."""
    found = _packed(subject, operations := [])
    cotangent, inputs = point.cotangent_tensor, point.inputs
    try:
        subject.gradients(cotangent.clone(), copied(inputs))
    except Unusable as problem:
        try:
            found.gradients(cotangent.clone(), copied(inputs))
        except Unusable:
            return None
        names = " and ".join(dict.fromkeys(operations))
        verb = "takes" if len(set(operations)) == 1 else "take"
        words = f"{problem}; PyTorch's {names} {verb} contiguous tensors alone here: write .contiguous()"
        return Packed(found, words) if operations else None
    return None


def _packed(subject: Subject, operations: list[str]) -> Subject:
    """The function as a pair, whose backward notes by name what it had to give contiguous tensors to."""

    def backward(cotangent: torch.Tensor, *values: torch.Tensor) -> Any:
        inputs = dict(zip(subject.names, values, strict=True))
        with _Packing(operations):
            if subject.backward is not None:
                found = subject.unchecked(cotangent, inputs)
            else:
                found = returned_by_node(subject, cotangent, inputs) or {}
        return tuple(found.get(name) for name in subject.wrt)

    return replace(subject, backward=backward, node=None)


class _Packing(TorchFunctionMode):
    """Calls what fails again with contiguous tensors."""

    def __init__(self, operations: list[str]) -> None:
        super().__init__()
        self.operations = operations

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = kwargs or {}
        try:
            return function(*args, **keywords)
        except RuntimeError:
            if all(given.is_contiguous() for given in args if isinstance(given, torch.Tensor)):
                raise
            contiguous = [given.contiguous() if isinstance(given, torch.Tensor) else given for given in args]
            result = function(*contiguous, **keywords)
            self.operations.append(name_of(function))
            return result

"""A backward that fails because shapes do not fit: what makes them fit, and the gradient right.

The backward is run again. Where an operation fails, an operand is transposed, or the factors change places, and
so on; what gives the right gradient at every point is the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gradwright.check.diagnosis.operations import ENTRYWISE, ENTRYWISE_PRODUCTS, MATRIX_PRODUCTS, TRANSPOSES
from gradwright.check.diagnosis.program import name_of
from gradwright.check.diagnosis.recording import returned_by_node, saved_by_node
from gradwright.check.subject import Subject, copied
from gradwright.check.tracing.compare import ORDINALS
from gradwright.check.truth import Point, difference, received
from gradwright.frozen import frozen

TOLERANCE = 1e-7
MOST_MISFITS = 2
MOST_SAVED = 4  # tensors, whose orders are all tried


@frozen
class Fit:
    """A way to make an operation fit.

    Attributes:
        function, arguments: what is called instead.
        labels: the mistakes that it repairs.
        words: the mistakes in words.
    """

    function: Any
    arguments: tuple[Any, ...]
    labels: tuple[str, ...]
    words: str


def misfit(subject: Subject, points: Sequence[Point]) -> tuple[str, tuple[str, ...]] | None:
    """What is wrong with the shapes in a backward, in words and by name; None if nothing small explains it."""
    if (order := _due_order(subject, points)) is not None:
        due = ", ".join(f"saved_tensors[{place}]" for place in order)
        words = f"it unpacks the saved tensors in another order than they were saved in: it needs {due} in their place"
        return words, ("stale_saved_value",)
    pending: list[tuple[int, ...]] = [()]
    while pending:
        choices = pending.pop(0)
        found, fitting = _run(subject, points[0], choices)
        if found is None:
            deeper = range(fitting.open) if len(choices) < MOST_MISFITS else ()
            pending += [(*choices, number) for number in deeper]
        elif choices and all(_is_right(_run(subject, point, choices)[0], point) for point in points):
            labels = dict.fromkeys(label for fit in fitting.chosen for label in fit.labels)
            return "; ".join(fit.words for fit in fitting.chosen), tuple(labels)
    return None


def _due_order(subject: Subject, points: Sequence[Point]) -> tuple[int, ...] | None:
    """The order in which the backward needs the saved tensors, if it is another than that in which they were saved."""
    count = saved_by_node(subject, points[0].inputs)
    for order in permutations(range(count)) if count <= MOST_SAVED else ():
        if order != tuple(range(count)) and all(
            _is_right(returned_by_node(subject, point.cotangent_tensor, point.inputs, order), point) for point in points
        ):
            return order
    return None


def _run(subject: Subject, point: Point, choices: Sequence[int]) -> tuple[Mapping[str, torch.Tensor] | None, _Fitting]:
    """The gradients with operations made to fit in the chosen ways; None where one still fails."""
    cotangent = point.cotangent_tensor.clone()
    inputs = copied(point.inputs)
    fitting = _Fitting(choices, {point.truth.cotangent.name: cotangent, **inputs})
    with fitting, torch.no_grad():
        if subject.backward is None:
            return returned_by_node(subject, cotangent, inputs), fitting
        try:
            return subject.unchecked(cotangent, inputs), fitting
        except Exception:  # whatever the user's code raises: then it is not made to fit so
            return None, fitting


def _is_right(found: Mapping[str, torch.Tensor] | None, point: Point) -> bool:
    if found is None:
        return False
    taken = {name: received(value, point.gradients[name]) for name, value in found.items()}
    return all(
        value is not None and difference(value.numpy(force=True), point.gradients[name]) <= TOLERANCE
        for name, value in taken.items()
    )


class _Fitting(TorchFunctionMode):
    """Makes the first operations that fail fit, in the ways chosen; at the next one, counts the ways there are."""

    def __init__(self, choices: Sequence[int], named: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.choices = choices
        self.chosen: list[Fit] = []
        self.open = 0
        self.named = copied(named)
        self.transposed: dict[int, torch.Tensor] = {}  # which also keeps them alive, and their ids their own

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = kwargs or {}
        try:
            result = function(*args, **keywords)
        except RuntimeError:
            ways = list(self._ways(function, tuple(args)))
            if len(self.chosen) >= len(self.choices):
                self.open = len(ways)
                raise
            fit = ways[self.choices[len(self.chosen)]]
            self.chosen.append(fit)
            return fit.function(*fit.arguments, **keywords)
        if name_of(function) in TRANSPOSES and isinstance(result, torch.Tensor):
            self.transposed[id(result)] = result
        return result

    def _ways(self, function: Any, arguments: tuple[Any, ...]) -> Iterator[Fit]:
        places = [p for p, v in enumerate(arguments[: len(ORDINALS)]) if isinstance(v, torch.Tensor)]
        # What does not change its shape cannot be what is wrong with it: then it is the strides that do not fit.
        matrices = [place for place in places if arguments[place].dim() > 1 and _is_oblong(arguments[place])]
        turned = {place: self._turned(place, arguments[place]) for place in matrices}
        for count in (1, 2):
            for chosen in combinations(matrices, count):
                changed = tuple(arguments[p].mH if p in chosen else value for p, value in enumerate(arguments))
                labels = tuple(turned[place][0] for place in chosen)
                words = " and ".join(turned[place][1] for place in chosen)
                yield Fit(function, changed, labels, f"{words} ({self._shapes(arguments, places)})")
        if len(places) != 2:
            return
        shapes = self._shapes(arguments, places)
        left, right = (arguments[place] for place in places)
        if left.shape == right.shape:
            return
        if left.dim() == right.dim() == 1:
            yield from _outer(name_of(function), left, right, shapes)
            return
        if name_of(function) in MATRIX_PRODUCTS:
            yield Fit(function, (right, left), ("swapped_factors",), f"two factors have to change places ({shapes})")
        if name_of(function) in ENTRYWISE_PRODUCTS:
            for product in ((left, right), (right, left), (left, right.mH), (left.mH, right)):
                words = f"a matrix product is due, not one of the entries ({shapes})"
                yield Fit(torch.matmul, product, ("elementwise_instead_of_matrix_product",), words)
        if name_of(function) in ENTRYWISE:
            for place in places:
                if arguments[place].dim() == 1:
                    changed = tuple(v[:, None] if p == place else v for p, v in enumerate(arguments))
                    yield Fit(function, changed, ("wrong_axis",), f"a vector has to go along the rows ({shapes})")

    def _turned(self, place: int, value: torch.Tensor) -> tuple[str, str]:
        """The mistake of an operand that has to be transposed, by name and in words."""
        if id(value) in self.transposed:
            name = self._known(value.mT) or self._known(value.mH) or f"the {ORDINALS[place]} operand"
            return "extra_transpose", f"{name} must not be transposed"
        return "missing_transpose", f"{self._known(value) or f'the {ORDINALS[place]} operand'} has to be transposed"

    def _known(self, value: torch.Tensor) -> str:
        """The input that a value is; empty for another."""
        return next((name for name, given in self.named.items() if torch.equal(given, value)), "")

    def _shapes(self, arguments: Sequence[Any], places: Sequence[int]) -> str:
        shown = ((self._known(arguments[p]) or f"the {ORDINALS[p]} operand", _size(arguments[p])) for p in places)
        return ", ".join(f"{name} is {size}" for name, size in shown)


def _outer(name: str, left: torch.Tensor, right: torch.Tensor, shapes: str) -> Iterator[Fit]:
    """The outer product of two vectors, where their entries, or they themselves, are multiplied."""
    of_entries = name in ENTRYWISE_PRODUCTS
    if not of_entries and name not in MATRIX_PRODUCTS:
        return
    label = "elementwise_instead_of_matrix_product" if of_entries else "missing_transpose"
    written = "one of the entries" if of_entries else "their inner product"
    for vectors in ((left, right), (right, left)):
        yield Fit(torch.outer, vectors, (label,), f"the outer product is due, not {written} ({shapes})")


def _is_oblong(value: torch.Tensor) -> bool:
    return value.shape[-1] != value.shape[-2]


def _size(value: torch.Tensor) -> str:
    return " × ".join(map(str, value.shape)) or "a number"

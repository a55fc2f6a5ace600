"""What has another shape than the variable: a Jacobian, the gradient as a vector, that of another variable.

Texts differ in the layout of a Jacobian: the axes of the output first, or those of the variable; or the matrix by
which dvec(Y) is a multiple of dvec(X), or the transpose of that, column by column or row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradwright.check.diagnosis.mutants.mutant import Mutant
from gradwright.check.truth import Truth
from gradwright.core.build import group_axes
from gradwright.diff.derivatives import full_jacobian
from gradwright.errors import GradwrightError

Groups = Sequence[Sequence[int]]
ORDERS = {"row by row": 1, "column by column": -1}


def layouts(truth: Truth, name: str) -> Iterator[Mutant]:
    """The Jacobian in every layout, the gradient as a vector, and the gradients of the other variables."""
    yield from _jacobians(truth, name)
    right = truth.gradients[name]
    for words, step in ORDERS.items() if right.rank > 1 else ():
        vector = group_axes(right, [range(right.rank)[::step]])
        text = f"this is the right gradient as a vector, {words}: it has to be given the shape of {name}"
        yield Mutant(vector, "wrong_axis", text, 0.9)
    yield from _of_others(truth, name)


def _jacobians(truth: Truth, name: str) -> Iterator[Mutant]:
    """The derivative that is not multiplied by the cotangent."""
    count = truth.cotangent.rank
    try:
        tensor = full_jacobian(truth.simple, truth.signature.symbol(name)) if count else None
    except GradwrightError:
        return
    if tensor is None:
        return
    output, variable = range(count), range(count, tensor.rank)
    words = f"this is the Jacobian; the product of the cotangent {truth.cotangent.name} with it is due"
    single = [[label] for label in range(tensor.rank)]
    every: list[Groups] = [single, [*single[count:], *single[:count]]]
    for step in ORDERS.values() if tensor.rank > 2 and variable else ():
        every += [[output[::step], variable[::step]], [variable[::step], output[::step]]]
    for groups in every:
        yield Mutant(group_axes(tensor, groups), "missing_chain_factor", words, 0.9)


def _of_others(truth: Truth, name: str) -> Iterator[Mutant]:
    shape = truth.gradients[name].shape
    for other in truth.signature.names:
        try:
            found = truth.gradients_of((other,))[other] if other != name else None
        except GradwrightError:
            continue
        if found is not None and found.shape not in (shape, shape[::-1]):
            words = f"this is the gradient of {other}, returned for {name}"
            yield Mutant(found, "wrong_argument_gradient_swapped", words, 1.15)

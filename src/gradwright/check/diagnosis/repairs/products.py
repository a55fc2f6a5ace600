"""Entry-by-entry operations where the operation on matrices is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from gradwright.check.diagnosis.notation import sign_of
from gradwright.check.diagnosis.program import Instruction, Values
from gradwright.check.diagnosis.repairs.sites import is_number
from gradwright.check.diagnosis.scene import Repair, Scene

Binary = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

BINARY: dict[str, tuple[tuple[str, Binary], ...]] = {
    "mul": (
        ("the matrix product", torch.matmul),
        ("the matrix product", lambda a, b: b @ a),
        ("the outer product", torch.outer),
        ("the outer product", lambda a, b: torch.outer(b, a)),
    ),
    "div": (
        (
            "a product with the inverse",
            lambda a, b: torch.linalg.inv(b) * a if a.dim() == 0 else a @ torch.linalg.inv(b),
        ),
        ("a solve", lambda a, b: torch.linalg.solve(b, a)),
    ),
}
UNARY: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "exp": ("the exponential of the matrix", torch.linalg.matrix_exp),
    "reciprocal": ("the inverse of the matrix", torch.linalg.inv),
}
DIAGONALS = ("diag", "diag_embed")
SAME = {"multiply": "mul", "true_divide": "div", "divide": "div", "__mul__": "mul", "__truediv__": "div"}


def products(scene: Scene) -> Iterator[Repair]:
    """Every elementwise operation replaced by the one on matrices."""
    for instruction in scene.program.instructions:
        name = SAME.get(instruction.name, instruction.name)
        for words, operation in BINARY.get(name, ()):
            if len(instruction.operands) == 2:
                yield _binary(instruction, operation, words, 0.85 if _is_applied(scene, instruction) else 1.0)
        if name == "mul":
            yield from _regrouped(scene, instruction)
        if name in DIAGONALS:
            yield from _crossed(scene, instruction)
        if name in ("rdiv", "__rtruediv__", "__rdiv__"):
            yield _unary(instruction, torch.linalg.inv, "the inverse of the matrix")
        if name in ("matmul", "mm") and len(instruction.operands) == 2:
            yield _entrywise(instruction)
        if name in UNARY:
            words, function = UNARY[name]
            yield _unary(instruction, function, words)
        if name in ("pow", "__pow__") and isinstance(instruction.arguments[1], int):
            power = instruction.arguments[1]
            yield _unary(instruction, lambda v, k=power: torch.linalg.matrix_power(v, k), "the power of the matrix")


def _is_applied(scene: Scene, instruction: Instruction) -> bool:
    """Whether it multiplies a matrix by a vector that alone depends on the cotangent: a matrix is applied to it.

    A sum that is left out looks the same, but then it is the matrix that depends on the cotangent.
    """
    program = scene.program
    cotangent = program.inputs.index(scene.point.truth.cotangent.name)
    moving = {cotangent, *(user.slot for user in program.dependents[cotangent])}
    ranks = {value.dim(): slot in moving for _, slot in instruction.operands if is_number(value := scene.values[slot])}
    return ranks == {1: True, 2: False}


def _binary(instruction: Instruction, operation: Binary, words: str, cost: float) -> Repair:
    (_, left), (_, right) = instruction.operands

    def run(values: Values, scene: Scene) -> object:
        return operation(values[left], values[right])

    text = f"{sign_of(instruction)} works entry by entry, where {words} is due"
    return Repair(instruction.slot, run, "elementwise_instead_of_matrix_product", text, cost)


def _regrouped(scene: Scene, instruction: Instruction) -> Iterator[Repair]:
    """Two neighbours in a product of entries that was computed from left to right: `G * (A @ B)` for `G * A * B`."""
    first = scene.program.by_slot.get(instruction.operands[0][1])
    if first is None or SAME.get(first.name, first.name) != "mul" or len(first.operands) != 2:
        return
    if len(instruction.operands) != 2:
        return
    (_, outer), (_, left), (_, right) = *first.operands, instruction.operands[1]

    def run(values: Values, scene: Scene) -> object:
        return values[outer] * (values[left] @ values[right])

    if all(is_number(value) and value.dim() == 1 for value in (scene.values[left], scene.values[right])):
        words = "of the product of the last two factors, the sum is due"
        yield Repair(instruction.slot, run, "unsummed_axis", words, 1.0)
        return
    words = f"{sign_of(instruction)} works entry by entry, where the matrix product of the last two factors is due"
    yield Repair(instruction.slot, run, "elementwise_instead_of_matrix_product", words, 1.0)


def _crossed(scene: Scene, instruction: Instruction) -> Iterator[Repair]:
    """A diagonal matrix of the products of the entries of two vectors, where the products of all pairs are due."""
    maker = scene.program.by_slot.get(instruction.operands[0][1])
    if maker is None or SAME.get(maker.name, maker.name) != "mul" or len(maker.operands) != 2:
        return
    (_, left), (_, right) = maker.operands
    for first, second in dict.fromkeys(((left, right), (right, left))):

        def run(values: Values, scene: Scene, first: int = first, second: int = second) -> object:
            return torch.outer(values[first], values[second])

        words = "* works entry by entry, where the outer product is due, and no diagonal matrix"
        yield Repair(instruction.slot, run, "elementwise_instead_of_matrix_product", words, 1.0, portable=True)


def _entrywise(instruction: Instruction) -> Repair:
    (_, left), (_, right) = instruction.operands

    def run(values: Values, scene: Scene) -> object:
        return values[left] * values[right]

    words = "a matrix product stands where the product of the entries is due"
    return Repair(instruction.slot, run, "elementwise_instead_of_matrix_product", words, 1.5)


def _unary(instruction: Instruction, function: Callable[[torch.Tensor], torch.Tensor], words: str) -> Repair:
    source = instruction.operands[0][1]

    def run(values: Values, scene: Scene) -> object:
        return function(values[source])

    text = f"{sign_of(instruction)} works entry by entry, where {words} is due"
    return Repair(instruction.slot, run, "elementwise_instead_of_matrix_product", text, 1.0)

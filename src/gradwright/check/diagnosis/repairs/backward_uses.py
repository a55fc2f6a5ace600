"""A matrix that is transposed wherever it multiplies what the cotangent enters, as in every step of a loop.

The forward multiplies by the same matrix, and there it is right.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.check.diagnosis.operations import MATRIX_PRODUCTS, VIEWS
from gradwright.check.diagnosis.program import Place, Values
from gradwright.check.diagnosis.repairs.sites import is_number
from gradwright.check.diagnosis.scene import Repair, Scene, is_symmetric

FEWEST = 2  # of one place alone, other repairs say the same


def backward_uses(scene: Scene) -> Iterator[tuple[Repair, ...]]:
    """For every square matrix, the repairs that transpose it in all products with what the cotangent enters."""
    program = scene.program
    assert program is not None
    moving = {0, *(instruction.slot for instruction in program.dependents[0])}
    for slot in (*range(1, len(program.inputs)), *program.by_slot):
        value = scene.values.get(slot)
        square = is_number(value) and value.dim() == 2 and value.shape[0] == value.shape[1]
        if slot in moving or not square or is_symmetric(value):
            continue
        products = [i for i in program.users.get(slot, ()) if i.name in MATRIX_PRODUCTS and i.slot in moving]
        if len(products) >= FEWEST:
            yield tuple(_turned(slot, product.slot, product.operands, scene) for product in products)


def _turned(slot: int, product: int, operands: tuple[tuple[Place, int], ...], scene: Scene) -> Repair:
    assert scene.program is not None
    places = [place for place, source in operands if source == slot]

    def make(values: Values, scene: Scene) -> object:
        assert scene.program is not None
        return scene.program.by_slot[product].run(values, dict.fromkeys(places, values[slot].mT))

    maker = scene.program.by_slot.get(slot)
    label = "extra_transpose" if maker is not None and maker.name in VIEWS else "missing_transpose"
    due = scene.called(slot, swapped=True)
    words = f"{scene.called(slot)} stands where {due} is due, wherever it multiplies what the cotangent enters"
    return Repair(product, make, label, words, 1.0, places[0], portable=True)

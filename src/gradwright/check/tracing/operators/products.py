"""Products of matrices and vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradwright.check.tracing.arguments import Arguments
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.values import Value, aligned, product
from gradwright.core import build
from gradwright.core.contraction import conjugate

# For each product the names of its two tensors in the schema, the labels on their axes, and those of the result.
PRODUCTS: dict[str, tuple[str, str, Sequence[int], Sequence[int], Sequence[int]]] = {
    "mm": ("self", "mat2", (0, 1), (1, 2), (0, 2)),
    "bmm": ("self", "mat2", (0, 1, 2), (0, 2, 3), (0, 1, 3)),
    "mv": ("self", "vec", (0, 1), (1,), (0,)),
    "dot": ("self", "tensor", (0,), (0,), ()),
    "outer": ("self", "vec2", (0,), (1,), (0, 1)),
    "ger": ("self", "vec2", (0,), (1,), (0, 1)),
    "addmm": ("mat1", "mat2", (0, 1), (1, 2), (0, 2)),
    "addmv": ("mat", "vec", (0, 1), (1,), (0,)),
    "addr": ("vec1", "vec2", (0,), (1,), (0, 1)),
    "baddbmm": ("batch1", "batch2", (0, 1, 2), (0, 2, 3), (0, 1, 3)),
}


def _product(name: str) -> Callable[[Arguments], Value]:
    left, right, a, b, output = PRODUCTS[name]

    def rule(given: Arguments) -> Value:
        found = product([(given.tensor(left), a), (given.tensor(right), b)], output)
        if "beta" not in given:
            return found
        (base, added), frame = aligned([given.tensor("self"), found])
        node = build.plus(build.multiply(given.number("beta"), base), build.multiply(given.number("alpha"), added))
        return Value(node, frame.unit, frame.flipped)

    return rule


for _name in PRODUCTS:
    operator(_name)(_product(_name))


@operator("vdot")
def _vdot(given: Arguments) -> Value:
    left = given.tensor("self")
    conjugated = Value(conjugate(left.node), left.unit, left.flipped)
    return product([(conjugated, (0,)), (given.tensor("other"), (0,))], ())

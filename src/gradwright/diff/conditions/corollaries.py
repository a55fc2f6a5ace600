"""What the conditions of one function entail for its parts, and for sums: it is not told again."""

from __future__ import annotations

from collections.abc import Callable

from gradwright.core.build import diagonal
from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import subproduct
from gradwright.core.inference import facts_of, is_nonnegative
from gradwright.core.nodes import Add, Apply, Contract, Node
from gradwright.diff.conditions.subjects import core_of, size_of, subject_of
from gradwright.prims.power import base_and_exponent, power
from gradwright.prims.sqrtm import sqrtm
from gradwright.simplify.broadcasts import without_repetition
from gradwright.simplify.inverse_products import square_parts
from gradwright.simplify.pipeline import simplify


def invertible_parts(node: Apply, written: Callable[[Node], str]) -> list[str]:
    """What is said already where a product of square matrices has an inverse: that each of them has one; and roots.

    A triangular one has no zero on its diagonal.
    """
    named = {
        f"{{{d.name}}}": core_of("{} is invertible", a)
        for d, a in zip(node.primitive.inputs, node.arguments, strict=True)
    }
    whole = [
        argument
        for name, argument in named.items()
        if {f"{name} is invertible", f"det({name}) > 0"}.intersection(node.primitive.conditions)
    ]
    parts = [part for argument in whole for part in square_parts(argument)]
    # No eigenvalue of a matrix with a principal root is zero, nor is one of the root.
    parts += [node] if node.primitive is sqrtm else []
    triangles = [matrix for matrix in (*whole, *parts) if {"lower", "upper"} & facts_of(matrix)]
    return [
        *(f"{subject_of('{} is invertible', part, 2, written)} is invertible" for part in parts),
        *(f"{written(simplify(diagonal(matrix)))} ≠ 0" for matrix in triangles),
    ]


def factors_without_zeros(node: Apply, written: Callable[[Node], str]) -> list[str]:
    """What is said already where a product, or a quotient, is positive or not zero: that no factor of it is zero."""
    if node.primitive is power:
        about = [node.arguments[0]] if base_and_exponent(node)[1] < 1 else []
    else:
        stated = {f"{{{d.name}}} {sign} 0": a for d, a in zip(node.primitive.inputs, node.arguments, strict=True)
                  for sign in (">", "≠")}  # fmt: skip
        about = [argument for condition, argument in stated.items() if condition in node.primitive.conditions]
    products = [as_product(without_repetition(argument)) for argument in about if size_of(argument) is None]
    bases = [base_and_exponent(part)[0] for product in products for part in _parts_entry_by_entry(product)]
    return [f"{written(core_of('{} ≠ 0', base))} ≠ 0" for base in bases]


def _parts_entry_by_entry(product: Contract) -> list[Node]:
    """The tensors, several, of which a tensor is the product entry by entry: scalars, and some with its axes."""
    kept = set(product.free_labels)
    parts = connected(product.factors, set(range(len(product.dims))) - kept)
    held = [{label for factor in part for label in factor.labels} for part in parts]
    outputs = [tuple(group for group in product.output if labels.intersection(group)) for labels in held]
    if len(parts) < 2 or any(output not in ((), product.output) for output in outputs):
        return []
    return [subproduct(product, part, output) for part, output in zip(parts, outputs, strict=True)]


def sum_of_sizes(node: Apply, written: Callable[[Node], str]) -> dict[str, set[str]]:
    """The condition `x² + y² ≠ 0` with those that are stronger, that one of the terms is not zero."""
    base = node.arguments[0] if node.primitive is power else None
    if not isinstance(base, Add) or not all(map(is_nonnegative, base.terms)):
        return {}
    sizes = (size_of(term) or term for term in base.terms)
    return {f"{written(base)} ≠ 0": {f"{written(size)} ≠ 0" for size in sizes}}

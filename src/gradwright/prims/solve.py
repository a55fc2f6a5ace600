"""The solution of a linear system, defined by `A Y = B`, for a matrix or a vector B."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.build import matmul
from gradwright.core.nodes import Apply, Node, is_apply
from gradwright.core.primitive import ErrorSample, Implementation, KnownRule, Modular, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.frozen import replace
from gradwright.prims.inv import inv
from gradwright.prims.inv import is_regular as inverse_is_regular

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def is_regular(inputs: tuple[Array, ...], outputs: tuple[Array, ...]) -> bool:
    """Whether the inverse of the matrix, and with it every solution, has a correct digit."""
    return inverse_is_regular(inputs, (np.linalg.inv(inputs[0]),))


def modulo_prime(field: ModularArithmetic, A: Array, B: Array) -> Array:
    """By elimination, for a matrix or a vector B."""
    return field.solve(A, B.reshape(len(A), -1)).reshape(B.shape)


solve = Primitive(
    name="solve",
    signature="A: n n, B: n m -> Y: n m",
    summary="the solution Y of A Y = B",
    value_name="solved",
    identity=("A @ Y = B",),
    conditions=("{A} is invertible",),
    numpy="numpy.linalg.solve",
    regular=is_regular,
    torch="torch.linalg.solve",
    jax="jax.numpy.linalg.solve",
    modular=Modular(modulo_prime),
    notation=Notation(left_division=True),
    samples=(Sample("A: n n, B: n m"),),
    known_rules=(
        KnownRule(
            "dY",
            "solve(A, dB - dA @ Y)",
            "Giles 2008, An extended collection of matrix derivative results, 2.3.1",
        ),
        KnownRule(
            "vjp_A",
            "-solve(A.H, G) @ Y.H",
            "Giles 2008, 2.3.1",
        ),
        KnownRule(
            "vjp_B",
            "solve(A.H, G)",
            "Giles 2008, 2.3.1",
        ),
    ),
    error_samples=(ErrorSample("solve(A, B)", "A: n n, B: m n", "dimension"),),
    source="the definition; the result is Giles 2008, An extended collection of matrix derivative results, 2.3.1",
)


def with_vector(primitive: Primitive) -> Primitive:
    """The same system with a vector on the right, given as a matrix of one column where the library has no other."""
    samples = tuple(replace(s, declarations=_vector_text(s.declarations)) for s in primitive.samples)
    texts = {library: _as_column(primitive, getattr(primitive, library)) for library in ("numpy", "torch", "jax")}
    return replace(
        primitive,
        signature=_vector_text(primitive.signature),
        samples=samples,
        error_samples=(),
        known_rules=(),
        **texts,
    )


def _as_column(primitive: Primitive, implementation: Implementation | None) -> Implementation | None:
    if not isinstance(implementation, str) or implementation.startswith(("scipy.", "jax.scipy.")):
        return implementation
    text = implementation if "{" in implementation else f"{implementation}({{0}}, {{1}})"
    place = [declared.name for declared in primitive.inputs].index("B")
    return f"{text.replace(f'{{{place}}}', f'{{{place}}}[..., None]')}[..., 0]"


def _vector_text(declarations: str) -> str:
    return declarations.replace("n m", "n")


solve_vector = with_vector(solve)
SYSTEMS = (solve, solve_vector)


def with_inverse(system: Apply) -> Node:
    """`A⁻¹ B`, for the solution of `A Y = B` by any method."""
    A, B = system.arguments
    return matmul(Apply(inv, (), (A,)), B)


def without_system(node: Node) -> Node:
    """`A⁻¹ B` for `solve(A, B)`; anything else as it is."""
    return with_inverse(node) if is_apply(node, *SYSTEMS) else node


register_primitive(solve, solve_vector)

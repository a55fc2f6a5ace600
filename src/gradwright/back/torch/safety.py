"""Which operations of PyTorch may stand in a derivative rule.

A rule is differentiated again, in every nesting of forward and reverse mode, so it may contain only what
PyTorch differentiates correctly at every order. What it does not (pytorch #198017, #192540, #196694: nested
forward mode of det, logdet, slogdet and solve, forward mode of cholesky_solve and cholesky_inverse; #197084: the
compiled derivative of a complex pinv; no derivative at equal eigenvalues), and what it lacks, becomes a function
of the emitted module, with rules that are derived here. Linear systems are written with the inverse.
"""

from __future__ import annotations

from gradwright.back.code import TORCH
from gradwright.back.code.library import Library
from gradwright.core.nodes import Node
from gradwright.core.primitive import Implementation, Primitive
from gradwright.core.walks import transform_all
from gradwright.frozen import replace
from gradwright.optimise.blocks import in_blocks
from gradwright.prims.eig import eig
from gradwright.prims.factorised import VECTOR, lu_solve_transposed
from gradwright.prims.matrix_exp import matrix_exp
from gradwright.prims.solve import without_system

_WRITTEN: dict[Primitive, Implementation] = {
    # It refuses batches whose axes cannot be merged without a copy.
    matrix_exp: "torch.linalg.matrix_exp({0}.contiguous())",
    # The rules call it on complex matrices; a real one gets the same order and phases.
    eig: "torch.linalg.eig({0} + 0j)",
}

# PyTorch's solution with the transposed matrix is one with the adjoint.
_WITHOUT_CONJUGATE: dict[Primitive, Implementation] = {
    lu_solve_transposed: "torch.linalg.lu_solve({1}, {2}, {0}.mT, left=False).mT",
    VECTOR[lu_solve_transposed]: "torch.linalg.lu_solve({1}, {2}, {0}[..., None].mT, left=False).mT[..., 0]",
}


def _as_emitted(primitive: Primitive) -> Implementation | None:
    return _WRITTEN.get(primitive, primitive.torch)


def _in_rules(primitive: Primitive) -> Implementation | None:
    right = primitive.elementwise or primitive.torch_differentiates
    return _as_emitted(primitive) if right else None


# What may be called where nothing is differentiated, and what may stand in a rule.
VALUES = replace(TORCH, implementation=_as_emitted)
RULES = replace(TORCH, implementation=_in_rules)


def in_either_field(library: Library) -> Library:
    """The library for code that is written for complex inputs and also given real ones, which stay real."""
    return replace(library, complex_of="{x} + {like}.new_zeros(())")


def in_complex_too(library: Library) -> Library:
    """The library for code that is written for real inputs and also given complex ones: nothing is conjugated."""

    def implementation(primitive: Primitive) -> Implementation | None:
        return _WITHOUT_CONJUGATE.get(primitive, library.implementation(primitive))

    return replace(library, implementation=implementation, batch_dot="torch.linalg.vecdot(torch.conj({x}), {y})")


def in_safe_functions(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Expressions in functions that may stand in a rule: linear systems with the inverse."""
    return transform_all(in_blocks(nodes), without_system)

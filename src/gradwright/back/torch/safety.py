"""Which operations of PyTorch may stand in a derivative rule.

A rule is differentiated again, in every nesting of forward and reverse mode, so it may contain only what
PyTorch differentiates correctly at every order. What it does not (pytorch #198017, #192540, #196694: nested
forward mode of det, logdet, slogdet and solve, forward mode of cholesky_solve and cholesky_inverse; no
derivative at equal eigenvalues), and what it lacks, becomes a function of the emitted module, with rules that
are derived here. Linear systems are written with the inverse.
"""

from __future__ import annotations

from dataclasses import replace

from gradwright.back.code import TORCH
from gradwright.core.build import matmul, transpose
from gradwright.core.contraction import conjugate
from gradwright.core.nodes import Apply, Node
from gradwright.core.primitive import Implementation, Primitive
from gradwright.core.registry import FUNCTIONS
from gradwright.core.templates import definition
from gradwright.core.walks import transform_all

# The elementwise functions are right, and these.
RIGHT = frozenset(
    {"inv", "cholesky", "solve_triangular", "matrix_exp", "matrix_power", "pinv", "softmax", "log_softmax",
     "logsumexp", "norm", "max", "min"}
)  # fmt: skip


def _in_rules(primitive: Primitive) -> Implementation | None:
    return primitive.torch if primitive.elementwise or primitive.name in RIGHT else None


RULES = replace(TORCH, implementation=_in_rules)


def without_solves(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Solutions of linear systems written with inverses."""
    return transform_all(nodes, _without_solve)


def _without_solve(node: Node) -> Node:
    if isinstance(node, Apply) and node.primitive.name == "solve":
        A, B = node.arguments
        return matmul(Apply(FUNCTIONS["inv"].primitives[0], (), (A,)), B)
    return node

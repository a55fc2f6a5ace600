"""Whether the formulas of a real function serve complex input too.

On a real tensor `.mH` is `.mT` and `.conj()` is nothing, so a function of real variables is emitted with the
conjugates that complex ones need, where this makes no formula longer. What it computes is then the formula as
it is written, for complex numbers. A function that takes a symmetric matrix for granted, or numbers in order,
stays real; so does one whose algorithm does: Cholesky's for `I + X Xᵀ`, Lyapunov's for `A Y + Y Aᵀ`, a kernel of
PyTorch; and one that is simplified by what holds for real numbers alone: `‖x‖² = xᵀ x`, or is computed by it:
`log(eˣ − eʸ) = x + log(1 − eʸ⁻ˣ)`, where complex logarithms differ by multiples of 2 π i.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradwright.back.torch.rules import Rules, derive_rules
from gradwright.core.facts import closure
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Hole, Node, Solve, Symbol, Unknown
from gradwright.core.spaces import Space
from gradwright.core.walks import postorder, rebuild, transform
from gradwright.errors import GradwrightError
from gradwright.linear.projection import is_structured
from gradwright.linear.recognise import sylvester_operands
from gradwright.optimise import optimise
from gradwright.optimise.kernels import KERNELS, use_kernels
from gradwright.simplify.accurate import keep_digits


def rules_in_both_fields(rules: Rules, values: Mapping[str, Node]) -> Rules | None:
    """The rules of a function of real variables for complex ones; None where they would be others.

    Args:
        rules: the function.
        values: its outputs as they were written, before anything was simplified for real numbers.
    """
    if not rules.inputs or not all(symbol.real and _is_free(symbol) for symbol in rules.inputs):
        return None
    computed = keep_digits(rules.values)
    if not all(node.real and _means_the_same(node) for node in postorder(*rules.values, *computed)):
        return None
    try:
        twins = {name: transform(value, _complex) for name, value in values.items()}
        wider = derive_rules(tuple(map(_twin, rules.inputs)), twins)
    except GradwrightError:
        return None
    if wider.values != _twins(rules.values) or keep_digits(wider.values) != _twins(computed):
        return None
    return wider if _length(wider) <= _length(rules) and not _has_kernel(rules.values) else None


def _has_kernel(values: tuple[Node, ...]) -> bool:
    """Whether PyTorch computes values in one pass, which it does for real numbers."""
    nodes = tuple(optimise({str(k): value for k, value in enumerate(values)}).values())
    return use_kernels(nodes, KERNELS) != nodes


def _is_free(symbol: Symbol) -> bool:
    return not is_structured(symbol.facts) and "nonnegative" not in symbol.facts


def _means_the_same(node: Node) -> bool:
    """Whether a function is the same for complex arguments."""
    if isinstance(node, Solve):
        return all(u.space is Space.FREE for u in node.unknowns) and not _is_mirrored(node)
    if not isinstance(node, Apply):
        return True
    takes_symmetric = any("hermitian" in declared.facts for declared in node.primitive.inputs)
    if node.primitive.real_only or takes_symmetric:
        return False
    return node.primitive.elementwise or not any(map(_is_symmetric_if_real, node.arguments))


def _is_mirrored(node: Solve) -> bool:
    """Whether a matrix and its transpose stand on both sides of the unknown, as Lyapunov's and Stein's solvers ask."""
    known = sylvester_operands(node)
    return known is not None and known[0] != "sylvester"


def _is_symmetric_if_real(node: Node) -> bool:
    """Whether a matrix is Hermitian for real variables, and not for complex ones."""
    return "hermitian" in facts_of(node) and "hermitian" not in facts_of(transform(node, _complex))


def _twin(symbol: Symbol) -> Symbol:
    return Symbol(symbol.name, symbol.shape, closure({*symbol.facts, "complex"}))


def _twins(values: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(transform(value, _complex) for value in values)


def _complex(node: Node) -> Node:
    match node:
        case Symbol():
            return _twin(node)
        case Hole():
            return Hole(node.number, node.shape, False)
        case Solve():
            unknowns = tuple(Unknown(u.shape, u.space, False) for u in node.unknowns)
            return rebuild(Solve(unknowns, node.equations, node.right_sides, node.index), node.children)
        case _:
            return node


def _length(rules: Rules) -> int:
    return _count((*rules.vjp.values(), *rules.jvp))


def _count(nodes: Iterable[Node]) -> int:
    return sum(1 for _ in postorder(*nodes))

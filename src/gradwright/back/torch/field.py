"""Whether the formulas of a real function serve complex input too.

On a real tensor `.mH` is `.mT` and `.conj()` is nothing, so a function of real variables is emitted with the
conjugates that complex ones need, where this makes no formula longer. What it computes is then the formula as
it is written, for complex numbers. A function that takes a symmetric matrix for granted, or numbers in order,
stays real.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gradwright.back.torch.rules import Rules, derive_rules
from gradwright.core.facts import closure
from gradwright.core.nodes import Apply, Hole, Node, Solve, Symbol, Unknown
from gradwright.core.spaces import Space
from gradwright.core.walks import postorder, rebuild, transform
from gradwright.errors import GradwrightError
from gradwright.linear.projection import is_structured


def rules_for_both_fields(inputs: Sequence[Symbol], values: Mapping[str, Node]) -> tuple[Rules, bool]:
    """The rules of a function, and whether they hold for complex input."""
    rules = derive_rules(inputs, values)
    if not all(s.real for s in inputs):
        return rules, True
    if not all(map(_is_free, inputs)) or not all(map(_means_the_same, postorder(*rules.values))):
        return rules, False
    try:
        wider = derive_rules(tuple(map(_twin, inputs)), {n: transform(v, _complex) for n, v in values.items()})
    except GradwrightError:
        return rules, False
    return (wider, True) if _length(wider) <= _length(rules) else (rules, False)


def _is_free(symbol: Symbol) -> bool:
    return not is_structured(symbol.facts) and "nonnegative" not in symbol.facts


def _means_the_same(node: Node) -> bool:
    """Whether a function is the same for complex arguments."""
    if isinstance(node, Solve):
        return all(u.space is Space.FREE for u in node.unknowns)
    if not isinstance(node, Apply):
        return True
    takes_symmetric = any("hermitian" in declared.facts for declared in node.primitive.inputs)
    return not node.primitive.real_only and not takes_symmetric


def _twin(symbol: Symbol) -> Symbol:
    return Symbol(symbol.name, symbol.shape, closure({*symbol.facts, "complex"}))


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

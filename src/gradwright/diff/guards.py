"""What a comparison implies for what it multiplies, or for a branch that is chosen by it.

In `[x > 0] ∘ log(x)` the logarithm is asked for positive entries alone. What is known so is put on the variable in the
entries that the comparison is about: in sums, products and functions of entries, and of a scalar everywhere.
"""

from __future__ import annotations

from gradwright.core.contraction import is_zero, simple, with_factors
from gradwright.core.facts import closure
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol, is_apply
from gradwright.core.sums import add
from gradwright.core.walks import postorder, rebuild, substitute, transform_all
from gradwright.frozen import replace
from gradwright.prims.piecewise import greater, where


def with_guards(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The expressions with variables that are positive where a comparison says so."""
    if not any(is_apply(node, greater) for node in postorder(*roots)):
        return roots
    return transform_all(roots, _guarded)


def _guarded(node: Node) -> Node:
    if is_apply(node, where):
        condition, chosen, other = node.arguments
        return Apply(where, (), (condition, _where_positive(chosen, _compared(condition)), other))
    for factor in node.factors if isinstance(node, Contract) else ():
        symbol = _compared(factor.node)
        if symbol is not None:
            assert isinstance(node, Contract)
            beside = [f.groups == factor.groups or not symbol.rank for f in node.factors]
            known = [
                _where_positive(f.node, symbol if near else None) for f, near in zip(node.factors, beside, strict=True)
            ]
            return with_factors(node, [f.with_node(n) for f, n in zip(node.factors, known, strict=True)])
    return node


def _compared(condition: Node) -> Symbol | None:
    """The variable x of `[x > 0]`; None for other conditions."""
    if not is_apply(condition, greater) or not is_zero(condition.arguments[1]):
        return None
    larger = condition.arguments[0]
    return larger if isinstance(larger, Symbol) and "complex" not in larger.facts else None


def _where_positive(node: Node, symbol: Symbol | None) -> Node:
    """The node with a variable that is positive, in the entries that stand where those of the node do."""
    if symbol is None:
        return node
    positive = replace(symbol, facts=closure({*symbol.facts, "positive"}))
    return _entrywise(node, symbol, positive) if symbol.rank else substitute(node, {symbol: positive})


def _entrywise(node: Node, symbol: Symbol, positive: Symbol) -> Node:
    if node == symbol:
        return positive
    if isinstance(node, Add):
        return add([_entrywise(term, symbol, positive) for term in node.terms])
    if isinstance(node, Contract) and node.output == simple(tuple(dict.fromkeys(node.free_labels))):
        aligned = [
            f.with_node(_entrywise(f.node, symbol, positive)) if f.groups == node.output else f for f in node.factors
        ]
        return with_factors(node, aligned)
    if isinstance(node, Apply) and node.primitive.elementwise:
        return rebuild(node, tuple(_entrywise(child, symbol, positive) for child in node.children))
    return node

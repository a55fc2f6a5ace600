"""What a comparison implies for what it multiplies, or for a branch that is chosen by it.

In `[x > 0] ∘ log(x)` the logarithm is asked for positive entries alone, as in what `x ≤ 0` leaves to the other branch,
and the root of `[x ≥ 0] ∘ √x` for no negative ones. What is known so is put on the variable in the entries that the
comparison is about: in sums, products and functions of entries, and of a scalar everywhere.
"""

from __future__ import annotations

from gradwright.core.contraction import is_zero, simple, with_factors
from gradwright.core.facts import closure
from gradwright.core.inference import is_nonnegative, is_positive
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol, is_apply
from gradwright.core.sums import add
from gradwright.core.walks import postorder, rebuild, substitute, transform_all
from gradwright.frozen import replace
from gradwright.prims.piecewise import greater, greater_equal, opposite, where


def with_guards(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The expressions with variables that are positive, or not negative, where a comparison says so."""
    if not any(is_apply(node, greater, greater_equal) for node in postorder(*roots)):
        return roots
    return transform_all(roots, _guarded)


def _guarded(node: Node) -> Node:
    if is_apply(node, where):
        condition, chosen, other = node.arguments
        return Apply(where, (), (condition, _granted(chosen, condition), _granted(other, opposite(condition))))
    for place, factor in enumerate(node.factors if isinstance(node, Contract) else ()):
        assert isinstance(node, Contract)
        known = _known(factor.node)
        if known is not None:
            near = [f.groups == factor.groups or not known[0].rank for f in node.factors]
            near[place] = False
            granted = [
                _granted(f.node, factor.node if beside else None) for f, beside in zip(node.factors, near, strict=True)
            ]
            node = with_factors(node, [f.with_node(n) for f, n in zip(node.factors, granted, strict=True)])
    return node


def _known(condition: Node | None) -> tuple[Symbol, Symbol] | None:
    """The variable x of `[x > 0]` or `[x ≥ 1]`, and with what is known of it there; None for other conditions."""
    if condition is None or not is_apply(condition, greater, greater_equal):
        return None
    larger, smaller = condition.arguments
    if not isinstance(larger, Symbol) or "complex" in larger.facts or not (is_zero(smaller) or is_nonnegative(smaller)):
        return None
    positive = condition.primitive is greater or is_positive(smaller)
    facts = closure({*larger.facts, "positive" if positive else "nonnegative"})
    return larger, replace(larger, facts=facts)


def _granted(node: Node, condition: Node | None) -> Node:
    """The node where a condition holds, with what that says of a variable, in the entries that stand where its do."""
    known = _known(condition)
    if known is None:
        return node
    return _entrywise(node, *known) if known[0].rank else substitute(node, dict([known]))


def _entrywise(node: Node, symbol: Symbol, known: Symbol) -> Node:
    if node == symbol:
        return known
    if isinstance(node, Add):
        return add([_entrywise(term, symbol, known) for term in node.terms])
    if isinstance(node, Contract) and node.output == simple(tuple(dict.fromkeys(node.free_labels))):
        aligned = [
            f.with_node(_entrywise(f.node, symbol, known)) if f.groups == node.output else f for f in node.factors
        ]
        return with_factors(node, aligned)
    if isinstance(node, Apply) and node.primitive.elementwise:
        return rebuild(node, tuple(_entrywise(child, symbol, known) for child in node.children))
    return node

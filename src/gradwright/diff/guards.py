"""What a comparison implies for what it multiplies, or for a branch that is chosen by it.

In `[x > 0] ∘ log(x)` the logarithm is asked for positive entries alone, as in what `x ≤ 0` leaves to the other branch,
and the root of `[x ≥ 1] ∘ √(x − 1)` for no negative ones. With `x = 1 + u`, u not negative, the signs of other sums and
products of variables are seen; what has a sign gives way to a variable of that sign, in the entries that the comparison
is about: in sums, products and functions of entries, and of a scalar everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gradwright.core.build import ones, zeros
from gradwright.core.canonical import as_product
from gradwright.core.contraction import simple, with_factors
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol, is_apply
from gradwright.core.sums import add, scaled, subtract
from gradwright.core.walks import applications, postorder, rebuild, substitute, transform_all
from gradwright.prims.piecewise import greater, greater_equal, opposite, where
from gradwright.simplify.branches import with_entries_together
from gradwright.simplify.pipeline import simplify

SIGNS = ("positive", "nonnegative")


class _Guard(NamedTuple):
    """What a comparison says of one side: what it is, by a variable that has a sign."""

    side: Node
    value: Node


class Guarded(NamedTuple):
    """Expressions in which variables stand for what has a sign where a comparison says so, and what for each."""

    roots: tuple[Node, ...]
    meanings: dict[Node, Node]


def with_guards(roots: tuple[Node, ...]) -> Guarded:
    """The expressions with variables that are positive, or not negative, where a comparison says so."""
    meanings: dict[Node, Node] = {}
    if not any(is_apply(node, greater, greater_equal) for node in postorder(*roots)):
        return Guarded(roots, meanings)
    return Guarded(transform_all(roots, lambda node: _guarded(node, meanings)), meanings)


def _guarded(node: Node, meanings: dict[Node, Node]) -> Node:
    if is_apply(node, where):
        condition, chosen, other = node.arguments
        first = _granted(chosen, condition, meanings)
        return Apply(where, (), (condition, first, _granted(other, opposite(condition), meanings)))
    return _beside_guards(with_entries_together(node), meanings) if isinstance(node, Contract) else node


def _beside_guards(product: Contract, meanings: dict[Node, Node]) -> Node:
    """The product with what each comparison grants the factors on its axes; of a scalar, all factors."""
    granted = list(product.factors)
    for guard in product.factors:
        if is_apply(guard.node, greater, greater_equal):
            beside = [f.node != guard.node and (f.groups == guard.groups or not guard.groups) for f in granted]
            granted = [
                f.with_node(_granted(f.node, guard.node, meanings)) if near else f
                for f, near in zip(granted, beside, strict=True)
            ]
    return with_factors(product, granted)


def _guard_of(condition: Node | None) -> _Guard | None:
    """What `[x > y]` says of x, or of y if x is no variable; `xᵀ` is one."""
    if condition is None or not is_apply(condition, greater, greater_equal):
        return None
    larger, smaller = condition.arguments
    excess = Symbol("", larger.shape, frozenset({"positive" if condition.primitive is greater else "nonnegative"}))
    if _is_variable(larger) and larger.real:
        return _Guard(larger, add([smaller, excess]))
    return _Guard(smaller, subtract(larger, excess)) if _is_variable(smaller) and smaller.real else None


def _is_variable(node: Node) -> bool:
    product = as_product(node)
    only = product.factors[0] if len(product.factors) == 1 and product.coefficient == 1 else None
    return only is not None and isinstance(only.node, Symbol) and set(only.labels) == set(product.free_labels)


def _granted(node: Node, condition: Node | None, meanings: dict[Node, Node]) -> Node:
    """The node where a condition holds, with variables for what has a sign there."""
    guard = _guard_of(condition)
    if guard is None:
        return node
    if guard.side.rank:
        return _entrywise(node, lambda part: _with_sign(part, guard, meanings))
    found = {part: known for part in postorder(node) if (known := _with_sign(part, guard, meanings)) is not None}
    return substitute(node, found)


def _with_sign(node: Node, guard: _Guard, meanings: dict[Node, Node]) -> Node | None:
    """A variable with a sign, or its negative, for a sum or product of variables that has it by a comparison."""
    if not node.real or any(applications(node)):
        return None
    value = _entrywise(node, lambda part: guard.value if part == guard.side else None)
    if value == node:
        return None
    none = zeros(node.shape)
    # log1p asks for the sign of 1 + x.
    for number, shift in ((1, none), (-1, none), (1, ones(node.shape))):
        told = add([shift, scaled(number, node)])
        known = facts_of(simplify(add([shift, scaled(number, value)]))).intersection(SIGNS)
        if known - facts_of(told):
            variable = Symbol(told.digest.hex(), node.shape, facts_of(told) | known)
            meanings[variable] = substitute(told, meanings)
            return scaled(number, subtract(variable, shift))
    return None


def _entrywise(node: Node, changed: Callable[[Node], Node | None]) -> Node:
    """The node with changed parts, in the entries that stand where those of the node do."""
    found = changed(node)
    if found is not None:
        return found
    if isinstance(node, Add):
        return add([_entrywise(term, changed) for term in node.terms])
    if isinstance(node, Contract) and node.output == simple(tuple(dict.fromkeys(node.free_labels))):
        aligned = [f.with_node(_entrywise(f.node, changed)) if f.groups == node.output else f for f in node.factors]
        return with_factors(node, aligned)
    if isinstance(node, Apply) and node.primitive.elementwise:
        return rebuild(node, tuple(_entrywise(child, changed) for child in node.children))
    return node

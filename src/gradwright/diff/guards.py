"""What a comparison implies for what it multiplies, or for a branch that is chosen by it.

In `[x > 0] ∘ log(x)` the logarithm is asked for positive entries alone, as in what `x ≤ 0` leaves to the other branch,
and the root of `[x ≥ 0] ∘ √x` for no negative ones. What is known so is put on the variable in the entries that the
comparison is about: in sums, products and functions of entries, and of a scalar everywhere.
"""

from __future__ import annotations

from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_zero, simple, with_factors
from gradwright.core.facts import closure
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol, is_apply
from gradwright.core.sums import add
from gradwright.core.walks import postorder, rebuild, substitute, transform_all
from gradwright.frozen import replace
from gradwright.prims.piecewise import greater, greater_equal, opposite, where
from gradwright.simplify.branches import with_entries_together


def with_guards(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The expressions with variables that are positive, or not negative, where a comparison says so."""
    if not any(is_apply(node, greater, greater_equal) for node in postorder(*roots)):
        return roots
    return transform_all(roots, _guarded)


def _guarded(node: Node) -> Node:
    if is_apply(node, where):
        condition, chosen, other = node.arguments
        return Apply(where, (), (condition, _granted(chosen, condition), _granted(other, opposite(condition))))
    return _beside_guards(with_entries_together(node)) if isinstance(node, Contract) else node


def _beside_guards(product: Contract) -> Node:
    """The product with what each comparison grants the factors on its axes; of a scalar, all factors."""
    granted = list(product.factors)
    for guard in product.factors:
        known = _known(guard.node)
        if known is not None:
            beside = [f.node != guard.node and (f.groups == guard.groups or not guard.groups) for f in granted]
            granted = [
                f.with_node(_put(f.node, *known)) if near else f for f, near in zip(granted, beside, strict=True)
            ]
    return with_factors(product, granted)


def _known(condition: Node | None) -> tuple[Node, Node] | None:
    """The variable x of `[x > 0]`, `[x ≥ 1]` or `[0 > x]`, or `xᵀ`, without and with what is known of it; else None."""
    if condition is None or not is_apply(condition, greater, greater_equal):
        return None
    strict = condition.primitive is greater
    larger, smaller = condition.arguments
    return _of_sign(larger, smaller, strict, ("nonnegative", "positive")) or _of_sign(
        smaller, larger, strict, ("nonpositive", "negative")
    )


def _of_sign(tensor: Node, bound: Node, strict: bool, signs: tuple[str, str]) -> tuple[Node, Node] | None:
    """A variable beyond a bound, which zero and what has the sign are, without and with its sign; else None."""
    product = as_product(tensor)
    symbols = [
        f.node for f in product.factors if isinstance(f.node, Symbol) and set(f.labels) == set(product.free_labels)
    ]
    if not tensor.real or not symbols or len(product.factors) > 1 or product.coefficient != 1:
        return None
    if not is_zero(bound) and signs[0] not in facts_of(bound):
        return None
    fact = signs[strict or signs[1] in facts_of(bound)]
    known = replace(symbols[0], facts=closure({*symbols[0].facts, fact}))
    return tensor, substitute(tensor, {symbols[0]: known})


def _granted(node: Node, condition: Node | None) -> Node:
    """The node where a condition holds, with what that says of a variable."""
    known = _known(condition)
    return node if known is None else _put(node, *known)


def _put(node: Node, variable: Node, known: Node) -> Node:
    """The node with what is known of a variable, in the entries that stand where those of the node do."""
    return _entrywise(node, variable, known) if variable.rank else substitute(node, {variable: known})


def _entrywise(node: Node, variable: Node, known: Node) -> Node:
    if node == variable:
        return known
    if isinstance(node, Add):
        return add([_entrywise(term, variable, known) for term in node.terms])
    if isinstance(node, Contract) and node.output == simple(tuple(dict.fromkeys(node.free_labels))):
        aligned = [
            f.with_node(_entrywise(f.node, variable, known)) if f.groups == node.output else f for f in node.factors
        ]
        return with_factors(node, aligned)
    if isinstance(node, Apply) and node.primitive.elementwise:
        return rebuild(node, tuple(_entrywise(child, variable, known) for child in node.children))
    return node

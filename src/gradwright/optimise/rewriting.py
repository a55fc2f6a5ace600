"""Expressions rebuilt from their parts up, as the passes of the optimiser do it.

Normal form, into which `core.walks.rebuild` brings every node, has no product in a product and no sum in a sum. The
optimiser puts them there: they are what is computed first.
"""

from __future__ import annotations

from collections.abc import Callable

from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Contract, Factor, Node
from gradwright.core.walks import postorder, rebuild
from gradwright.optimise.roots import Roots

Step = Callable[[Node, Node], Node]


def over(node: Node, children: tuple[Node, ...]) -> Node:
    """The same node over other children. A sum in a sum stays: the outer one may be it and its mirror image."""
    if not isinstance(node, Add):
        return rebuild(node, children)
    return node if children == node.children else Add(children)


def with_children(node: Node, children: tuple[Node, ...]) -> Node:
    """The same node over other children, products in products and sums in sums as they are."""
    if not isinstance(node, Contract):
        return over(node, children)
    if children == node.children:
        return node
    pairs = zip(node.factors, children, strict=True)
    factors = tuple(Factor(child, f.groups, f.conj and not child.real) for f, child in pairs)
    return Contract(node.coefficient, factors, node.dims, node.output)


def with_facts(new: Node, old: Node) -> Node:
    """A tree shows less of a product than the whole did: that `B M Bᵀ` is positive definite, for instance."""
    if new is not old and not hasattr(new, "facts_found"):
        object.__setattr__(new, "facts_found", facts_of(old))
    return new


def rewritten(
    roots: Roots,
    step: Step,
    done: dict[Node, Node] | None = None,
    rebuilt: Callable[[Node, tuple[Node, ...]], Node] = with_children,
) -> Roots:
    """The roots rebuilt, their common parts once; what is known of a node is known of what takes its place.

    Args:
        roots: expressions.
        step: what takes the place of a node, from the node as it was, and over its new children.
        done: what has taken the place of nodes, as far as the walk has come; what it holds in the beginning is taken.
        rebuilt: a node over new children.
    """
    done = {} if done is None else done
    for node in postorder(*roots):
        if node not in done:
            done[node] = with_facts(step(node, rebuilt(node, tuple(done[child] for child in node.children))), node)
    return tuple(done[root] for root in roots)

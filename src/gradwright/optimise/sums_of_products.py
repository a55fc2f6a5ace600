"""Sums of the entries of a product `A ∘ B` that is written down anyway: of that, not of A and B once more.

A weighted graph has `W = K ∘ C` in its Laplacian, and the sums of its rows on the diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradwright.core.contraction import is_simple
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Contract, Factor, Node
from gradwright.core.walks import postorder
from gradwright.optimise.pairs import key_of, renumbered
from gradwright.optimise.rewriting import rewritten, with_children
from gradwright.optimise.roots import NO_HINTS, Hints, Roots

# The product, and for each of its axes that of the key under which it is found.
Formed = tuple[Contract, tuple[int, ...]]


def share_summed_products(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`P.sum(axis)` for `(A ∘ B).sum(axis)` where `P = A ∘ B` is a product of its own."""
    formed: dict[Node, Formed] = {}
    for node in postorder(*roots):
        if isinstance(node, Contract) and _is_whole(node):
            for key, labels in _keys(node, node.factors):
                formed.setdefault(key, (node, tuple(labels.index(group[0]) for group in node.output)))
    if not formed:
        return roots
    done: dict[Node, Node] = {}
    return rewritten(roots, lambda node, new: _of_formed(node, new, formed, done), done)


def _is_whole(node: Contract) -> bool:
    """Whether a node is `A ∘ B` or `−A ∘ B`, with as many axes, and nothing else."""
    return (
        abs(node.coefficient) == 1
        and len(node.factors) == 2
        and not _summed(node)
        and _is_entrywise(node, node.factors)
    )


def _is_entrywise(node: Contract, factors: Sequence[Factor]) -> bool:
    """Whether there are two factors with the same axes, more than one, of which the output has some, each once.

    The output has no other axes: a product is not repeated along a new one.
    """
    held = [group for f in factors for group in f.groups]
    if len(factors) != 2 or not is_simple((*held, *node.output)):
        return False
    first, second = (set(f.labels) for f in factors)
    shared = first == second and len(held) == 2 * len(first) > 2
    return (
        shared and len(set(node.output)) == len(node.output) and all(first.issuperset(group) for group in node.output)
    )


def _summed(node: Contract) -> set[int]:
    return set(range(len(node.dims))).difference(*node.output)


def _keys(node: Contract, factors: Sequence[Factor]) -> Iterator[tuple[Node, list[int]]]:
    """What tells the product from others, with a symmetric factor either way round."""
    for place, factor in enumerate(factors):
        if factor.node.rank == 2 and factor.node.real and is_symmetric(factor.node):
            turned = [*factors]
            turned[place] = Factor(factor.node, factor.groups[::-1])
            yield key_of(turned[0], turned[1], factor.labels, node.dims)
    yield key_of(factors[0], factors[1], factors[0].labels, node.dims)


def _of_formed(node: Node, new: Node, formed: Mapping[Node, Formed], done: Mapping[Node, Node]) -> Node:
    """A sum of the entries of a product as that of the product itself, if that is formed."""
    if not isinstance(node, Contract) or not isinstance(new, Contract):
        return new
    factors = [f for f in node.factors if f.node.rank]
    if len(factors) != 2 or not _is_entrywise(node, factors) or not _summed(node):
        return new
    for key, labels in _keys(node, factors):
        if key in formed:
            whole, places = formed[key]
            product = with_children(whole, tuple(done[child] for child in whole.children))
            scalars = [f for f in new.factors if not f.node.rank]
            factor = Factor(product, tuple((labels[place],) for place in places))
            return renumbered(new.coefficient * whole.coefficient, [*scalars, factor], new.output, new.dims)
    return new

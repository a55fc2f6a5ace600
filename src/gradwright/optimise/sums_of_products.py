"""Sums of the entries of a product `A ∘ B` that is written down anyway: of that, not of A and B once more.

A weighted graph has `W = K ∘ C` in its Laplacian, and the sums of its rows on the diagonal. What depends on differences
of positions has the sums of the rows and of the columns of one product with a skew matrix: it is written down for both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from gradwright.core.contraction import ONE, is_simple
from gradwright.core.inference import is_skew, is_symmetric
from gradwright.core.nodes import Contract, Factor, Node
from gradwright.core.walks import postorder
from gradwright.frozen import replace
from gradwright.optimise.pairs import key_of, renumbered
from gradwright.optimise.rewriting import rewritten, with_children
from gradwright.optimise.roots import NO_HINTS, Hints, Roots

# The product, for each of its axes that of the key under which it is found, and the sign with which it is.
Formed = tuple[Contract, tuple[int, ...], int]


def share_summed_products(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """`P.sum(axis)` for `(A ∘ B).sum(axis)` where `P = A ∘ B` is a product of its own."""
    formed = _formed(roots)
    if not formed:
        return roots
    done: dict[Node, Node] = {}
    sums: set[Node] = set()

    def step(node: Node, new: Node) -> Node:
        new = _with_signs_outside(new, sums)
        found = _of_formed(node, new, formed, done)
        if found is not new:
            sums.add(found)
        return found

    return rewritten(roots, step, done)


def _with_signs_outside(node: Node, sums: Collection[Node]) -> Node:
    """A product with the signs of some of its factors in front."""
    if not isinstance(node, Contract):
        return node
    coefficient, factors = node.coefficient, list[Factor]()
    for factor in node.factors:
        inner = factor.node
        if inner in sums and isinstance(inner, Contract) and inner.coefficient < 0:
            coefficient, inner = -coefficient, replace(inner, coefficient=-inner.coefficient)
        factors.append(factor.with_node(inner))
    return Contract(coefficient, tuple(factors), node.dims, node.output)


def _formed(roots: Roots) -> dict[Node, Formed]:
    """The products that are written down, or of which there are several sums, by what tells them from others."""
    formed: dict[Node, Formed] = {}
    once: dict[Node, None] = {}
    for node in postorder(*roots):
        if isinstance(node, Contract) and _is_whole(node):
            _add(formed, node)
    for node in postorder(*roots):
        if isinstance(node, Contract) and _is_sum(node):
            keys = [key for _, key, _ in _keys(node, _arrays(node))]
            if not any(key in once for key in keys):
                once |= dict.fromkeys(keys)
            elif not any(key in formed for key in keys):
                _add(formed, _product(node))
    return formed


def _add(formed: dict[Node, Formed], whole: Contract) -> None:
    for sign, key, labels in _keys(whole, whole.factors):
        formed.setdefault(key, (whole, tuple(labels.index(group[0]) for group in whole.output), sign))


def _product(node: Contract) -> Contract:
    """The product whose entries are summed, up to its sign, its axes in the order of a factor that has no other."""
    factors = _arrays(node)
    axes = min(factors, key=_is_mirrored).groups
    turned = [Factor(f.node, axes) if _is_mirrored(f) else f for f in factors]
    return renumbered(ONE, turned, axes, node.dims)


def _is_mirrored(factor: Factor) -> bool:
    node = factor.node
    return node.rank == 2 and node.real and (is_symmetric(node) or is_skew(node))


def _arrays(node: Contract) -> tuple[Factor, ...]:
    return tuple(f for f in node.factors if f.node.rank)


def _is_sum(node: Contract) -> bool:
    """Whether a node is a multiple of the sum of `A ∘ B` along some axes."""
    factors = _arrays(node)
    return len(factors) == 2 and _is_entrywise(node, factors) and bool(_summed(node))


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


def _keys(node: Contract, factors: Sequence[Factor]) -> Iterator[tuple[int, Node, list[int]]]:
    """What tells the product from others, with a symmetric or skew factor either way round, and its sign."""
    for place, factor in enumerate(factors):
        if _is_mirrored(factor):
            turned = [*factors]
            turned[place] = Factor(factor.node, factor.groups[::-1])
            sign = 1 if is_symmetric(factor.node) else -1
            yield sign, *key_of(turned[0], turned[1], factor.labels, node.dims)
    yield 1, *key_of(factors[0], factors[1], factors[0].labels, node.dims)


def _of_formed(node: Node, new: Node, formed: Mapping[Node, Formed], done: Mapping[Node, Node]) -> Node:
    """A sum of the entries of a product as that of the product itself, if that is formed."""
    if not isinstance(node, Contract) or not isinstance(new, Contract) or not _is_sum(node):
        return new
    for sign, key, labels in _keys(node, _arrays(node)):
        if key in formed:
            whole, places, other = formed[key]
            product = with_children(whole, tuple(done[child] for child in whole.children))
            scalars = [f for f in new.factors if not f.node.rank]
            factor = Factor(product, tuple((labels[place],) for place in places))
            coefficient = sign * other * new.coefficient * whole.coefficient
            return renumbered(coefficient, [*scalars, factor], new.output, new.dims)
    return new

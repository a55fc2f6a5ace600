"""One square root for all half-odd powers of a tensor: `x ∘ √x` and `1 / √x` beside `√x`.

This is no pass of the list, since it depends on the library: where one differentiates, `x ∘ √x` has no derivative at 0,
and `x^(3/2)` has.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.contraction import ONE, plain, simple
from gradwright.core.nodes import Apply, Contract, Node
from gradwright.core.walks import postorder
from gradwright.optimise.association import with_children, with_facts
from gradwright.optimise.roots import Roots
from gradwright.prims.power import power, raise_to

HALF = Fraction(1, 2)


def share_square_roots(roots: Roots, highest: Fraction) -> Roots:
    """Expressions in which a tensor with several half-odd powers, up to the highest and its reciprocal, has a root."""
    found: dict[Node, set[Fraction]] = {}
    for node in postorder(*roots):
        if (exponent := _half_odd(node, highest)) is not None:
            found.setdefault(node.children[0], set()).add(exponent)
    shared = {base for base, exponents in found.items() if len(exponents) > 1}
    if not shared:
        return roots
    done: dict[Node, Node] = {}
    for node in postorder(*roots):
        new = with_children(node, tuple(done[child] for child in node.children))
        exponent = _half_odd(node, highest)
        if exponent is not None and node.children[0] in shared:
            new = with_facts(_by_root(new.children[0], exponent), node)
        done[node] = new
    return tuple(done[root] for root in roots)


def _half_odd(node: Node, highest: Fraction) -> Fraction | None:
    """The exponent of a tensor's power, if it is half of an odd number."""
    exponent = node.parameters[0] if isinstance(node, Apply) and node.primitive is power and node.rank else None
    if not isinstance(exponent, Fraction) or exponent.denominator != 2 or abs(exponent) > highest:
        return None
    return exponent


def _by_root(base: Node, exponent: Fraction) -> Node:
    if exponent < 0:
        return Apply(power, (-ONE,), (_by_root(base, -exponent),))
    root = Apply(power, (HALF,), (base,))
    if exponent == HALF:
        return root
    axes = range(base.rank)
    return Contract(ONE, (plain(raise_to(base, exponent - HALF), axes), plain(root, axes)), base.shape, simple(axes))

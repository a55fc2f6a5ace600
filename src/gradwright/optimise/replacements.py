"""Functions replaced by products, which those who use them once take apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from gradwright.core.nodes import Contract, Node
from gradwright.core.walks import postorder, rebuild
from gradwright.optimise.rewriting import with_children, with_facts
from gradwright.optimise.roots import Roots

Replacement = Callable[[Node, Mapping[Node, Node]], Node | None]


def replaced(roots: Roots, replacement: Replacement) -> Roots:
    """The roots with some nodes replaced.

    A replacement that several use is formed once; in the only product that has it, it is factors like the others, so
    that `V diag(r) Vᴴ x` is no product of matrices.

    Args:
        roots: expressions.
        replacement: what stands for a node, from the node and what its parts have become; None for the node itself.
    """
    order = list(postorder(*roots))
    uses = Counter([*roots, *(child for node in order for child in node.children)])
    done: dict[Node, Node] = {}
    new: set[Node] = set()
    for node in order:
        found = replacement(node, done)
        if found is not None:
            new.add(node)
        else:
            children = tuple(done[child] for child in node.children)
            own = new.intersection(node.children)
            apart = isinstance(node, Contract) and own and all(uses[child] == 1 for child in own)
            found = rebuild(node, children) if apart else with_children(node, children)
        done[node] = with_facts(found, node)
    return tuple(done[root] for root in roots)

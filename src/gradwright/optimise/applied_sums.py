"""Sums applied to what is smaller than they are: `(A B + C D) v = A (B v) + C (D v)`, where that is less work.

A derivative is read, and therefore written, with its common factors in front and behind. A common vector behind a sum
of products would make products of matrices out of products with the vector. Only where that is most of the work the
sum is opened: its terms may cancel, and `x · (x − y)` is exact where `x · x − x · y` is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gradwright.core.nodes import Add, Contract, Node, Selection
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import postorder
from gradwright.optimise.paths import Sizes, Work
from gradwright.optimise.rewriting import over, rewritten
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.simplify.expansion import expand

MOST_TERMS = 8
SAVED = 0.5  # the share of the work that opening a sum has to save


def apply_sums(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Every product with a sum that is used only there as a sum of products, if that is less work."""
    work = Work(Sizes(hints, roots))
    # What is a factor twice is used twice: the square of a sum would be a difference of what cancels.
    uses = Counter(child for node in postorder(*roots) for child in node.children)
    once = {node for node, count in uses.items() if count == 1 and _has_products(node, uses)}
    done: dict[Node, Node] = {}

    def step(node: Node, new: Node) -> Node:
        if isinstance(node, Contract):
            once.update([done[f.node] for f in node.factors if f.node in once])
        return _applied(new, once, work) if isinstance(new, Contract) else new

    return rewritten(roots, step, done, over)


def _applied(node: Contract, once: set[Node], work: Work) -> Node:
    """A product with the sums opened that are dear by themselves."""
    for inner in dict.fromkeys(f.node for f in node.factors):
        if inner not in once:
            continue
        opened = expand(node, lambda other, inner=inner: other == inner, MOST_TERMS)
        if work.of(opened) < (1 - SAVED) * work.of(node):
            return add(_applied(t, once, work) if isinstance(t, Contract) else t for t in terms_of(opened))
    return node


def _has_products(node: Node, uses: Mapping[Node, int]) -> bool:
    """Whether it is a sum of matrices, some of which are products that nothing else needs; not a matrix in blocks."""
    if not isinstance(node, Add) or node.rank < 2 or any(map(_is_placed, node.terms)):
        return False
    return any(_is_product(term) and uses[term] == 1 for term in node.terms)


def _is_placed(term: Node) -> bool:
    """Whether a term is a part of a larger tensor, which takes no work to put together."""
    return isinstance(term, Contract) and any(isinstance(f.node, Selection) for f in term.factors)


def _is_product(term: Node) -> bool:
    """Whether no factor has all axes of a term: a product of matrices or of vectors, and unlike `A ∘ B`."""
    if not isinstance(term, Contract) or not term.factors:
        return False
    output = set(term.free_labels)
    return all(not output.issubset(f.labels) for f in term.factors)

"""Products of matrices changed as a whole: a whole side transposed, every product taken entry by entry.

Each term of the gradient is a chain of matrices with the cotangent among them. Who forgets the rule
`(A B)ᵀ = Bᵀ Aᵀ`, or differentiates matrices as if they were numbers, changes all of its factors at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from gradwright.back.render import brief
from gradwright.check.diagnosis.mutants.mutant import Mutant
from gradwright.check.truth import Truth
from gradwright.core.build import multiply, transpose
from gradwright.core.nodes import Node
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import depends_on
from gradwright.linear.chains import Chain, chain_of, join
from gradwright.simplify.expansion import expand

Elements = Sequence[Node]
Turn = Callable[[Elements], Elements]
BESIDE = (("on both sides of the cotangent", True, True), ("on the left", True, False), ("on the right", False, True))


def chains(truth: Truth, name: str) -> Iterator[Mutant]:
    """The gradient with all the factors of its products changed alike."""
    root = truth.gradients[name]
    if root.rank != 2:
        return
    parts = [chain_of(term) for term in terms_of(expand(root, lambda node: True))]
    found = [chain for chain in parts if chain is not None]
    if len(found) < len(parts) or all(len(chain.elements) < 2 for chain in found):
        return
    moving = depends_on((root,), (truth.cotangent,))
    yield from _turned(root, found, moving)
    yield from _entrywise(root, found)


def _turned(root: Node, parts: Sequence[Chain], moving: set[Node]) -> Iterator[Mutant]:
    """The factors on one side of the cotangent, or on both, transposed: each where it stands, or all as one."""
    turns: tuple[tuple[str, Turn], ...] = (("each", _each), ("as one", lambda side: _each(side)[::-1]))
    for how, turn in turns:
        for where, left, right in BESIDE:
            changed = [_beside(chain, moving, turn, left, right) for chain in parts]
            products = [join(c, root) for c in changed if _fits(c.elements, root)]
            if len(products) < len(parts):
                continue
            node = add(products)
            missing = brief(node).count("ᵀ") <= brief(root).count("ᵀ")
            label, state = ("missing_transpose", "not ") if missing else ("extra_transpose", "")
            words = f"the factors {where} are {state}transposed, {how}"
            yield Mutant(node, label, words, 1.1)


def _each(side: Elements) -> Elements:
    return [transpose(element) for element in side]


def _beside(chain: Chain, moving: set[Node], turn: Turn, left: bool, right: bool) -> Chain:
    """A chain with the factors beside its cotangent turned; all are on the left of one that is a scalar in front."""
    elements = chain.elements
    held = [place for place, element in enumerate(elements) if not moving.isdisjoint((element, *element.children))]
    first, last = (held[0], held[-1] + 1) if held else (len(elements), len(elements))
    before = turn(elements[:first]) if left else elements[:first]
    after = turn(elements[last:]) if right else elements[last:]
    return Chain(chain.scalar, (*before, *elements[first:last], *after))


def _fits(elements: Elements, root: Node) -> bool:
    """Whether the product of some matrices exists, and has the shape of the gradient."""
    if any(element.rank != 2 for element in elements):
        return False
    joined = all(a.shape[1] == b.shape[0] for a, b in pairwise(elements))
    return bool(elements) and joined and (elements[0].shape[0], elements[-1].shape[1]) == tuple(root.shape)


def _entrywise(root: Node, parts: Sequence[Chain]) -> Iterator[Mutant]:
    """Every product of matrices taken entry by entry, as a derivative for numbers has it: `2 X G` for `X X`."""
    if any(e.shape != root.shape for chain in parts for e in chain.elements):
        return
    for prepared, how in ((_plain, ", and nothing transposed"), (list, "")):
        terms: list[Node] = []
        for chain in parts:
            term = chain.scalar
            for element in prepared(chain.elements):
                term = multiply(term, element)
            terms.append(term)
        words = f"the products are taken entry by entry, as for numbers{how}, where products of matrices are due"
        yield Mutant(add(terms), "elementwise_instead_of_matrix_product", words, 1.0)


def _plain(elements: Elements) -> list[Node]:
    """The factors without their transposes."""
    turned = [(element, transpose(element)) for element in elements]
    return [min(pair, key=lambda node: brief(node).count("ᵀ")) for pair in turned]

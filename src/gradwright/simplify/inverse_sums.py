"""Sums of a product with an inverse and what it multiplies: `N M⁻¹ + c I = (N + c M) M⁻¹`, where `N + c M` is one term.

So `(I + X) (I − X)⁻¹ + I` is `2 (I − X)⁻¹`, `x − X (X + Y)⁻¹ x` is `Y (X + Y)⁻¹ x`, and `I − a (a I + K)⁻¹` is
`K (a I + K)⁻¹`, which keeps its digits for a small K.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations

from gradwright.core.build import adjoint, matmul, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import conjugate
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Node
from gradwright.core.sums import add, distributed, terms_of
from gradwright.simplify.commuting import order_commuting
from gradwright.simplify.inverses import is_inverse
from gradwright.simplify.relations import collapse

LONGEST = 6


def join_inverses(node: Node) -> Node:
    """A sum in which terms take others up, that are part of them; the facts may need that all of them do."""
    if not isinstance(node, Add) or node.rank not in (1, 2) or len(node.terms) > LONGEST:
        return node
    terms = list(node.terms)
    while (found := next(_with_one_fewer(terms), None)) is not None:
        terms = found
    total = add(terms) if len(terms) < len(node.terms) else node
    return total if facts_of(node) <= facts_of(total) else node


def _with_one_fewer(terms: Sequence[Node]) -> Iterator[list[Node]]:
    for term, other in permutations(terms, 2):
        inverses = dict.fromkeys(inverse for inverse in _factors(term) if _is_inverse_of_sum(inverse))
        for inverse in inverses if _factors(other) <= _factors(term) else ():
            for joined in _joined(term, other, inverse):
                yield [joined if t is term else t for t in terms if t is not other]


def _factors(term: Node) -> Counter[Node]:
    return Counter(factor.node for factor in as_product(term).factors)


def _is_inverse_of_sum(node: Node) -> bool:
    return is_inverse(node) and isinstance(node.children[0], Add)


def _joined(term: Node, other: Node, inverse: Node) -> Iterator[Node]:
    """`(N + R M) M⁻¹` for the terms `N M⁻¹` and R, and its likes on the other side, transposed and conjugated."""
    for turn in (_upright, transpose) if inverse.real else (_upright, transpose, conjugate, adjoint):
        matrix, turned = turn(inverse.children[0]), turn(inverse)
        parts = [turn(part) for part in terms_of(inverse.children[0])]
        for multiply in (matmul, _on_the_right)[: term.rank]:
            if turned.shape[1 if multiply is matmul else 0] != term.shape[0 if multiply is matmul else 1]:
                continue
            rest = collapse(multiply(matrix, term))
            if inverse in _factors(rest) and _factors(rest)[inverse] >= _factors(term)[inverse]:
                continue
            total = add([*_opened(rest, other), *(collapse(multiply(part, other)) for part in parts)])
            if not isinstance(total, Add):
                yield order_commuting(multiply(turned, total))


def _upright(matrix: Node) -> Node:
    return matrix


def _on_the_right(matrix: Node, product: Node) -> Node:
    return matmul(product, matrix)


def _opened(product: Node, beside: Node) -> tuple[Node, ...]:
    """The terms of a product over those of the first sum in it that is not in another one."""
    found = as_product(product)
    sums = [
        place for place, f in enumerate(found.factors) if isinstance(f.node, Add) and f.node not in _factors(beside)
    ]
    return distributed(found, sums[0]) if sums else (product,)

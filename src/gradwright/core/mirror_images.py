"""Products and sums that are their own transposes, adjoints or conjugates, up to sign: found term by term."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from fractions import Fraction

from gradwright.core.canonical import as_product, key_of_factors, signed_key
from gradwright.core.facts import Facts
from gradwright.core.nodes import Contract, Node

FactsOf = Callable[[Node], Facts]


def mirror_facts(terms: list[Contract], facts_of: FactsOf) -> set[str]:
    """Symmetric, skew or hermitian, by comparing with the transpose term by term."""
    ends = [_ends(term) for term in terms]
    if Counter(ends) != Counter([(columns, rows) for rows, columns in ends]):  # by far the most, and quick to see
        return set()
    own: Counter[tuple[Hashable, Fraction]] = Counter()
    mirrored: Counter[tuple[Hashable, Fraction]] = Counter()
    conjugated: Counter[tuple[Hashable, Fraction]] = Counter()
    real = all(term.real for term in terms)
    for term in terms:
        own[_key(term, facts_of)] += 1
        mirrored[_key(term, facts_of, (1, 0))] += 1
        if not real:
            conjugated[_key(term, facts_of, (1, 0), conj=True)] += 1
    found: set[str] = set()
    if own == mirrored:
        found.add("symmetric")
    if not real and own == conjugated:
        found.add("hermitian")
    if not real and own == Counter({(key, -c): count for (key, c), count in conjugated.items()}):
        found.add("skew_hermitian")
    if own == Counter({(key, -c): count for (key, c), count in mirrored.items()}):
        found.add("skew")
    return found


def _ends(term: Contract) -> tuple[Hashable, Hashable]:
    """What holds the rows of a matrix, and what its columns: the transpose has them exchanged."""
    rows, columns = (
        key_of_factors([f for f in term.factors if not set(group).isdisjoint(f.labels)]) for group in term.output
    )
    return rows, columns


def _key(
    term: Contract, facts_of: FactsOf, axes: tuple[int, int] | None = None, conj: bool = False
) -> tuple[Hashable, Fraction]:
    """What tells a term, or its transpose or adjoint, apart from others, and the number in front of that."""
    symmetric, skew, hermitian = (_having(fact, facts_of) for fact in ("symmetric", "skew", "hermitian"))
    key, sign = signed_key(term, symmetric, skew, hermitian, axes, conj)
    return key, sign * term.coefficient


def are_their_conjugates(terms: list[Contract], facts_of: FactsOf) -> bool:
    """Whether the conjugates of the terms are the terms, in some order."""
    if not all(_may_be_its_conjugate(term, facts_of) for term in terms) and len(terms) == 1:
        return False
    own, other = (Counter(_key(term, facts_of, conj=conj) for term in terms) for conj in (False, True))
    return own == other


def _may_be_its_conjugate(term: Contract, facts_of: FactsOf) -> bool:
    """A cheap test: what is not Hermitian, nor real, stands with its conjugate."""
    counts = Counter[tuple[Node, bool]]()
    counts.update((f.node, f.conj) for f in term.factors if facts_of(f.node).isdisjoint({"real_valued", "hermitian"}))
    return all(count == counts[node, not conj] for (node, conj), count in counts.items())


def are_conjugates(left: Node, right: Node, facts_of: FactsOf) -> bool:
    """Whether one matrix or vector is the conjugate of the other."""
    return _key(as_product(left), facts_of) == _key(as_product(right), facts_of, conj=True)


def _having(fact: str, facts_of: FactsOf) -> Callable[[Node], bool]:
    return lambda node: fact in facts_of(node)

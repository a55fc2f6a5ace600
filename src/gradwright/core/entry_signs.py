"""Signs of the entries of products, from those of their factors."""

from __future__ import annotations

from collections import Counter

from gradwright.core.facts import Facts
from gradwright.core.mirror_images import FactsOf
from gradwright.core.nodes import Contract, Factor, Mask, Selection


def entry_facts(node: Contract, facts_of: FactsOf) -> set[str]:
    """Signs of the entries: of factors with a sign, and of those that come as squares, of the modulus if complex."""
    counts = Counter(node.factors)
    unpaired = [f for f in node.factors if (counts[f] % 2 if f.node.real else counts[f] != counts[f.conjugated])]
    signs = [_sign_facts(f, facts_of) for f in unpaired]
    if any(facts.isdisjoint({"nonnegative", "nonpositive"}) for facts in signs):
        return set()
    spread = all(len(set(g)) == len(g) for g in node.output) and _distinct_output(node)
    held = set(node.free_labels)
    weights = [f for f in node.factors if _weighs_diagonal(f) and not held.issuperset(f.labels)][:1]
    single = weights or [f for f in node.factors if _finds_one_entry(f, node)]
    others = [_sign_facts(f, facts_of) for f in node.factors if f not in single]
    never_zero = spread and all({"positive", "negative"} & facts for facts in others)
    if (node.coefficient < 0) != sum("nonnegative" not in facts for facts in signs) % 2:
        return {"nonpositive", "negative"} if never_zero else {"nonpositive"}
    return {"nonnegative", "positive"} if never_zero else {"nonnegative"}


def _sign_facts(factor: Factor, facts_of: FactsOf) -> Facts:
    """Facts of the signs of what a factor contributes: the diagonal of a definite matrix is positive."""
    facts = facts_of(factor.node)
    if factor.node.rank != 2 or factor.groups[0] != factor.groups[1]:
        return facts
    if "positive_diagonal" in facts:
        return facts | {"nonnegative", "positive"}
    return facts | {"nonnegative"} if "psd" in facts else facts


def _weighs_diagonal(factor: Factor) -> bool:
    """Whether a factor is a mask that leaves the diagonal, where a sum over one of its axes finds a positive entry."""
    mask = factor.node
    return isinstance(mask, Mask) and min(mask.weights) >= 0 < mask.on and mask.is_square


def _finds_one_entry(factor: Factor, node: Contract) -> bool:
    """Whether a factor takes a part, or an entry, that no other narrows: one entry on the axis is 1 each time."""
    if not isinstance(factor.node, Selection) or len(factor.groups[0]) != 1:
        return False
    (whole,) = factor.groups[0]
    selections = (f for f in node.factors if isinstance(f.node, Selection))
    return whole not in node.free_labels and sum(whole in f.groups[0] for f in selections) == 1


def _distinct_output(node: Contract) -> bool:
    labels = node.free_labels
    return len(set(labels)) == len(labels)

"""What makes a condition true without being told, and which conditions are stronger than others."""

from __future__ import annotations

from collections.abc import Collection

from gradwright.core.build import number
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Node
from gradwright.linear.chains import chain_of

# The facts that make a condition true, by the sentence in which the records state it.
GRANTED: dict[str, frozenset[str]] = {
    "{} is invertible": frozenset({"invertible"}),
    "{} has no zero on its diagonal": frozenset({"invertible"}),
    "{} is positive definite": frozenset({"spd"}),
    "det({}) > 0": frozenset({"spd"}),
    "every leading minor of {} is invertible": frozenset({"spd"}),
    "{} has no eigenvalue on the closed negative real axis": frozenset({"spd"}),
    "{} has no eigenvalue on the imaginary axis": frozenset({"spd"}),
    "{} has full rank": frozenset({"invertible", "stiefel"}),
    "{} has full column rank": frozenset({"invertible", "stiefel"}),
    "{} has constant rank": frozenset({"invertible", "stiefel"}),
    "{} has positive entries": frozenset({"positive"}),
    "{} > 0": frozenset({"positive"}),
    "{} ≠ 0": frozenset({"positive"}),
    "{} is not a whole number ≤ 0": frozenset({"positive"}),
}
# What stands in the place of `x > 0` where x is complex: roots and logarithms are cut along the negative axis.
OFF_THE_CUT = " does not meet the closed negative real axis"
_STRONGER = (
    ("{} is invertible", "det({}) > 0"),
    ("{} is invertible", f"det({{}}){OFF_THE_CUT}"),
    ("{} is invertible", "{} has no eigenvalue on the closed negative real axis"),
    ("{} is invertible", "{} has no eigenvalue on the imaginary axis"),
    ("det({}) ≠ 0", "{} is invertible"),
    ("{} ≠ 0", f"{{}}{OFF_THE_CUT}"),
    ("{} ≠ 0", "{} > 0"),
    ("{} ≥ 0", "{} > 0"),
    ("{} has constant rank", "{} has full rank"),
    ("{} has constant rank", "{} has full column rank"),
)


def is_granted(sentence: str, argument: Node) -> bool:
    """Whether what is known of a node makes a sentence about it true, in which it is written `{}`."""
    granted = GRANTED.get(sentence, frozenset[str]())
    if sentence == "det({}) > 0" and _is_product_of(argument, granted):
        return True
    return not facts_of(argument).isdisjoint(granted)


def _is_product_of(node: Node, facts: Collection[str]) -> bool:
    """Whether a matrix is a product of matrices with one of some facts: the determinant is that of each."""
    chain = chain_of(node)
    if chain is None or chain.scalar != number(1):
        return False
    return all(not facts_of(element).isdisjoint(facts) for element in chain.elements)


def is_implied(condition: str, others: Collection[str]) -> bool:
    """Whether a stronger condition on the same matrix is among the others."""
    for weaker, stronger in _STRONGER:
        before, _, behind = weaker.partition("{}")
        subject = condition.removeprefix(before).removesuffix(behind)
        if f"{before}{subject}{behind}" == condition and stronger.format(subject) in others:
            return True
    return False

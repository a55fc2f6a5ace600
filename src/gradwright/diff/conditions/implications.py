"""What makes a condition true without being told, and which conditions are stronger than others."""

from __future__ import annotations

from collections.abc import Collection

from gradwright.core.inference import facts_of
from gradwright.core.nodes import Contract, Node

# The facts that make a condition true, by the sentence in which the records state it.
GRANTED: dict[str, frozenset[str]] = {
    "{} is invertible": frozenset({"invertible"}),
    "{} has no zero on its diagonal": frozenset({"invertible"}),
    "{} is positive definite": frozenset({"spd"}),
    "det({}) > 0": frozenset({"positive_determinant"}),
    "every leading minor of {} is invertible": frozenset({"spd"}),
    "{} has no eigenvalue on the closed negative real axis": frozenset({"spd"}),
    "{} has no eigenvalue on the imaginary axis": frozenset({"spd"}),
    "{} has full rank": frozenset({"invertible", "stiefel"}),
    "{} has full column rank": frozenset({"invertible", "stiefel"}),
    "{} has constant rank": frozenset({"invertible", "stiefel"}),
    "{} has positive entries": frozenset({"positive"}),
    "{} > 0": frozenset({"positive"}),
    "{} ≠ 0": frozenset({"positive", "negative"}),
    "{} is not a whole number ≤ 0": frozenset({"positive"}),
}
# What stands in the place of `x > 0` where x is complex: roots and logarithms are cut along the negative axis.
OFF_THE_CUT = " does not meet the closed negative real axis"
_STRONGER = (
    ("{} is invertible", "{} is positive definite"),
    ("{} is invertible", "det({}) > 0"),
    ("det({}) > 0", "{} is positive definite"),
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
    return not facts_of(argument).isdisjoint(GRANTED.get(sentence, frozenset()))


def is_not_zero(tensor: Node) -> bool:
    """Whether a tensor is known to have an entry other than zero, in whatever order its entries are held."""
    if isinstance(tensor, Contract) and len(tensor.factors) == 1 and tensor.coefficient:
        (factor,) = tensor.factors
        if set(factor.labels) == set(tensor.free_labels):
            tensor = factor.node
    return not facts_of(tensor).isdisjoint({"positive", "negative", "invertible", "stiefel"})


def is_implied(condition: str, others: Collection[str]) -> bool:
    """Whether a stronger condition on the same matrix is among the others."""
    for weaker, stronger in _STRONGER:
        before, _, behind = weaker.partition("{}")
        subject = condition.removeprefix(before).removesuffix(behind)
        if f"{before}{subject}{behind}" == condition and stronger.format(subject) in others:
            return True
    return False

"""Facts: what is known about the value of a tensor, and with it about its perturbations.

A set of facts is a `frozenset` of names, closed under implication (`diagonal` implies `symmetric`,
`lower` and `upper`). `FACTS` lists the names that a user may declare, `LINEAR` the facts that a
direction inherits: a perturbation of a positive definite matrix is symmetric, not positive.
"""

from __future__ import annotations

from collections.abc import Iterable

Facts = frozenset[str]
NO_FACTS: Facts = frozenset()

_IMPLIES: dict[str, tuple[str, ...]] = {
    "diagonal": ("symmetric", "lower", "upper"),
    "spd": ("psd", "invertible", "hermitian", "positive_diagonal", "positive_determinant"),
    "psd": ("hermitian",),
    "orthogonal": ("unitary",),
    "unitary": ("stiefel", "invertible"),
    "unit_lower": ("lower", "invertible", "unit_diagonal"),
    "unit_upper": ("upper", "invertible", "unit_diagonal"),
    "unit_diagonal": ("positive_diagonal",),
    "positive_determinant": ("invertible",),
    "strictly_lower": ("lower",),
    "strictly_upper": ("upper",),
    "positive": ("nonnegative",),
    "negative": ("nonpositive",),
    # Of a tensor that is held as a complex one: its entries have no imaginary part.
    "nonnegative": ("real_valued",),
    "nonpositive": ("real_valued",),
}

MATRIX_FACTS = (
    "symmetric", "skew", "hermitian", "lower", "upper", "unit_lower", "unit_upper", "diagonal",
    "spd", "orthogonal", "unitary", "stiefel", "invertible",
)  # fmt: skip
FACTS = (*MATRIX_FACTS, "positive", "complex")

# What holds of sums and multiples, where it holds of their terms.
LINEAR: Facts = frozenset({
    "symmetric", "hermitian", "skew", "skew_hermitian", "lower", "upper", "strictly_lower", "strictly_upper",
    "diagonal", "complex",
})  # fmt: skip


def closure(names: Iterable[str]) -> Facts:
    """All facts that follow from some; for a real tensor, hermitian means symmetric."""
    known = set(names)
    pending = list(known)
    while pending:
        for implied in _IMPLIES.get(pending.pop(), ()):
            if implied not in known:
                known.add(implied)
                pending.append(implied)
    if "positive_diagonal" in known and {"lower", "upper"} & known:
        known |= {"positive_determinant", "invertible"}
    return frozenset(_real_names(known))


def tangent(facts: Facts) -> Facts:
    """The facts of a perturbation of a tensor that has the given ones."""
    kept = set(facts & LINEAR)
    if "unit_diagonal" in facts:
        kept |= {f"strictly_{side}" for side in ("lower", "upper") if side in facts}
    return closure(kept)


def is_real(facts: Facts) -> bool:
    """Whether the tensor has real entries."""
    return "complex" not in facts


def _real_names(known: set[str]) -> set[str]:
    if "complex" in known:
        return known
    if "lower" in known and "symmetric" in known:
        known |= {"diagonal", "upper"}
    for real, general in (("symmetric", "hermitian"), ("orthogonal", "unitary"), ("skew", "skew_hermitian")):
        if real in known or general in known:
            known |= {real, general}
    return known

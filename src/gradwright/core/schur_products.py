"""Products entry by entry of positive semidefinite matrices, which are positive semidefinite again (Schur 1911).

`A ∘ B`, `diag(u) A diag(ū)` and `u uᴴ` are one kind of product: matrices with the axes of the result, and a vector
that stands with its conjugate along either axis. The result is definite if one of the matrices is and nothing else
vanishes on the diagonal (Oppenheim 1930; Horn & Johnson, Matrix Analysis (2nd ed.), 7.5 and 7.8).
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.connected import connected
from gradwright.core.contraction import subproduct
from gradwright.core.facts import NO_FACTS, Facts
from gradwright.core.mirror_images import FactsOf, are_conjugates
from gradwright.core.nodes import Contract, Factor, Groups, Node


def schur_facts(product: Contract, facts_of: FactsOf) -> Facts:
    """That a product of several matrices and vectors entry by entry is positive definite, or semidefinite."""
    row, column = product.output
    if len(row) != 1 or len(column) != 1 or row == column or product.coefficient < 0:
        return NO_FACTS
    inner = set(range(len(product.dims))).difference(*product.output)
    parts = connected(product.factors, inner)
    if len(parts) == 1:
        return NO_FACTS
    matrices, before, behind, scalars = (
        [part for part in parts if _ends(part, product.output) == ends] for ends in (_BOTH, _ROW, _COLUMN, _NONE)
    )
    u = _joined(before, (row,), product)
    if not are_conjugates(u, _joined(behind, (column,), product), facts_of):
        return NO_FACTS
    weights = [facts_of(_joined(scalars, (), product)), *([facts_of(u)] if before else [])]
    each = [facts_of(_joined([part], product.output, product)) for part in matrices]
    if "nonnegative" not in weights[0] or any("psd" not in facts for facts in each):
        return NO_FACTS
    definite = any("spd" in facts for facts in each) and all({"spd", "positive"} & facts for facts in each)
    return frozenset({"spd"} if definite and all("positive" in facts for facts in weights) else {"psd"})


_BOTH, _ROW, _COLUMN, _NONE = (True, True), (True, False), (False, True), (False, False)


def _ends(part: Sequence[Factor], output: Groups) -> tuple[bool, ...]:
    """Whether some factors have the axis of the rows, and that of the columns."""
    return tuple(any(group[0] in factor.labels for factor in part) for group in output)


def _joined(parts: Sequence[Sequence[Factor]], output: Groups, product: Contract) -> Node:
    """The product of some parts alone; ones where there are none."""
    factors = [factor for part in parts for factor in part]
    return subproduct(product, factors, output)

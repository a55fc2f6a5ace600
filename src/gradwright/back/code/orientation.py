"""Whether a matrix is computed from transposes of what is there: then a function along its rows is one along columns.

`softmax(X, axis=0)` is the transpose of a function of `X.T` along the last axis. As such it would read X across its
rows; it is `torch.softmax(X, dim=-2)`. And what is wanted of a triangular system may be the transpose of its solution,
which PyTorch computes from the transposes of its sides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Factor, Groups, Node

_ALONG_LAST = re.compile(r"\b(dim|axis)=-1\b")
_FROM_LEFT = re.compile(r"^torch\.linalg\.solve_triangular\((.*), upper=(True|False)\)$")


def along_first(template: str) -> str | None:
    """The text of a function along the last axis as that of the same function along the first of two."""
    return _ALONG_LAST.sub(r"\1=-2", template) if _ALONG_LAST.search(template) else None


def from_right(template: str) -> str | None:
    """The text of the solution of `A X = B` for a triangle A as that of `Xᵀ Aᵀ = Bᵀ`, where the library has both."""
    found = _FROM_LEFT.match(template)
    return found and f"torch.linalg.solve_triangular({found[1]}, upper={found[2] == 'False'}, left=False)"


def is_turned(node: Node, known: Callable[[Node], bool | None]) -> bool | None:
    """Whether a matrix is made entry by entry of transposes; None if either way is as good.

    Args:
        node: the matrix.
        known: whether a value is a transpose, as far as that does not depend on what it is made of.
    """
    if node.rank != 2 or "symmetric" in facts_of(node):
        return None
    found = known(node)
    if found is not None:
        return found
    match node:
        case Contract():
            return _common(_is_turned_in(factor, node.output, known) for factor in node.factors)
        case Add() | Apply():
            return _common(is_turned(child, known) for child in node.children)
        case _:
            return False


def _is_turned_in(factor: Factor, output: Groups, known: Callable[[Node], bool | None]) -> bool | None:
    """The same for a factor of a product."""
    if set(factor.labels).issuperset(output[0] + output[1]) and output[0] != output[1]:
        inner = is_turned(factor.node, known)
        if factor.groups not in (output, output[::-1]):
            return False
        return inner if inner is None or factor.groups == output else not inner
    return None if set(factor.labels) <= {*output[0], *output[1]} else False


def _common(found: Iterable[bool | None]) -> bool | None:
    """What all say that say anything; the usual way if they differ."""
    said = {one for one in found if one is not None}
    return None if not said else said == {True}

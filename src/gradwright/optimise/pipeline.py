"""The passes of the optimiser, in order. Each takes several expressions and returns as many, with the same values.

They see all expressions together, so that what a function and its derivatives share is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gradwright.core.nodes import Node
from gradwright.optimise.association import associate
from gradwright.optimise.diagonals import divide_by_diagonals
from gradwright.optimise.factorisations import share_factorisations
from gradwright.optimise.identities import multiply_out_identities
from gradwright.optimise.inverses import products_of_inverses
from gradwright.optimise.mirrors import share_mirror_images
from gradwright.optimise.systems import without_systems

Roots = tuple[Node, ...]


@dataclass(frozen=True)
class Setting:
    """What the passes may know besides the expressions.

    Attributes:
        hints: sizes of dimension names, for choosing the order of products.
        given: nodes whose values are there already, such as outputs that a forward pass has saved.
    """

    hints: Mapping[str, int] = field(default_factory=dict[str, int])
    given: frozenset[Node] = frozenset()


PASSES: tuple[Callable[[Roots, Setting], Roots], ...] = (
    lambda roots, setting: without_systems(roots),
    lambda roots, setting: products_of_inverses(roots, setting.given),
    lambda roots, setting: divide_by_diagonals(roots),
    lambda roots, setting: multiply_out_identities(roots, setting.given),
    lambda roots, setting: share_mirror_images(roots, setting.given),
    lambda roots, setting: associate(roots, setting.hints, setting.given),
    lambda roots, setting: share_factorisations(roots, setting.given),
)


def optimise(
    roots: Mapping[str, Node], hints: Mapping[str, int] | None = None, given: Iterable[Node] = ()
) -> dict[str, Node]:
    """The expressions in the form that is fastest to evaluate.

    Args:
        roots: expressions by name; what they share is found.
        hints: sizes of dimension names, for choosing the order of products; 100 where there is none.
        given: nodes whose values are there already and cost nothing.
    """
    setting = Setting(hints or {}, frozenset(given))
    nodes = tuple(roots.values())
    for apply_pass in PASSES:
        nodes = apply_pass(nodes, setting)
    return dict(zip(roots, nodes, strict=True))

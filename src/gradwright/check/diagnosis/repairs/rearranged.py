"""A value that has the right entries in the wrong order: filled row by row, reshaped, reversed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from gradwright.back.render import told
from gradwright.check.diagnosis.program import Values
from gradwright.check.diagnosis.repairs.sites import Site, nearest_sites
from gradwright.check.diagnosis.scene import Repair, Scene, close
from gradwright.check.truth import bound_nodes
from gradwright.core.build import transpose
from gradwright.core.contraction import simple, subproduct
from gradwright.core.nodes import Contract, Node, Symbol, labels_of
from gradwright.core.walks import free_leaves, postorder

FEWEST = 3  # entries that differ: others are in the same order by accident


def rearranged(scene: Scene) -> Iterator[Repair]:
    """Every value replaced by the part of the right gradient that has the same entries in another order."""
    parts = _parts(scene)
    for site in nearest_sites(scene):
        ordered = _ordered(site.value)
        for node, due in parts:
            if due.shape == site.value.shape and close(ordered, _ordered(due)) and not _is_turned(site.value, due):
                yield _repair(site, node)


def _parts(scene: Scene) -> list[tuple[Node, torch.Tensor]]:
    """The parts of the right gradient that have enough different entries, with their values."""
    right = scene.point.truth.gradients.get(scene.name)
    if right is None:
        return []
    whole = [node for node in postorder(right) if node.rank and node not in bound_nodes(right)]
    laid_out = (_laid_out(node, scene.point.truth.cotangent) for node in whole if isinstance(node, Contract))
    arranged = [part for part in laid_out if part is not None and part.rank == 2]
    nodes = dict.fromkeys((*whole, *arranged, *map(transpose, arranged)))
    values = [(node, _value(node, scene)) for node in nodes]
    return [(node, value) for node, value in values if _differ(_ordered(value))]


def _differ(ordered: torch.Tensor) -> bool:
    return len(ordered[ordered != 0].unique()) >= FEWEST


def _laid_out(product: Contract, cotangent: Symbol) -> Node | None:
    """The cotangent as a product takes it, such as a vector that is laid out as a matrix."""
    chosen = tuple(f for f in product.factors if f.node == cotangent or not free_leaves(f.node))
    rest = labels_of([f for f in product.factors if f not in chosen]).union(*product.output)
    kept = sorted(labels_of(chosen) & rest)
    return subproduct(product, chosen, simple(kept)) if cotangent in {f.node for f in chosen} else None


def _value(node: Node, scene: Scene) -> torch.Tensor:
    return torch.from_numpy(np.array(scene.point.varied(node), copy=True))


def _ordered(value: torch.Tensor) -> torch.Tensor:
    parts = torch.view_as_real(value.resolve_conj()) if value.is_complex() else value
    return parts.flatten().sort().values


def _is_turned(value: torch.Tensor, due: torch.Tensor) -> bool:
    """Whether it is the value itself, or its transpose, which is told otherwise."""
    return close(value, due) or (due.dim() == 2 and close(value.mT, due))


def _repair(site: Site, node: Node) -> Repair:
    def make(values: Values, scene: Scene) -> object:
        return site.made(lambda _: _value(node, scene), values, scene)

    words = f"{site.words} has the entries of {told(node)} in another order"
    return Repair(site.slot, make, "wrong_axis", words, 1.2, site.place, portable=True)

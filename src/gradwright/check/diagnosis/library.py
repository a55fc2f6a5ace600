"""The quantities that a gradient is made of: inputs, intermediate values, the output, local derivatives.

They are the parts of the expression and of its gradients that do not depend on the cotangent. A repair
puts one of them in the place of another, or multiplies one in; and what the user computes is named by
the quantity that it equals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import combinations

import numpy as np
import torch

from gradwright.back.render import told
from gradwright.check.truth import Point, Truth
from gradwright.core.build import ones, transpose
from gradwright.core.contraction import is_simple, is_zero, simple, subproduct
from gradwright.core.nodes import (
    Apply,
    Contract,
    Factor,
    HalfVectorisation,
    Mask,
    Node,
    Selection,
    Size,
    Symbol,
    field_of,
    labels_of,
)
from gradwright.core.walks import free_leaves, postorder, substitute
from gradwright.diff.derivatives import vjps
from gradwright.errors import GradwrightError
from gradwright.frozen import frozen
from gradwright.prims.piecewise import is_comparison
from gradwright.simplify.pipeline import simplify

MOST = 60
_CONSTANT = (Mask, Selection, HalfVectorisation, Size)


@frozen
class Quantity:
    """A part of the expression or of its gradients.

    Attributes:
        node: what it is.
        stage: whether it is computed on the way from the inputs to the output.
        backward: whether it occurs in the gradients alone.
    """

    node: Node
    stage: bool
    backward: bool = False

    @cached_property
    def name(self) -> str:
        """In matrix notation."""
        return told(self.node)

    @cached_property
    def transposed_name(self) -> str:
        """The transpose in matrix notation."""
        return told(transpose(self.node)) if self.node.rank == 2 else self.name

    @cached_property
    def switches(self) -> bool:
        """Whether it says which branch is taken: nothing but comparisons of what depends on the variables."""
        return _switches(self.node)

    @cached_property
    def below(self) -> frozenset[Node]:
        """Everything that it is computed from."""
        return frozenset(postorder(self.node)) - {self.node}


@frozen
class Library:
    """The quantities of an expression, those of the forward first."""

    quantities: tuple[Quantity, ...]

    def values(self, point: Point) -> list[torch.Tensor]:
        """The values of the quantities at a point."""
        arrays = point.evaluate(*(quantity.node for quantity in self.quantities))
        return [torch.from_numpy(np.array(array, copy=True)) for array in arrays]


def library_of(truth: Truth) -> Library:
    """The quantities that occur in an expression and in its gradients."""
    stages = dict.fromkeys(part for root in (truth.simple, truth.node) for part in _stages(root, truth))
    local = dict.fromkeys(part for node in stages for part in _local_derivatives(node))
    roots = (truth.simple, *truth.gradients.values())
    further = dict.fromkeys(p for g in truth.gradients.values() for p in _stages(g, truth))
    products = dict.fromkeys(p for root in roots for p in _partial_products(root, truth))
    forward = {*stages, *_partial_products(truth.simple, truth), *truth.signature.symbols}
    inputs = dict.fromkeys(truth.signature.symbols)
    nodes = {n: True for n in (*inputs, *stages)}
    nodes |= {n: False for n in (*local, *further, *products) if n not in nodes}
    return Library(tuple(Quantity(n, stage, n not in forward) for n, stage in list(nodes.items())[:MOST]))


def _switches(node: Node) -> bool:
    if is_comparison(node):
        return True
    moving = [child for child in node.children if any(isinstance(leaf, Symbol) for leaf in free_leaves(child))]
    return bool(moving) and all(map(_switches, moving))


def _stages(root: Node, truth: Truth) -> Iterable[Node]:
    """The parts that are computed from the variables alone."""
    bound = {n for n in postorder(root) if not all(isinstance(leaf, Symbol) for leaf in free_leaves(n))}
    for node in postorder(root):
        leaves = free_leaves(node)
        if node in bound or truth.cotangent in leaves or not leaves or isinstance(node, _CONSTANT):
            continue
        if isinstance(node, Contract) and not is_simple(node.output):
            continue
        yield node


def _partial_products(root: Node, truth: Truth) -> Iterator[Node]:
    """The sums of a factor, the products of two, and of the entries of more, that a product contains.

    A factor also with the numbers that it is multiplied by, as what is divided by its standard deviation.
    """
    for node in postorder(root):
        if not isinstance(node, Contract) or len(node.factors) < 2:
            continue
        still = [f for f in node.factors if truth.cotangent not in free_leaves(f.node) and f.node.rank]
        for alone in still:
            yield from (p for p in _product(node, (alone,)) if p.rank < alone.node.rank)
        scalars = [f for f in node.factors if not f.node.rank and truth.cotangent not in free_leaves(f.node)]
        for alone in still if scalars and len(still) > 1 else ():
            yield from _product(node, (*scalars, alone))
        for left, right in combinations(still, 2) if len(node.factors) > 2 else ():
            if set(left.labels) & set(right.labels):
                yield from _product(node, (left, right))
        for alone in still if len(still) > 3 else ():
            rest = tuple(factor for factor in still if factor is not alone)
            labels = labels_of(rest)
            yield from (product for product in _product(node, rest) if product.rank == len(labels))


def _product(node: Contract, chosen: tuple[Factor, ...]) -> Iterator[Node]:
    """Some factors of a product, with the labels that the rest or the output need as axes."""
    inside = labels_of(chosen)
    outside = {label for f in node.factors if f not in chosen for label in f.labels}
    outside |= set(node.free_labels)
    kept = sorted(inside & outside)
    small = len(kept) <= max(2, *(f.node.rank for f in chosen))
    if small and all(isinstance(leaf, Symbol) for f in chosen for leaf in free_leaves(f.node)):
        yield subproduct(node, chosen, simple(kept))


def _local_derivatives(node: Node) -> Iterable[Node]:
    """For a function of entries, its derivative in every entry."""
    if not isinstance(node, Apply) or not node.primitive.elementwise:
        return
    for place, argument in enumerate(node.arguments):
        formal = Symbol("__argument", argument.shape, field_of(argument))
        arguments = tuple(formal if p == place else a for p, a in enumerate(node.arguments))
        applied = Apply(node.primitive, node.parameters, arguments, node.index)
        try:
            slope = vjps((applied,), (formal,), (ones(node.shape),))[formal]
        except GradwrightError:
            continue
        if not is_zero(slope):
            yield simplify(_replaced(slope, formal, argument))


def _replaced(node: Node, formal: Node, argument: Node) -> Node:
    return substitute(node, {formal: argument})

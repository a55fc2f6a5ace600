"""Products of matrices as chains: `L H R` read off a contraction, whatever its labels.

A chain is a scalar and a list of matrices, each a node (a transposed or conjugated factor, or the
diagonal matrix of a vector), whose product is the contraction. For a contraction with one axis the
last element is a vector. Matrices between the same two labels are one element, their elementwise
product. What is no such product (higher axes, cycles) has no chain.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.build import identity, matmul, multiply, ones
from gradwright.core.canonical import as_product
from gradwright.core.connected import connected
from gradwright.core.contraction import contract, is_simple, subproduct
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Contract, Factor, Node, labels_of
from gradwright.frozen import frozen


@frozen
class Chain:
    """`scalar · elements[0] · elements[1] · …`; no elements is the identity."""

    scalar: Node
    elements: tuple[Node, ...]


def chain_of(node: Node, with_ones: bool = False) -> Chain | None:
    """The chain of a tensor with one or two axes, or None.

    Args:
        node: the tensor.
        with_ones: whether a sum over an axis is a product with ones, `sum(X, axis=0) = Xᵀ 1`.
    """
    product = as_product(node)
    if not 1 <= len(product.output) <= 2 or not is_simple(product.output):
        return None
    if not all(is_simple(f.groups) for f in product.factors):
        return None
    return _Walk(product, with_ones).chain()


def product_of_chain(elements: Sequence[Node], node: Node) -> Node:
    """The product of the elements; the identity, with the rows of a node, for none."""
    if not elements:
        return identity(node.shape[0])
    result = elements[0]
    for element in elements[1:]:
        result = matmul(result, element)
    return result


def join(chain: Chain, shape_like: Node) -> Node:
    """The tensor that a chain stands for."""
    return multiply(chain.scalar, product_of_chain(chain.elements, shape_like))


class _Walk:
    """Follows the factors from the row label to the column label."""

    def __init__(self, product: Contract, with_ones: bool) -> None:
        self.product = product
        self.with_ones = with_ones
        # Copies: a factor may occur twice, as in P ∘ P, and each is used once.
        self.remaining = [f._replace() for f in product.factors if f.node.rank]
        self.scalars = [f for f in product.factors if not f.node.rank]

    def chain(self) -> Chain | None:
        start = self.product.output[0][0]
        end = self.product.output[1][0] if len(self.product.output) == 2 else None
        elements: list[Node] = []
        current = start
        while True:
            vectors = [f for f in self._touching(current) if set(f.labels) == {current}]
            matrices = [f for f in self._touching(current) if f not in vectors]
            if end is None and not matrices:
                return self._with_vector(elements, vectors, current)
            elements += [self._diagonal(f) for f in vectors]
            self._use(vectors)
            if len(matrices) > 1 and end is not None and end != current:
                elements += self._weights(current, end)
                matrices = self._touching(current)
            if not matrices:
                if end is not None and end != current and elements and self._is_spread_along(end):
                    elements.append(self._ones(current, end))
                    current = end
                break
            step = self._single(matrices, current) or self._parallel(matrices, current)
            if step is None:
                return None
            element, current = step
            elements.append(element)
            if current == end and all(set(f.labels) == {end} for f in self._touching(current)):
                elements += [self._diagonal(f) for f in self._touching(current)]
                self._use(self._touching(current))
                break
        return self._closed(tuple(elements)) if current == end else None

    def _single(self, matrices: list[Factor], current: int) -> tuple[Node, int] | None:
        if len(matrices) > 1 or matrices[0].node.rank != 2:
            return None
        self._use(matrices)
        return self._matrix(matrices[0], current)

    def _parallel(self, matrices: list[Factor], current: int) -> tuple[Node, int] | None:
        """Matrices and chains between the same two labels as one element."""
        if len(matrices) < 2 or any(f.node.rank != 2 for f in matrices):
            return None
        ends = dict.fromkeys(_other(f, current) for f in matrices)
        for end in sorted(ends, key=self._is_no_end):
            direct = [f for f in matrices if _other(f, current) == end]
            rest = [f for f in matrices if f not in direct]
            paths = [self._path(first, current, end) for first in rest]
            if None in paths:
                continue
            factors = [*direct, *(f for path in paths if path for f in path)]
            self._use(factors)
            return subproduct(self.product, factors, ((current,), (end,))), end
        return None

    def _is_no_end(self, label: int) -> bool:
        """Whether no vector is at a label, where a product ends: `(A ∘ B) x`, not the sums of `A ∘ (C diag(x) D)`."""
        return len(self.product.output) > 1 or all(set(f.labels) != {label} for f in self._touching(label))

    def _path(self, first: Factor, start: int, end: int) -> list[Factor] | None:
        """The factors of a chain between two labels, the weights between them included; it does not come back."""
        inside, label = [first], _other(first, start)
        while label != end:
            if label == start:
                return None
            around = _others(self._touching(label), inside)
            weights = [f for f in around if set(f.labels) == {label}]
            steps = [f for f in around if f not in weights]
            if len(steps) != 1 or steps[0].node.rank != 2:
                return None
            inside += [*weights, *steps]
            label = _other(steps[0], label)
        return inside

    def _touching(self, label: int) -> list[Factor]:
        return [f for f in self.remaining if label in f.labels]

    def _weights(self, current: int, end: int) -> list[Node]:
        """The products that hang on a label alone, `diag(sum(A ∘ B, axis=1))`, as diagonal matrices."""
        labels = labels_of(self.remaining) - {current}
        parts = [part for part in connected(self.remaining, labels) if any(current in f.labels for f in part)]
        outputs = set(self.product.free_labels) - {current}
        weights: list[Node] = []
        for part in parts:
            inside = labels_of(part)
            if end not in inside and inside.isdisjoint(outputs):
                weights.append(subproduct(self.product, part, ((current,), (current,))))
                self._use(part)
        return weights

    def _use(self, factors: list[Factor]) -> None:
        self.remaining = _others(self.remaining, factors)

    def _with_vector(self, elements: list[Node], vectors: list[Factor], label: int) -> Chain | None:
        if not vectors:
            return self._closed((*elements, self._ones(label))) if elements and self.with_ones else None
        self._use(vectors)
        elements += [self._diagonal(f) for f in vectors[:-1]]
        last = vectors[-1]
        elements.append(subproduct(self.product, [last], ((label,),)))
        return self._closed(tuple(elements))

    def _closed(self, elements: tuple[Node, ...]) -> Chain | None:
        """What is left must be scalars: closed products that touch no output label."""
        outputs = set(self.product.free_labels)
        if any(outputs.intersection(f.labels) for f in self.remaining):
            return None
        scalar = subproduct(self.product, [*self.scalars, *self.remaining], (), self.product.coefficient)
        return Chain(scalar, elements)

    def _is_spread_along(self, label: int) -> bool:
        """Whether a label stands in the output alone, so that the tensor is the same all along it."""
        return self.with_ones and all(label not in f.labels for f in self.product.factors)

    def _ones(self, *labels: int) -> Node:
        """What a sum over an axis is a product with: `sum(X, axis=0) = Xᵀ 1`."""
        return ones([self.product.dims[label] for label in labels])

    def _diagonal(self, factor: Factor) -> Node:
        label = factor.labels[0]
        return contract(1, [factor], ((label,), (label,)), {label: self.product.dims[label]})

    def _matrix(self, factor: Factor, current: int) -> tuple[Node, int]:
        a, b = factor.labels
        other = b if a == current else a
        dims = {label: self.product.dims[label] for label in (a, b)}
        if current == b and not factor.conj and is_symmetric(factor.node):
            return factor.node, other
        return contract(1, [factor], ((current,), (other,)), dims), other


def _others(factors: Sequence[Factor], used: Sequence[Factor]) -> list[Factor]:
    """The factors that are not among the used ones; an equal one is another one."""
    return [f for f in factors if not any(f is u for u in used)]


def _other(factor: Factor, label: int) -> int:
    a, b = factor.labels
    return b if a == label else a

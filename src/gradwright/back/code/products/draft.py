"""A contraction while it is being written: what is left to multiply, and what is to be put around the result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

from gradwright.back.code.text import Code, product_of
from gradwright.core.contraction import is_simple
from gradwright.core.dims import Dim
from gradwright.core.nodes import Apply, Contract, Factor, HalfVectorisation, Mask, Node, Selection
from gradwright.frozen import frozen, replace
from gradwright.prims.power import inverted, power

if TYPE_CHECKING:
    from gradwright.back.code.lower import Lowering

Labels = tuple[int, ...]
CONSTANT = Selection | Mask | HalfVectorisation


@frozen
class Term:
    """An array with a label on every axis.

    Attributes:
        labels: one for each axis.
        code: the array; None while it is a node of which nothing has been written.
        node, conj: the node, and whether its conjugate is meant.
        divides: whether the product is to be divided by it.
        real: whether the entries are real.
    """

    labels: Labels
    code: Code | None = None
    node: Node | None = None
    conj: bool = False
    divides: bool = False
    real: bool = True


def written(term: Term, labels: Labels, code: Code) -> Term:
    """A term after an operation on it."""
    return replace(term, labels=labels, code=code, node=None, conj=False)


def multiplying(draft: Draft, term: Term) -> Term:
    """A term by which the product is divided as one that it is multiplied by, its reciprocal."""
    if not term.divides:
        return term
    if term.node is not None:
        computed = term.node in draft.lowering.values
        node = Apply(power, (Fraction(-1),), (term.node,)) if computed else inverted(term.node)
        return replace(term, node=node, divides=False)
    return replace(written(term, term.labels, product_of([], [draft.code(term)])), divides=False)


class Draft:
    """A contraction being written; each step takes from it what it writes.

    Attributes:
        lowering, writer: the program around it, and the operations of its library.
        node: the contraction.
        dims: the length of each label.
        output: the labels of each axis of the result, in the order asked for.
        terms: the arrays that are left to multiply.
        coefficient, scalars, divisors: the numbers to multiply and to divide by.
        placed: for a place in a larger tensor the label of the whole, of the part, and which part it is.
        masks: for a mask on the result the labels of its rows and columns.
    """

    def __init__(self, lowering: Lowering, node: Contract, order: Sequence[int]) -> None:
        self.lowering = lowering
        self.writer = lowering.writer
        self.node = node
        self.dims = dict(enumerate(node.dims))
        self.output = [node.output[axis] for axis in order]
        self.terms: list[Term] = []
        self.scalars: list[Code] = []
        self.divisors: list[Code] = []
        self.coefficient = node.coefficient
        self.placed: list[tuple[int, int, Selection]] = []
        self.masks: list[tuple[int, int, Mask]] = []

    def flat(self) -> list[int]:
        """The labels of the output."""
        return [label for group in self.output for label in group]

    def shape(self) -> list[Dim]:
        """The shape of the result."""
        return [prod((self.dims[label] for label in group), start=Dim.of(1)) for group in self.output]

    def size(self, dim: Dim) -> str:
        """A length as text."""
        return self.lowering.sizes.code(dim).text

    def filled(self, value: str, shape: Iterable[Dim]) -> Code:
        """An array of `ones` or `zeros`."""
        return Code(self.lowering.library.filled(value, self.lowering.size_texts(shape), self.lowering.like()))

    def eye(self, dim: Dim) -> Code:
        """An identity matrix."""
        library, like = self.lowering.library, self.lowering.like()
        template = library.eye if like else library.bare_eye
        return Code(template.format(n=self.size(dim), like=like))

    def code(self, term: Term, wanted: Sequence[int] | None = None) -> Code:
        """The array of a term, its axes in the order of some labels."""
        target = list(term.labels if wanted is None else wanted)
        order = [term.labels.index(label) for label in target]
        if term.code is None:
            assert term.node is not None
            return self.lowering.demand(term.node, order, term.conj)
        return self.writer.permuted(term.code, order)

    def aligned(self, term: Term, wanted: Sequence[int]) -> Code:
        """The array of a term, ready to broadcast against one with all of some labels as axes."""
        labels = [x for x in wanted if x in term.labels]
        return self.writer.aligned(self.code(term, labels), labels, wanted)

    def used(self, label: int, without: Sequence[Term] = ()) -> bool:
        """Whether a label stands in the output, or in a term that is not one of those named."""
        listed = [term for term in self.terms if not any(term is other for other in without)]
        return label in self.flat() or any(label in term.labels for term in listed)

    def replace(self, old: Term, new: Term) -> None:
        """Put a term in the place of another."""
        self.terms = [new if term is old else term for term in self.terms]

    def split(self, term: Term, factor: Factor) -> Term:
        """A written term with the axes of a factor, each a group of labels, as one axis for each label."""
        assert term.code is not None
        if is_simple(factor.groups):
            return self.diagonals(term)
        groups = [[self.size(self.dims[x]) for x in group] for group in factor.groups]
        return self.diagonals(replace(term, code=self.writer.split(term.code, groups)))

    def diagonals(self, term: Term) -> Term:
        """A written term without repeated labels: the diagonal of their axes."""
        labels, code = list(term.labels), term.code
        assert code is not None
        while len(set(labels)) < len(labels):
            repeated = next(label for label in labels if labels.count(label) > 1)
            a = labels.index(repeated)
            b = labels.index(repeated, a + 1)
            traced = not (term.divides or self._elsewhere(repeated) or self.writer.batched)
            if len(labels) == 2 and traced:
                return replace(term, labels=(), code=Code(self.lowering.library.trace.format(x=code.text)))
            code = self.writer.diagonal(code, a, b, len(labels))
            labels = [label for place, label in enumerate(labels) if place not in (a, b)] + [repeated]
        return replace(term, labels=tuple(labels), code=code)

    def _elsewhere(self, label: int) -> bool:
        """Whether a label stands in the output or in another factor."""
        inside = sum(label in f.labels for f in self.node.factors)
        return inside > 1 or label in self.flat()

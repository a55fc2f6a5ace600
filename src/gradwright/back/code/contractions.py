"""Products as code: `A @ B`, `A * B`, sums, diagonals, slices, and `einsum` where nothing shorter says it.

A contraction is a list of terms, each an array with a label on every axis. Selections become slices,
masks triangles or running sums, elimination tensors gathers and scatters; labels that stand in one
term only are summed; then terms are multiplied two at a time, and what the output repeats, groups or
spreads is written around the result. No constant tensor is formed unless the output itself is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from gradwright.back.code.text import Code, Kind, matmul, multiple, number, product_of, sum_of
from gradwright.core.dims import Dim
from gradwright.core.nodes import Apply, Contract, Factor, HalfVectorisation, Mask, Node, Selection

if TYPE_CHECKING:
    from gradwright.back.code.lower import Lowering

Labels = tuple[int, ...]


@dataclass(frozen=True)
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


def is_view(node: Node) -> bool:
    """Whether a node only looks at a value, or repeats it: writing it twice costs nothing."""
    if not isinstance(node, Contract) or abs(node.coefficient) != 1:
        return False
    tensors = [f for f in node.factors if not isinstance(f.node, Selection)]
    if len(tensors) != 1 or node.coefficient != 1 or tensors[0].conj:
        return not node.factors
    if isinstance(tensors[0].node, Mask | HalfVectorisation):
        return False
    labels = [label for group in node.output for label in group]
    plain = all(len(group) == 1 for group in (*node.output, *tensors[0].groups))
    placed = any(set(f.groups[0]) & set(labels) for f in node.factors if isinstance(f.node, Selection))
    inside = set(tensors[0].labels)
    picked = {label for f in node.factors if isinstance(f.node, Selection) for label in f.groups[0]}
    summed = inside - set(labels) - picked
    return plain and not placed and not summed and len(set(labels)) == len(labels)


def write_contraction(lowering: Lowering, node: Node, order: Sequence[int], spread: bool = True) -> Code:
    """A contraction, its axes in an order."""
    if not isinstance(node, Contract):
        labels = tuple(range(node.rank))
        node = Contract(
            Fraction(1), (Factor(node, tuple((x,) for x in labels)),), node.shape, tuple((x,) for x in labels)
        )
    return _Writing(lowering, node, order).run(spread)


def spread_axes(node: Node) -> set[int]:
    """The axes along which a node is a broadcast of something smaller."""
    if not isinstance(node, Contract):
        return set()
    carried = {label for f in node.factors for label in f.labels}
    flat = [label for group in node.output for label in group]
    return {
        axis
        for axis, group in enumerate(node.output)
        if len(group) == 1 and group[0] not in carried and flat.count(group[0]) == 1
    }


class _Writing:
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
        self.placed: list[tuple[int, int | None, Selection]] = []
        self.masks: list[tuple[int, int, Mask]] = []

    def run(self, spread: bool) -> Code:
        if not self.coefficient:
            return self._constant(Fraction(0), spread)
        if not self.node.factors and not any(self.output.count(g) > 1 for g in self.output):
            if len(set(self._flat())) == len(self._flat()):
                return self._constant(self.coefficient, spread)
        self._read_factors()
        self._apply_selections()
        self._apply_triangles()
        self._apply_masks()
        self._sum_private()
        return self._finish(spread)

    def _flat(self) -> list[int]:
        return [label for group in self.output for label in group]

    def _constant(self, value: Fraction, spread: bool) -> Code:
        """A number in every entry."""
        if not self.output or not spread:
            return number(value)
        return self._scaled(value, [self._filled(value)])

    def _filled(self, value: Fraction) -> Code:
        sizes = self.lowering.size_texts(self._shape())
        return Code(self.lowering.library.filled("ones" if value else "zeros", sizes, self.lowering.like()))

    def _scaled(self, value: Fraction, codes: list[Code]) -> Code:
        return codes[0] if value in (0, 1) else multiple(value, codes)

    def _shape(self) -> list[Dim]:
        shape: list[Dim] = []
        for group in self.output:
            total = Dim.of(1)
            for label in group:
                total = total * self.dims[label]
            shape.append(total)
        return shape

    # Terms

    def _read_factors(self) -> None:
        for factor in self.node.factors:
            if isinstance(factor.node, Selection | Mask | HalfVectorisation):
                continue
            if not factor.node.rank:
                self._read_scalar(factor)
            else:
                self.terms.append(self._term(factor))

    def _read_scalar(self, factor: Factor) -> None:
        inner = self._reciprocal(factor.node)
        node = factor.node if inner is None else inner
        code = self.lowering.demand(node, conj=factor.conj)
        (self.scalars if inner is None else self.divisors).append(code)

    def _reciprocal(self, node: Node) -> Node | None:
        """`u` for `1 / u`, where that has not been computed already."""
        if node in self.lowering.values or not isinstance(node, Apply) or node.primitive.name != "power":
            return None
        exponent = node.parameters[0]
        if not isinstance(exponent, Fraction) or exponent >= 0 or self.lowering.uses.get(node, 1) > 1:
            return None
        if exponent == -1:
            return node.arguments[0]
        return Apply(node.primitive, (-exponent,), node.arguments)

    def _term(self, factor: Factor) -> Term:
        labels = factor.labels
        inner = self._reciprocal(factor.node)
        node = factor.node if inner is None else inner
        divides = inner is not None
        if all(len(group) == 1 for group in factor.groups):
            if len(set(labels)) == len(labels):
                return Term(labels, None, node, factor.conj, divides, node.real)
            code = self.lowering.demand(node, conj=factor.conj)
            return self._diagonals(Term(labels, code, divides=divides, real=node.real))
        groups = [[self.lowering.sizes.code(self.dims[x]).text for x in group] for group in factor.groups]
        code = self.writer.split(self.lowering.demand(node, conj=factor.conj), groups)
        return self._diagonals(Term(labels, code, divides=divides, real=node.real))

    def _diagonals(self, term: Term) -> Term:
        labels, code = list(term.labels), term.code
        assert code is not None
        while len(set(labels)) < len(labels):
            repeated = next(label for label in labels if labels.count(label) > 1)
            a = labels.index(repeated)
            b = labels.index(repeated, a + 1)
            if len(labels) == 2 and not self._elsewhere(repeated, term) and not self.writer.batched:
                return replace(term, labels=(), code=Code(self.lowering.library.trace.format(x=code.text)))
            code = self.writer.diagonal(code, a, b, len(labels))
            labels = [label for place, label in enumerate(labels) if place not in (a, b)] + [repeated]
        return replace(term, labels=tuple(labels), code=code)

    def _elsewhere(self, label: int, term: Term) -> bool:
        """Whether a label stands in the output or in another factor."""
        inside = sum(label in f.labels for f in self.node.factors)
        return inside > 1 or label in self._flat()

    def _code(self, term: Term, wanted: Sequence[int] | None = None) -> Code:
        """The array of a term, its axes in the order of some labels."""
        target = list(term.labels if wanted is None else wanted)
        order = [term.labels.index(label) for label in target]
        if term.code is None:
            assert term.node is not None
            return self.lowering.demand(term.node, order, term.conj)
        return self.writer.permuted(term.code, order)

    def _used(self, label: int, without: Sequence[Term] = ()) -> bool:
        """Whether a label stands in the output, or in a term that is not one of those named."""
        listed = [term for term in self.terms if not any(term is other for other in without)]
        return label in self._flat() or any(label in term.labels for term in listed)

    def _replace(self, old: Term, new: Term) -> None:
        self.terms = [new if term is old else term for term in self.terms]

    # Constant tensors

    def _apply_selections(self) -> None:
        chosen = [f for f in self.node.factors if isinstance(f.node, Selection)]
        for place, factor in enumerate(chosen):
            self._select(factor, chosen[place + 1 :])

    def _select(self, factor: Factor, later: Sequence[Factor]) -> None:
        selection = factor.node
        assert isinstance(selection, Selection)
        groups = factor.groups
        whole = groups[0][0]
        part = groups[1][0] if selection.part is not None else None
        ungrouped = all(len(group) == 1 for group in groups)
        constants = [f for f in self.node.factors if isinstance(f.node, Selection | Mask | HalfVectorisation)]
        others = {x for f in constants if f is not factor for x in f.labels}
        flat = self._flat()
        if not ungrouped or whole in others or (whole in flat and (part in flat or flat.count(whole) > 1)):
            self.terms.append(self._selection_matrix(factor))
            return
        for term in self.terms:
            if whole in term.labels:
                self._replace(term, self._slice(term, whole, part, selection))
        if whole in flat:
            self.placed.append((whole, part, selection))
            self.output = [tuple(self._inner(x, whole, part, g) for x in g) for g in self.output]

    def _inner(self, label: int, whole: int, part: int | None, group: Sequence[int]) -> int:
        if label != whole:
            return label
        if part is None:
            part = max(self.dims) + 1
            self.dims[part] = Dim.of(1)
            entry = self.placed[-1]
            self.placed[-1] = (entry[0], part, entry[2])
        return part

    def _slice(self, term: Term, whole: int, part: int | None, selection: Selection) -> Term:
        axis = term.labels.index(whole)
        start = self.lowering.sizes.code(selection.offset).text
        if selection.part is None:
            token, labels = self._last(selection) or start, tuple(x for x in term.labels if x != whole)
        else:
            stop = self.lowering.sizes.code(selection.offset + selection.part).text
            start = "" if start == "0" else start
            stop = "" if selection.offset + selection.part == selection.whole else stop
            token = f"{start}:{stop}"
            assert part is not None
            labels = tuple(part if x == whole else x for x in term.labels)
        tokens = [":"] * len(term.labels)
        tokens[axis] = token
        code = self.writer.indexed(self._code(term), tokens)
        if part is not None and labels.count(part) > 1:
            return self._diagonals(replace(term, labels=labels, code=code))
        return replace(term, labels=labels, code=code, node=None, conj=False)

    def _last(self, selection: Selection) -> str | None:
        """A place counted from the end: `-1`."""
        back = (selection.offset - selection.whole).value
        return str(back) if back is not None and selection.whole.value is None else None

    def _selection_matrix(self, factor: Factor) -> Term:
        """A selection as an array: part of an identity matrix."""
        selection = factor.node
        assert isinstance(selection, Selection)
        size = self.lowering.sizes.code
        start = size(selection.offset).text
        part = Dim.of(1) if selection.part is None else selection.part
        stop = size(selection.offset + part).text
        eye = self._eye(selection.whole)
        tokens = [":", start] if selection.part is None else [":", f"{start}:{stop}"]
        code = self.writer.indexed(eye, tokens)
        return self._split_term(Term(factor.labels, code), factor)

    def _eye(self, dim: Dim) -> Code:
        library, like = self.lowering.library, self.lowering.like()
        template = library.eye if like else library.bare_eye
        return Code(template.format(n=self.lowering.sizes.code(dim).text, like=like))

    def _split_term(self, term: Term, factor: Factor) -> Term:
        """A constant tensor whose axes carry groups of labels."""
        if all(len(group) == 1 for group in factor.groups):
            return term if len(set(term.labels)) == len(term.labels) else self._diagonals(term)
        groups = [[self.lowering.sizes.code(self.dims[x]).text for x in group] for group in factor.groups]
        assert term.code is not None
        return self._diagonals(replace(term, code=self.writer.split(term.code, groups)))

    def _apply_triangles(self) -> None:
        """Elimination tensors: the entries of a triangle as a vector, and back."""
        for factor in self.node.factors:
            if isinstance(factor.node, HalfVectorisation):
                if not (self._gather(factor) or self._scatter(factor)):
                    self.terms.append(self._elimination(factor))

    def _gather(self, factor: Factor) -> bool:
        place, row, column = (group[0] for group in factor.groups)
        for term in self.terms:
            both = row in term.labels and column in term.labels and row != column
            alone = not self._used(row, [term]) and not self._used(column, [term])
            if both and alone and not self._special(factor, (row, column)) and place not in term.labels:
                rest = [x for x in term.labels if x not in (row, column)]
                code = self.writer.helper("to_triangle", self._code(term, [*rest, row, column]).text)
                self._replace(term, _written(term, (*rest, place), code))
                return all(len(group) == 1 for group in factor.groups)
        return False

    def _scatter(self, factor: Factor) -> bool:
        if any(len(group) != 1 for group in factor.groups):
            return False
        place, row, column = (group[0] for group in factor.groups)
        for term in self.terms:
            alone = not self._used(place, [term]) and not term.divides
            if place in term.labels and alone and not {row, column} & set(term.labels) and row != column:
                rest = [x for x in term.labels if x != place]
                assert isinstance(factor.node, HalfVectorisation)
                n = self.lowering.sizes.code(factor.node.dim).text
                code = self.writer.helper("from_triangle", self._code(term, [*rest, place]).text, n)
                self._replace(term, _written(term, (*rest, row, column), code))
                return True
        return False

    def _special(self, factor: Factor, labels: Iterable[int]) -> bool:
        """Whether another constant tensor carries one of the labels."""
        others = [f for f in self.node.factors if f is not factor and isinstance(f.node, Mask | HalfVectorisation)]
        return any(label in f.labels for f in others for label in labels) or any(
            len(group) != 1 for group in factor.groups
        )

    def _elimination(self, factor: Factor) -> Term:
        """The tensor itself, with one 1 in every slice."""
        node = factor.node
        assert isinstance(node, HalfVectorisation)
        eye = self._eye(node.shape[0])
        code = self.writer.helper("from_triangle", eye.text, self.lowering.sizes.code(node.dim).text)
        return self._split_term(Term(factor.labels, code), factor)

    def _apply_masks(self) -> None:
        for factor in self.node.factors:
            if isinstance(factor.node, Mask):
                self._apply_mask(factor)

    def _apply_mask(self, factor: Factor) -> None:
        mask = factor.node
        assert isinstance(mask, Mask)
        if any(len(group) != 1 for group in factor.groups):
            self.terms.append(self._mask_matrix(factor))
            return
        row, column = (group[0] for group in factor.groups)
        for term in self.terms:
            if row in term.labels and column in term.labels and not term.divides:
                self._replace(term, self._masked(term, row, column, mask))
                return
        if self._running_sum(row, column, mask) or self._running_sum(column, row, _turned(mask)):
            return
        flat = self._flat()
        carried = all(any(x in term.labels for term in self.terms) for x in (row, column))
        if flat.count(row) == flat.count(column) == 1 and carried:
            self.masks.append((row, column, mask))
            return
        self.terms.append(self._mask_matrix(factor))

    def _masked(self, term: Term, row: int, column: int, mask: Mask) -> Term:
        rest = [x for x in term.labels if x not in (row, column)]
        natural = term.labels.index(row) > term.labels.index(column)
        last = [column, row] if natural else [row, column]
        weights = _turned(mask).weights if natural else mask.weights
        code = self.writer.triangle(self._code(term, [*rest, *last]), weights, [number(w).text for w in weights])
        return _written(term, (*rest, *last), code)

    def _running_sum(self, row: int, column: int, mask: Mask) -> bool:
        """`Σ_c M[r, c] x[c]` by sums of the entries so far."""
        for term in self.terms:
            alone = column in term.labels and row not in term.labels and not self._used(column, [term])
            others = [f for f in self.node.factors if isinstance(f.node, Mask) and column in f.labels]
            if alone and len(others) == 1 and not term.divides and (row in self._flat() or self._used(row)):
                labels = tuple(row if x == column else x for x in term.labels)
                axis = term.labels.index(column) - len(term.labels)
                self._replace(term, _written(term, labels, self._cumulated(self._code(term), axis, mask, labels)))
                return True
        return False

    def _cumulated(self, code: Code, axis: int, mask: Mask, labels: Sequence[int]) -> Code:
        """Weights below, on and above: of the entries before, at and behind each place."""
        library = self.lowering.library
        below, on, above = mask.weights
        running = Code(library.cumsum.format(x=code.text, axis=axis))
        if (below, on, above) == (1, 1, 0):
            return running
        if (below, on, above) == (0, 1, 1):
            flipped = library.flip.format(x=code.text, axis=axis)
            return Code(library.flip.format(x=library.cumsum.format(x=flipped, axis=axis), axis=axis))
        # below · (before) + on · x + above · (total − before − x), in terms of the running sum and the total.
        terms = [(below - above, [running]), (on - below, [code])]
        total = f"{code.atom}.sum({axis})"
        keep = ", ".join(["...", "None", *[":"] * (-axis - 1)])
        terms.append((above, [Code(f"{total}[{keep}]")]))
        signed = [(1 if c > 0 else -1, multiple(abs(c), parts)) for c, parts in terms if c]
        return sum_of(signed)

    def _mask_matrix(self, factor: Factor) -> Term:
        """A mask as an array."""
        mask = factor.node
        assert isinstance(mask, Mask)
        sizes = self.lowering.size_texts(mask.shape)
        ones = Code(self.lowering.library.filled("ones", sizes, self.lowering.like()))
        code = self.writer.triangle(ones, mask.weights, [number(w).text for w in mask.weights])
        return self._split_term(Term(factor.labels, code), factor)

    # Multiplying

    def _sum_private(self) -> None:
        """Sum each term over the labels that stand nowhere else."""
        for term in list(self.terms):
            private = [x for x in term.labels if not self._used(x, [term])]
            if not private:
                continue
            labels = tuple(x for x in term.labels if x not in private)
            whole = self._code(term)
            if term.divides:
                whole = product_of([], [whole])
            axes = [term.labels.index(x) for x in private]
            summed = self.writer.summed(whole, axes, len(term.labels))
            self._replace(term, replace(_written(term, labels, summed), divides=False))
        for term in [t for t in self.terms if not t.labels]:
            self.terms = [t for t in self.terms if t is not term]
            (self.divisors if term.divides else self.scalars).append(self._code(term))

    def _finish(self, spread: bool) -> Code:
        flat = list(dict.fromkeys(self._flat()))
        while len(self.terms) > 2:
            first, second, *rest = self.terms
            self.terms = rest
            kept = set(flat).union(*(t.labels for t in rest))
            self.terms.insert(0, self._product(first, second, kept, None))
        carried = [x for x in flat if any(x in t.labels for t in self.terms)]
        code = self._core(carried)
        return self._around(code, carried, flat, spread)

    def _core(self, wanted: Sequence[int]) -> Code:
        """The product of all terms and numbers, with the given labels as axes."""
        if not self.terms:
            return multiple(self.coefficient, self.scalars, self.divisors)
        if len(self.terms) == 1:
            return self._scale(self._alone(self.terms[0], wanted), len(wanted))
        first, second = self.terms
        shared = set(first.labels) & set(second.labels)
        if shared <= set(wanted):
            return self._elementwise([first, second], wanted)
        result = self._product(first, second, set(wanted), wanted)
        return self._scale(self._code(result, wanted), len(wanted))

    def _alone(self, term: Term, wanted: Sequence[int]) -> Code | Term:
        return _written(term, tuple(wanted), self._code(term, wanted))

    def _scale(self, core: Code | Term, rank: int) -> Code:
        """A number times an array; the array may stand below the line."""
        divides = isinstance(core, Term) and core.divides
        code = core.code if isinstance(core, Term) else core
        assert code is not None
        scalars = [self._lifted(s, rank) for s in self.scalars]
        divisors = [self._lifted(s, rank) for s in self.divisors]
        if divides:
            return multiple(self.coefficient, scalars, [*divisors, code])
        if rank and divisors and (scalars or abs(self.coefficient) != 1):
            # All numbers first, so that the array is gone through once.
            return product_of([multiple(self.coefficient, scalars, divisors), code])
        return multiple(self.coefficient, [*scalars, code], divisors)

    def _lifted(self, scalar: Code, rank: int) -> Code:
        """A scalar ready to multiply an array with so many axes: leading axes come first."""
        if scalar.number or not self.writer.batched or not rank:
            return scalar
        return self.writer.indexed(scalar, ["None"] * rank)

    def _elementwise(self, terms: Sequence[Term], wanted: Sequence[int]) -> Code:
        """Arrays multiplied entry by entry, numbers with the smallest of them."""
        ranks = [len(term.labels) for term in terms if not term.divides]
        scaled = bool(self.scalars or self.divisors or self.coefficient != 1)
        smallest = min(ranks, default=len(wanted))
        above: list[Code] = []
        below: list[Code] = []
        done = not scaled or smallest == len(wanted)
        for term in terms:
            code = self._code(term, [x for x in wanted if x in term.labels])
            if not done and not term.divides and len(term.labels) == smallest:
                code = self._scale(code, smallest)
                done = True
                self.scalars, self.divisors, self.coefficient = [], [], Fraction(1)
            labels = [x for x in wanted if x in term.labels]
            (below if term.divides else above).append(self.writer.aligned(code, labels, wanted))
        scalars = [self._lifted(s, len(wanted)) for s in self.scalars]
        divisors = [self._lifted(s, len(wanted)) for s in self.divisors]
        return multiple(self.coefficient, [*scalars, *above], [*divisors, *below])

    def _product(self, left: Term, right: Term, kept: set[int], wanted: Sequence[int] | None) -> Term:
        """Two terms multiplied, and summed over the shared labels that are not kept."""
        left, right = self._inverted(left), self._inverted(right)
        real = left.real and right.real
        shared = [x for x in left.labels if x in right.labels]
        summed = [x for x in shared if x not in kept]
        natural = [x for x in (*left.labels, *right.labels) if x in kept]
        result = list(wanted) if wanted is not None else list(dict.fromkeys(natural))
        if not summed:
            codes = [
                self.writer.aligned(
                    self._code(t, [x for x in result if x in t.labels]), [x for x in result if x in t.labels], result
                )
                for t in (left, right)
            ]
            return Term(tuple(result), product_of(codes), real=left.real and right.real)
        left, right = self._one_type(left, real), self._one_type(right, real)
        return replace(self._contracted(left, right, result, kept), real=real)

    def _one_type(self, term: Term, real: bool) -> Term:
        """A real factor of a complex product, made complex where the library wants one type."""
        if real or not term.real or not self.lowering.library.complex_of:
            return term
        code = Code(self.lowering.library.complex_of.format(x=self._code(term).inside()), Kind.SUM)
        return _written(term, term.labels, code)

    def _contracted(self, left: Term, right: Term, result: list[int], kept: set[int]) -> Term:
        """A product with a sum over shared labels."""
        shared = [x for x in left.labels if x in right.labels]
        summed = [x for x in shared if x not in kept]
        together = [x for x in shared if x in kept]
        mine = [x for x in left.labels if x not in shared]
        others = [x for x in right.labels if x not in shared]
        if not mine and not others:
            return self._inner_product(left, right, together, summed)
        if len(summed) == 1 and len(mine) <= 1 and len(others) <= 1:
            found = self._matrix_product(left, right, result, together, summed[0])
            if found is not None:
                return found
        return self._general(left, right, result)

    def _inverted(self, term: Term) -> Term:
        if not term.divides:
            return term
        return replace(_written(term, term.labels, product_of([], [self._code(term)])), divides=False)

    def _inner_product(self, left: Term, right: Term, together: list[int], summed: list[int]) -> Term:
        """All that is not shared is summed: `x @ y`, `(A * B).sum()`."""
        order = [*together, *summed]
        if not together and len(summed) == 1 and not self.writer.batched:
            return Term((), matmul(self._code(left), self._code(right)))
        base = [x for x in left.labels if x in order]
        product = product_of([self._code(left, base), self._code(right, base)])
        axes = [base.index(x) for x in summed]
        return Term(tuple(x for x in base if x not in summed), self.writer.summed(product, axes, len(base)))

    def _matrix_product(
        self, left: Term, right: Term, result: list[int], together: list[int], inner: int
    ) -> Term | None:
        mine = [x for x in left.labels if x not in (*together, inner)]
        others = [x for x in right.labels if x not in (*together, inner)]
        if mine and others and result.index(mine[0]) > result.index(others[0]):
            left, right, mine, others = right, left, others, mine
        if mine and others:
            labels = [*together, *mine, *others]
            if together and result != labels:
                return None
            code = matmul(self._code(left, [*together, *mine, inner]), self._code(right, [*together, inner, *others]))
            return Term(tuple(labels), code)
        if together:
            return None
        return self._times_vector(left, right, (mine or others)[0], inner)

    def _times_vector(self, left: Term, right: Term, outer: int, inner: int) -> Term:
        if not self.writer.batched:
            first = [outer, inner] if outer in left.labels else [inner]
            second = [inner, outer] if outer in right.labels else [inner]
            return Term((outer,), matmul(self._code(left, first), self._code(right, second)))
        matrix, vector = (left, right) if outer in left.labels else (right, left)
        return Term((outer,), self.writer.matvec(self._code(matrix, [outer, inner]), self._code(vector)))

    def _general(self, left: Term, right: Term, result: list[int]) -> Term:
        """`einsum`, or `@` where a matrix meets the last axis of a tensor."""
        inner = [x for x in left.labels if x in right.labels and x not in result]
        moved = [x for x in left.labels if x not in inner]
        if len(inner) == 1 and len(right.labels) == 2 and inner[0] == left.labels[-1]:
            column = next(x for x in right.labels if x != inner[0])
            if result == [*moved, column]:
                second = self._code(right, [inner[0], column])
                if self.writer.batched:
                    second = self.writer.indexed(second, [*["None"] * (len(moved) - 1), ":", ":"])
                return Term(tuple(result), matmul(self._code(left), second))
        operands = [(self._code(t), t.labels) for t in (left, right)]
        return Term(tuple(result), self.writer.einsum(operands, result))

    # Around the product

    def _around(self, code: Code, carried: Sequence[int], flat: Sequence[int], spread: bool) -> Code:
        """Masks, new axes, places in a larger tensor, diagonals and groups of the output."""
        for row, column, mask in self.masks:
            code, carried = self._masked_result(code, carried, row, column, mask)
        needs_all = spread or self.placed or self._repeats() or any(len(g) != 1 for g in self.output)
        if needs_all:
            code = self._spread(code, carried, flat)
            carried = list(flat)
        elif not code.number:
            code = self.writer.aligned(code, carried, flat)
        if not self.output or not needs_all:
            return code
        code = self._place(code, flat)
        code = self._repeat(code, flat)
        return self._group(code)

    def _masked_result(
        self, code: Code, carried: Sequence[int], row: int, column: int, mask: Mask
    ) -> tuple[Code, list[int]]:
        term = self._masked(Term(tuple(carried), code), row, column, mask)
        return self._code(term, carried), list(carried)

    def _repeats(self) -> bool:
        return len(set(self._flat())) != len(self._flat())

    def _spread(self, code: Code, carried: Sequence[int], flat: Sequence[int]) -> Code:
        if list(carried) == list(flat):
            return code if not code.number or not flat else self._broadcast(self.lowering.as_array(code), flat)
        if code.number:
            sizes = self.lowering.size_texts(self.dims[x] for x in flat)
            ones = Code(self.lowering.library.filled("ones", sizes, self.lowering.like()))
            return ones if code.text == "1" else product_of([code, ones])
        return self._broadcast(self.writer.aligned(code, carried, flat), flat)

    def _broadcast(self, code: Code, flat: Sequence[int]) -> Code:
        sizes = self.lowering.size_texts(self.dims[x] for x in flat)
        library = self.lowering.library
        if self.writer.batched:
            # −1 leaves an axis as it is, but new leading axes cannot be counted: multiply by ones instead.
            ones = Code(library.filled("ones", sizes, self.lowering.like()))
            return product_of([code, ones])
        array = code.atom if library.broadcast.startswith("{x}") else code.text
        return Code(library.broadcast.format(x=array, shape=library.shape(sizes)))

    def _place(self, code: Code, flat: Sequence[int]) -> Code:
        """Parts put into their places in a larger tensor, zeros elsewhere."""
        for whole, part, selection in reversed(self.placed):
            assert part is not None
            axis = list(flat).index(part)
            size = self.lowering.sizes.code
            length = Dim.of(1) if selection.part is None else selection.part
            before, after = size(selection.offset).text, size(selection.whole - selection.offset - length).text
            code = self._padded(code, axis, len(flat), before, after)
            self.dims[part] = self.dims[whole]
        return code

    def _padded(self, code: Code, axis: int, rank: int, before: str, after: str) -> Code:
        if self.lowering.library.name == "torch":
            widths = ", ".join(["0, 0"] * (rank - axis - 1) + [f"{before}, {after}"])
        else:
            pairs = ["(0, 0)"] * rank
            pairs[axis] = f"({before}, {after})"
            widths = ", ".join(pairs) + ("," if rank == 1 else "")
        return Code(self.lowering.library.pad.format(x=code.text, widths=widths))

    def _repeat(self, code: Code, flat: Sequence[int]) -> Code:
        """Labels that stand twice in the output: diagonals."""
        wanted = self._flat()
        axes: list[int] = list(flat)
        for label in dict.fromkeys(x for x in wanted if wanted.count(x) > 1):
            for _ in range(wanted.count(label) - 1):
                code, axes = self._doubled(code, axes, label)
        order: list[int] = []
        for label in wanted:
            place = next(p for p, x in enumerate(axes) if x == label and p not in order)
            order.append(place)
        return self.writer.permuted(code, order)

    def _doubled(self, code: Code, axes: list[int], label: int) -> tuple[Code, list[int]]:
        last = [x for x in axes if x != label or axes.index(label) != axes.index(x)]
        place = axes.index(label)
        order = [p for p in range(len(axes)) if p != place] + [place]
        moved = self.writer.permuted(code, order)
        last = [axes[p] for p in order]
        wanted = self._flat()
        a, b = len(last) - 1, len(last)
        if wanted.count(label) == 2 and sorted(wanted) == sorted([*last, label]):
            a, b = (p for p, x in enumerate(wanted) if x == label)
            rest = [x for x in wanted if x != label]
            if rest == last[:-1]:
                return self.writer.on_diagonal(moved, a, b, len(last) + 1), list(wanted)
            a, b = len(last) - 1, len(last)
        return self.writer.on_diagonal(moved, a, b, len(last) + 1), [*last, label]

    def _group(self, code: Code) -> Code:
        counts = [len(group) for group in self.output]
        if all(count == 1 for count in counts):
            return code
        sizes = [self._group_size(group) for group in self.output]
        return self.writer.reshaped(code, counts, sizes)

    def _group_size(self, group: Sequence[int]) -> str:
        total = Dim.of(1)
        for label in group:
            total = total * self.dims[label]
        return self.lowering.sizes.code(total).text


def _written(term: Term, labels: Labels, code: Code) -> Term:
    """A term after an operation on it."""
    return replace(term, labels=labels, code=code, node=None, conj=False)


def _turned(mask: Mask) -> Mask:
    """The transpose of a mask."""
    return Mask(mask.above, mask.on, mask.below, mask.shape[::-1])

"""Sums as code: signed terms, parts joined end to end, and only as much spreading as is needed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from gradwright.back.code.contractions import write_contraction
from gradwright.back.code.products.draft import CONSTANT
from gradwright.back.code.text import Code, Kind, number, sum_of
from gradwright.core.contraction import is_diagonal, is_simple, numbered
from gradwright.core.dims import Dim
from gradwright.core.nodes import Add, Contract, Factor, Node, Selection
from gradwright.core.walks import free_leaves
from gradwright.frozen import replace

if TYPE_CHECKING:
    from gradwright.back.code.lower import Lowering

IN_PLACE = "add_to_diagonal"
# Terms in one line of code: as Python reads it, each is nested in the sum of those before it.
MOST_TERMS = 64


def write_sum(lowering: Lowering, node: Add, order: Sequence[int], spread: bool) -> Code:
    """A sum, its axes in an order."""
    joined = _stack(lowering, node, order) or _concatenation(lowering, node, order)
    if joined is not None:
        return joined
    whole = _with_diagonal(lowering, node, order)
    if whole is not None:
        return whole
    fused = _with_product(lowering, node, order)
    if fused is not None:
        return fused
    narrow = set(range(node.rank)).intersection(*(lowering.spread_axes(term) for term in node.terms))
    signed: list[tuple[int, Code]] = []
    for place, term in enumerate(node.terms):
        full = spread and bool(narrow) and place == 0
        if len(signed) == MOST_TERMS:
            signed = [(1, lowering.named(node, sum_of(signed)))]
        signed.append(_signed(lowering, term, order, full))
    return sum_of(signed)


def _with_diagonal(lowering: Lowering, node: Add, order: Sequence[int]) -> Code | None:
    """Diagonal matrices added to the diagonal of the other terms alone, in a new array."""
    diagonal = [term for term in node.terms if is_diagonal(term) and term not in lowering.values]
    others = [term for term in node.terms if term not in diagonal]
    if not diagonal or not others or lowering.writer.batched or not node.real:
        return None
    if IN_PLACE not in lowering.library.helpers or _is_spread(lowering, others):
        return None
    added = sum_of([_signed(lowering, entries, [0], full=False) for entries in _entries(diagonal)])
    return lowering.writer.helper(IN_PLACE, _as_new(lowering, others, order).text, added.text)


def _entries(diagonal: Sequence[Node]) -> list[Node]:
    """The diagonals of some diagonal matrices."""
    products = [term for term in diagonal if isinstance(term, Contract)]
    return [Contract(term.coefficient, term.factors, term.dims, term.output[:1]) for term in products]


def _is_spread(lowering: Lowering, terms: Sequence[Node]) -> bool:
    """Whether a sum is the same along one of its axes, so that its code may have no such axis."""
    return bool(set(range(terms[0].rank)).intersection(*(lowering.spread_axes(term) for term in terms)))


def _as_new(lowering: Lowering, terms: Sequence[Node], order: Sequence[int]) -> Code:
    """A sum as an array of its own, which may be written into."""
    if len(terms) > 1:
        return sum_of([_signed(lowering, term, order, full=False) for term in terms])
    if _is_new(terms[0], lowering):
        # With its sign, which goes to the smallest factor of the product.
        code = write_contraction(lowering, terms[0], order)
        if code.kind is not Kind.ATOM:
            return code
    code = lowering.demand(terms[0], order)
    if (isinstance(terms[0], Add) and terms[0] not in lowering.values) or code.kind is Kind.NEGATIVE:
        return code
    # What a function returns is copied, too: its derivative may be computed from that, as exp's is.
    return Code(lowering.library.copy.format(x=code.inside()))


def _with_product(lowering: Lowering, node: Add, order: Sequence[int]) -> Code | None:
    """A product of two matrices that is accumulated onto the other terms, in a library that has a call for it."""
    if not lowering.library.sum_with_product or lowering.writer.batched or not node.real:
        return None
    places = [k for k, term in enumerate(node.terms) if _is_matrix_product(_opened(term, lowering), lowering)]
    if not places:
        return None
    chosen = _opened(node.terms[places[-1]], lowering)
    others = [term for place, term in enumerate(node.terms) if place != places[-1]]
    if not others or _is_spread(lowering, others):
        return None
    assert isinstance(chosen, Contract)
    beta, rest = _beside_product(lowering, others, order)
    left, right = _operands(lowering, chosen, order)
    scales = [f", {name}={number(value).text}" for name, value in (("beta", beta), ("alpha", chosen.coefficient))]
    kept = "".join(scale for scale in scales if not scale.endswith("=1"))
    call = lowering.library.sum_with_product
    return Code(call.format(rest=rest.text, left=left.text, right=right.text, scales=kept))


def _beside_product(lowering: Lowering, others: Sequence[Node], order: Sequence[int]) -> tuple[Fraction, Code]:
    """The terms that a product is accumulated onto: a number times an array."""
    if len(others) == 1 and others[0] not in lowering.values and isinstance(others[0], Contract):
        unit = replace(others[0], coefficient=Fraction(1))
        return others[0].coefficient, write_contraction(lowering, unit, order, spread=True)
    return Fraction(1), sum_of([_signed(lowering, term, order, full=False) for term in others])


def _opened(term: Node, lowering: Lowering) -> Node:
    """A multiple or a transpose of a product that is written only here, as one product."""
    while isinstance(term, Contract) and len(term.factors) == 1 and term not in lowering.values:
        (outer,) = term.factors
        inner = outer.node
        if not isinstance(inner, Contract) or inner in lowering.values or lowering.uses.get(inner, 1) > 1:
            break
        if sorted(outer.groups) != sorted(term.output) or not is_simple(outer.groups):
            break
        output = tuple(inner.output[outer.groups.index(group)] for group in term.output)
        term = Contract(term.coefficient * inner.coefficient, inner.factors, inner.dims, output)
    return term


def _is_matrix_product(term: Node, lowering: Lowering) -> bool:
    """Whether a term is a number times `A @ B` for two matrices, and is written where it stands."""
    if term in lowering.values or not isinstance(term, Contract) or len(term.factors) != 2:
        return False
    if any(f.node.rank != 2 or isinstance(f.node, CONSTANT) for f in term.factors):
        return False
    # A label twice in one factor is its trace or its diagonal: tr(A) B shares nothing between its matrices.
    if any(f.groups[0] == f.groups[1] for f in term.factors):
        return False
    groups = [group for f in term.factors for group in f.groups]
    outside = [group for group in term.output if groups.count(group) == 1]
    inside = [group for group in groups if groups.count(group) == 2]
    return len(outside) == len(term.output) == 2 == len(inside) and is_simple(groups)


def _operands(lowering: Lowering, term: Contract, order: Sequence[int]) -> tuple[Code, Code]:
    """The two matrices of a product, each with its axes in the order in which `@` takes them."""
    row = term.output[order[0]]
    left, right = sorted(term.factors, key=lambda f: row not in f.groups)
    first = 0 if left.groups[0] == row else 1
    second = 0 if right.groups[0] in left.groups else 1
    axes = ([first, 1 - first], [second, 1 - second])
    a, b = (lowering.demand(f.node, way, f.conj) for f, way in zip((left, right), axes, strict=True))
    return a, b


def _is_new(term: Node, lowering: Lowering) -> bool:
    """Whether a term's value is an array of its own, a product: neither an input nor a view of one."""
    if term in lowering.values or not isinstance(term, Contract):
        return False
    arrays = [f for f in term.factors if f.node.rank]
    if len(arrays) > 1 or len(arrays) < len(term.factors) or abs(term.coefficient) != 1:
        return bool(arrays)
    return bool(arrays) and _is_new(arrays[0].node, lowering)


def _signed(lowering: Lowering, term: Node, order: Sequence[int], full: bool) -> tuple[int, Code]:
    """The sign of a term, and the term without it."""
    if term not in lowering.values and isinstance(term, Contract):
        sign = -1 if term.coefficient < 0 else 1
        positive = Contract(abs(term.coefficient), term.factors, term.dims, term.output)
        code = write_contraction(lowering, positive, order, spread=full)
        return sign, code
    return 1, lowering.demand(term, order)


def _stack(lowering: Lowering, node: Add, order: Sequence[int]) -> Code | None:
    """Terms that are each one slice of the whole, in order along a new axis."""
    for place, axis in enumerate(order):
        slices = {part[0].offset: part for term in node.terms if (part := _slice(term, axis)) is not None}
        if len(slices) < len(node.terms) or any(Dim.of(k) not in slices for k in range(len(slices))):
            continue
        ordered = [slices[Dim.of(k)] for k in range(len(slices))]
        if ordered[0][0].whole != Dim.of(len(ordered)):
            continue
        axes = [other - (other > axis) for other in order if other != axis]
        texts = ", ".join(code.text for code in _beside_one_another(lowering, [x for _, x in ordered], axes))
        return Code(lowering.library.stack.format(parts=texts, axis=place - len(order)))
    return None


def _beside_one_another(lowering: Lowering, parts: Sequence[Node], order: Sequence[int]) -> list[Code]:
    """Arrays that are joined; a constant is spread over the leading axes that the others have."""
    codes = [lowering.demand(part, order) for part in parts]
    codes = [lowering.as_array(code) if code.number else code for code in codes]
    varying = [part for part in parts if lowering.varies(part)]
    leaf = next((x for part in varying for x in free_leaves(part) if x in lowering.leaves), None)
    if not lowering.batched or leaf is None or len(varying) == len(parts):
        return codes
    return [
        code if lowering.varies(part) else lowering.over_batch_of(leaf, code, [part.shape[axis] for axis in order])
        for code, part in zip(codes, parts, strict=True)
    ]


def _as_product(term: Node) -> Contract | None:
    """A product, or a selection as a product with one factor."""
    if not isinstance(term, Selection):
        return term if isinstance(term, Contract) else None
    groups = tuple((axis,) for axis in range(term.rank))
    return Contract(Fraction(1), (Factor(term, groups),), term.shape, groups)


def _slice(term: Node, axis: int) -> tuple[Selection, Node] | None:
    """The basis vector along an axis of a term, and the term without that axis."""
    product = _as_product(term)
    if product is None or len(product.output[axis]) != 1:
        return None
    (label,) = product.output[axis]
    around = [f for f in product.factors if label in f.labels]
    flat = product.free_labels
    if len(around) != 1 or flat.count(label) != 1:
        return None
    selection = around[0].node
    if not isinstance(selection, Selection) or selection.part is not None:
        return None
    rest = tuple(f for f in product.factors if f is not around[0])
    output = tuple(group for place, group in enumerate(product.output) if place != axis)
    return selection, _numbered(product.coefficient, rest, product.dims, output)


def _concatenation(lowering: Lowering, node: Add, order: Sequence[int]) -> Code | None:
    """Terms that fill a whole, one behind the other along one axis."""
    for place, axis in enumerate(order):
        parts = [_part(term, axis) for term in node.terms]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            continue
        found.sort(key=lambda part: str(part[0].offset))
        ordered = _in_order([(s, inner) for s, inner in found])
        if ordered is None:
            continue
        texts = ", ".join(code.text for code in _beside_one_another(lowering, ordered, order))
        return Code(lowering.library.concatenate.format(parts=texts, axis=place - len(order)))
    return None


def _in_order(parts: Sequence[tuple[Selection, Node]]) -> list[Node] | None:
    """The parts from the beginning to the end of the whole, or None if they leave gaps or overlap."""
    remaining, ordered, reached = list(parts), list[Node](), Dim.of(0)
    while remaining:
        step = next((part for part in remaining if part[0].offset == reached), None)
        if step is None or step[0].part is None:
            return None
        remaining.remove(step)
        ordered.append(step[1])
        reached = reached + step[0].part
    return ordered if reached == parts[0][0].whole else None


def _part(term: Node, axis: int) -> tuple[Selection, Node] | None:
    """The selection that places a term along an axis, and what it places."""
    product = _as_product(term)
    if product is None or len(product.output[axis]) != 1:
        return None
    label = product.output[axis][0]
    flat = product.free_labels
    around = [f for f in product.factors if label in f.labels]
    if len(around) != 1 or flat.count(label) != 1:
        return None
    selection, pick = around[0], around[0].node
    if not isinstance(pick, Selection):
        return None
    rest = tuple(f for f in product.factors if f is not selection)
    if selection.groups[0] != (label,):
        return None
    if pick.part is None:  # a basis vector is a part of one entry
        part, dims, pick = len(product.dims), (*product.dims, Dim.of(1)), Selection(pick.whole, Dim.of(1), pick.offset)
    elif len(selection.groups[1]) == 1 and selection.groups[1][0] not in flat:
        part, dims = selection.groups[1][0], product.dims
    else:
        return None
    output = tuple((part,) if place == axis else group for place, group in enumerate(product.output))
    return pick, _numbered(product.coefficient, rest, dims, output)


def _numbered(
    coefficient: Fraction, factors: tuple[Factor, ...], dims: tuple[Dim, ...], output: tuple[tuple[int, ...], ...]
) -> Node:
    """A contraction over the labels that are left; a single factor in its own order is that factor."""
    whole = numbered(coefficient, factors, output, dims)
    match whole.factors:
        case (Factor(node=node, groups=groups, conj=False),) if coefficient == 1 and groups == whole.output:
            return node
        case _:
            return whole

"""Grouped labels: Kronecker products, `vec` and `vech`, and reshapes.

An axis that carries several labels is a layout of a tensor with more axes. What is laid out is written as it
is, with the layout as a call around it or beside it: `A vec(X)`, `kron(A, B)`, `reshape(Aᵀ y, m, n)`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce

from gradwright.back.algebra import conjugated, multiplied, reshaped, scaled
from gradwright.back.formula import Call, Formula
from gradwright.back.notation import diagonal_matrix, outer_product, size_formula
from gradwright.back.products import product
from gradwright.back.split_axes import Opened, with_one_axis
from gradwright.core.connected import joined_to
from gradwright.core.contraction import contract, is_simple, plain, simple, subproduct, with_factors, with_output
from gradwright.core.dims import Dim
from gradwright.core.nodes import Contract, Factor, HalfVectorisation, Node, Symbol, field_of, labels_of

Translated = Callable[[Node], Formula]
"""The formula of a node."""
Named = Callable[[Symbol, Formula], None]
"""Lets a symbol be written as a formula."""


def layout_formula(node: Contract, formula: Translated, name: Named) -> Formula | None:
    """Kronecker products, vectorisations and reshapes, where the labels are grouped; None where nothing is laid out."""
    if not all(is_simple(factor.groups) for factor in node.factors):
        opened = with_one_axis(node)
        return _reshaped_factors(node, formula, name) if opened is None else _opened(opened, formula, name)
    if is_simple(node.output):
        return _half_vectorised(node, formula, name)
    written = (_diagonal, _kronecker, _commuted, _outer, _vectorised)
    return next((found for write in written if (found := write(node, formula)) is not None), None)


def _half_vectorised(node: Contract, formula: Translated, name: Named) -> Formula | None:
    """`vech(M)`, and its adjoint, of what is multiplied by nothing else along its axis."""
    for layout in (f for f in node.factors if isinstance(f.node, HalfVectorisation)):
        where, row, column = layout.labels
        rest = [f for f in node.factors if f is not layout]
        along = [f for f in rest if where in f.labels]
        if node.output == ((where,),) and not along:
            inside = contract(node.coefficient, rest, simple((row, column)), _dims(node, where))
            return Call(1, True, "vech", (formula(inside),))
        if len(along) == 1 and along[0].labels == (where,) and (where,) not in node.output:
            (vector,) = along
            facts = frozenset({"lower"}) | field_of(vector.node)
            matrix = Symbol(f"__unvech_{vector.node.digest.hex()}", (node.dims[row], node.dims[column]), facts)
            name(matrix, Call(2, False, "unvech", (formula(vector.node),)))
            factors = [*(f for f in rest if f is not vector), plain(matrix, (row, column), vector.conj)]
            return formula(contract(node.coefficient, factors, node.output, _dims(node, where)))
    return None


def _dims(node: Contract, without: int) -> dict[int, Dim]:
    return {label: dim for label, dim in enumerate(node.dims) if label != without}


def _kronecker(node: Contract, formula: Translated) -> Formula | None:
    """`kron(A, B, …)`: every output group takes one label from each of several products."""
    counts = {len(group) for group in node.output}
    if len(counts) != 1 or not 1 <= node.rank <= 2:
        return None
    places = list(zip(*node.output, strict=True))
    if sum(len(set(labels)) for labels in places) > len({label for labels in places for label in labels}):
        return None  # a label at two places is a diagonal, and no product
    parts: list[Formula] = []
    remaining = list(node.factors)
    for output in places:
        own, remaining = joined_to(remaining, output)
        others = set(node.free_labels) - set(output)
        if others & labels_of(own):
            return None
        parts.append(formula(subproduct(node, own, simple(output))))
    scalar = scaled(node.coefficient, formula(subproduct(node, remaining, ())))
    return multiplied(Fraction(1), (scalar, reduce(_kron, parts)), (), node.rank)


def _commuted(node: Contract, formula: Translated) -> Formula | None:
    """`(A ⊗ B) K`, with the commutation matrix K: the columns stand in the order of the transposed variable."""
    if node.rank != 2 or {len(group) for group in node.output} != {2}:
        return None
    rows, columns = node.output
    fixed = with_output(node, (rows, columns[::-1]))
    kron = _kronecker(fixed, formula) if isinstance(fixed, Contract) else None
    if kron is None:
        return None
    sizes = [size_formula(node.dims[label]) for label in reversed(columns)]
    commutation = Call(2, False, "commutation", tuple(sizes))
    return product((kron, commutation)) if node.factors else scaled(node.coefficient, commutation)


def _kron(left: Formula, right: Formula) -> Formula:
    symmetric = left.symmetric and right.symmetric
    return Call(left.rank, symmetric, "kron", (left, right), text="{0} ⊗ {1}", latex=r"{0} \otimes {1}")


def _diagonal(node: Contract, formula: Translated) -> Formula | None:
    """`diag(vec(M))`: what acts entry by entry."""
    if node.rank != 2 or node.output[0] != node.output[1] or not node.factors:
        return None
    entries = with_output(node, node.output[:1], 1)
    return scaled(node.coefficient, diagonal_matrix(formula(entries)))


def _outer(node: Contract, formula: Translated) -> Formula | None:
    """`vec(M) vec(N)ᵀ`."""
    if node.rank != 2 or set(node.output[0]) & set(node.output[1]):
        return None
    own, remaining = joined_to(node.factors, node.output[0])
    if any(set(factor.labels) & set(node.output[1]) for factor in own):
        return None
    others, scalars = joined_to(remaining, node.output[1])
    left, right = (formula(subproduct(node, *part)) for part in ((own, node.output[:1]), (others, node.output[1:])))
    scalar = scaled(node.coefficient, formula(subproduct(node, scalars, ())))
    return multiplied(Fraction(1), (scalar, outer_product(left, right)), (), 2)


def _vectorised(node: Contract, formula: Translated) -> Formula | None:
    if node.rank != 1 or len(node.output[0]) != 2:
        return None
    first, second = node.output[0]
    matrix = formula(with_output(node, ((second,), (first,)), 1))
    return scaled(node.coefficient, Call(1, True, "vec", (matrix,)))


def _opened(opened: Opened, formula: Translated, name: Named) -> Formula:
    part = formula(opened.part)
    shape = opened.symbol.shape
    name(opened.symbol, part if shape == opened.part.shape else reshaped(part, tuple(map(str, shape))))
    return formula(opened.whole)


def _reshaped_factors(node: Contract, formula: Translated, name: Named) -> Formula:
    """Tensors whose axes are split: each is named once, reshaped."""
    factors: list[Factor] = []
    for place, factor in enumerate(node.factors):
        if is_simple(factor.groups):
            factors.append(factor)
            continue
        shape = tuple(node.dims[label] for label in factor.labels)
        symbol = Symbol(f"__reshaped_{place}_{factor.node.digest.hex()}", shape, field_of(factor.node))
        given = _before_flattening(factor)
        inner = formula(given.node)
        name(symbol, reshaped(conjugated(inner) if given.conj else inner, tuple(map(str, shape))))
        factors.append(Factor(symbol, simple(factor.labels)))
    return formula(with_factors(node, factors))


def _before_flattening(factor: Factor) -> Factor:
    """What a vector lists entry by entry, last axis fastest: reshaping either gives the same."""
    node = factor.node
    if not isinstance(node, Contract) or node.rank != 1 or node.coefficient != 1 or len(node.factors) != 1:
        return factor
    (inner,) = node.factors
    if inner.labels != node.output[0] or len(set(inner.labels)) < len(inner.labels):
        return factor
    return Factor(inner.node, inner.groups, inner.conj != factor.conj)


def unflattened(node: Contract) -> Node | None:
    """The tensor of which a node is all entries as one vector; None if it is not that."""
    if not node.output or len(node.output[-1]) < 2 or not is_simple(node.output[:-1]):
        return None
    output = (*node.output[:-1], *((label,) for label in node.output[-1]))
    return with_output(node, output)

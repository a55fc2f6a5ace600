"""Products that collapse: `X⁻¹ X = I`, `Qᵀ Q = I`, `L Lᵀ = A`.

A relation says that a product of certain factors equals something with fewer factors. Where the
factors of a contraction contain the pattern, and the labels inside it are used by nobody else, they
are replaced. Since the pattern is matched on labels, transposes and cyclic orders come for free.

The relations of a primitive are the equations that its record states, read from left to right; those of a
matrix with orthonormal columns follow from that fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from gradwright.core.build import adjoint, identity, matmul, transpose
from gradwright.core.canonical import as_product, only_matrix
from gradwright.core.contraction import ONE, conjugate, contract, is_simple
from gradwright.core.inference import facts_of, is_symmetric
from gradwright.core.nodes import Apply, Contract, Factor, Node, labels_of
from gradwright.core.sums import scaled
from gradwright.core.templates import instantiate, laws, leaves_at
from gradwright.core.walks import applications
from gradwright.frozen import frozen
from gradwright.prims.lstsq import lstsq
from gradwright.prims.pinv import pinv
from gradwright.prims.solve import SYSTEMS
from gradwright.simplify.inverses import is_inverse


@frozen
class Relation:
    """`pattern = replacement`, two tensors of one shape; the pattern's output labels are single."""

    pattern: Contract
    replacement: Node


def collapse(node: Node, further: Iterable[Relation] = ()) -> Node:
    """Apply the relations of a product's factors, and further ones, until none fits."""
    while isinstance(node, Contract) and node.coefficient:
        replaced = _collapse_once(node, further)
        if replaced is None:
            return node
        node = replaced
    return node


def _collapse_once(node: Contract, further: Iterable[Relation]) -> Node | None:
    for relation in (*further, *relations_in(node)):
        match = next(matches(node, relation), None)
        if match is not None:
            return _replace(node, relation, *match)
    return None


def relations_in(node: Contract) -> Iterator[Relation]:
    """The equations that the factors of a product state."""
    for factor in dict.fromkeys(f.node for f in node.factors):
        if isinstance(factor, Apply):
            yield from relations_of(factor)
        if factor.rank == 2:
            yield from _orthonormal_relations(factor)


@lru_cache(maxsize=4096)
def relations_of(node: Apply) -> tuple[Relation, ...]:
    """The equations that hold for an application, as far as they shorten a product."""
    found: list[Relation] = []
    for sides in laws_at(node):
        found += shortening(*sides)
        found += shortening(*_without_last_factor(*sides))
    # A product without the result is not written as a function of it: `A B` as `exp(log(A B))`.
    return tuple(r for r in found if any(f.node in node.outputs for f in r.pattern.factors))


@lru_cache(maxsize=4096)
def hermitian_products(node: Apply) -> tuple[Contract, ...]:
    """The products of two matrices that are Hermitian by a law of the application, as `A A⁺` is."""
    matrices = [(left, right) for left, right in laws_at(node) if left.rank == 2]
    sides = [as_product(right) for left, right in matrices if left == adjoint(right)]
    return tuple(product for product in sides if len(product.factors) == 2 and is_plain(product))


def laws_at(node: Apply) -> Iterator[tuple[Node, Node]]:
    """Both sides of the equations that hold for an application."""
    primitive = node.primitive
    if not primitive.identity and not primitive.laws:
        return
    batch, dims = primitive.bind(tuple(argument.shape for argument in node.arguments))
    leaves = leaves_at(node)
    for left, right in laws(primitive):
        yield instantiate(left, leaves, dims, batch), instantiate(right, leaves, dims, batch)


def solved_systems(roots: Iterable[Node]) -> tuple[Relation, ...]:
    """`A⁻¹ b = solve(A, b)` and `A⁺ b = lstsq(A, b)`, for what is solved where the inverse occurs as well."""
    nodes = list(applications(*roots))
    inverses = {(node.arguments[0], True): node for node in nodes if is_inverse(node)}
    inverses |= {(node.arguments[0], False): node for node in nodes if node.primitive is pinv}
    found: list[Relation] = []
    for node in nodes:
        exact = node.primitive in SYSTEMS
        inverse = _known_inverse(node.arguments[0], exact, inverses) if exact or node.primitive in lstsq else None
        pattern = None if inverse is None else as_product(matmul(inverse, node.arguments[1]))
        if pattern is not None and is_plain(pattern):
            found.append(Relation(pattern, node))
    return tuple(found)


def _known_inverse(matrix: Node, exact: bool, inverses: Mapping[tuple[Node, bool], Node]) -> Node | None:
    """The inverse of a matrix, if it is among those that are known, or the transpose, conjugate or adjoint of one."""
    product = as_product(matrix)
    factor = only_matrix(product)
    if factor is None or product.coefficient != 1:
        return inverses.get((matrix, exact))
    upright, groups, conj = factor
    inverse = inverses.get((upright, exact))
    if inverse is None:
        return None
    turned = inverse if product.output == groups else transpose(inverse)
    return conjugate(turned) if conj else turned


def _without_last_factor(left: Node, right: Node) -> tuple[Node, Node]:
    """`A = V Λ Vᴴ` from `A V = V Λ`, for a unitary V that ends a side by itself; else the sides as they are."""
    product = as_product(left)
    last = product.factors[-1] if product.factors else None
    if last is None or left.rank != 2 or len(product.factors) != 2 or "unitary" not in facts_of(last.node):
        return left, right
    first = product.factors[0]
    if (*first.groups, *last.groups) != (product.output[0], last.groups[0], last.groups[0], product.output[1]):
        return left, right  # so it is where a vector weighs the rows of V
    return scaled(product.coefficient, first.node), matmul(right, adjoint(last.node))


def shortening(left: Node, right: Node) -> list[Relation]:
    """The relation from the longer side of an equation to the shorter; both orders of an inverse."""
    if len(as_product(left).factors) < len(as_product(right).factors):
        left, right = right, left
    pattern, replacement = as_product(left), as_product(right)
    if len(pattern.factors) <= len(replacement.factors):
        return []
    if not is_plain(pattern):
        return []
    relations = [Relation(pattern, right)]
    if len(pattern.factors) == 2 and not replacement.factors and pattern.rank == 2:
        swapped = _swap(pattern)
        if swapped is not None:
            relations.append(Relation(swapped, right))
    return relations


def is_plain(pattern: Contract) -> bool:
    """Whether a product can be looked for in others: every axis of it is one axis of a factor, and not repeated."""
    labels = pattern.free_labels
    single = is_simple(pattern.output)
    bound = labels_of(pattern.factors)
    return single and len(set(labels)) == len(labels) and bound.issuperset(labels) and pattern.coefficient == 1


def _swap(pattern: Contract) -> Contract | None:
    """`X Y` from `Y X`, which is the identity too when both are square; of `Yᵀ Xᵀ` likewise."""
    first, second = pattern.factors
    if not first.node.is_square or first.node.shape != second.node.shape:
        return None
    if not is_simple((*first.groups, *second.groups)):
        return None
    (row,), (column,) = pattern.output
    (inner,) = set(first.labels) & set(second.labels) or {None}
    if inner is None or row not in first.labels or column not in second.labels or len({row, inner, column}) < 3:
        return None
    before, after = ({row: (1,), inner: (2,)}, {inner: (0,), column: (1,)})
    factors = (
        Factor(second.node, tuple(after[label] for label in second.labels), second.conj),
        Factor(first.node, tuple(before[label] for label in first.labels), first.conj),
    )
    return Contract(ONE, factors, pattern.dims, ((0,), (2,)))


def _orthonormal_relations(node: Node) -> Iterator[Relation]:
    facts = facts_of(node)
    if "stiefel" not in facts and "unitary" not in facts:
        return
    rows, columns = node.shape
    flag = not node.real
    inner = (Factor(node, ((0,), (1,)), flag), Factor(node, ((0,), (2,))))
    yield Relation(Contract(ONE, inner, (rows, columns, columns), ((1,), (2,))), identity(columns))
    if "unitary" in facts:
        outer = (Factor(node, ((1,), (0,))), Factor(node, ((2,), (0,)), flag))
        yield Relation(Contract(ONE, outer, (columns, rows, rows), ((1,), (2,))), identity(rows))


def matches(node: Contract, relation: Relation) -> Iterator[tuple[dict[int, int], list[int], bool]]:
    """Every way to find the pattern: its labels' images, the factors used, and whether conjugated."""
    for flip in (False,) if node.real else (False, True):
        for labels, used in _extend(node, relation.pattern, 0, {}, [], flip):
            if _inner_labels_free(node, relation.pattern, labels, used):
                yield labels, used, flip


def _extend(
    node: Contract, pattern: Contract, place: int, labels: dict[int, int], used: list[int], flip: bool
) -> Iterator[tuple[dict[int, int], list[int]]]:
    if place == len(pattern.factors):
        yield labels, used
        return
    wanted = pattern.factors[place]
    own = wanted.labels
    for position, factor in enumerate(node.factors):
        if position in used or factor.node != wanted.node:
            continue
        if not factor.node.real and factor.conj != (wanted.conj != flip):
            continue
        for target in _orientations(factor):
            extended = _unify(own, target, labels)
            if extended is not None:
                yield from _extend(node, pattern, place + 1, extended, [*used, position], flip)


def _orientations(factor: Factor) -> tuple[tuple[int, ...], ...]:
    if not is_simple(factor.groups):
        return ()
    labels = factor.labels
    return (labels, labels[::-1]) if len(labels) == 2 and is_symmetric(factor.node) else (labels,)


def _unify(wanted: tuple[int, ...], target: tuple[int, ...], labels: dict[int, int]) -> dict[int, int] | None:
    if len(wanted) != len(target):
        return None
    extended = dict(labels)
    for a, b in zip(wanted, target, strict=True):
        if extended.setdefault(a, b) != b:
            return None
    return extended


def _inner_labels_free(node: Contract, pattern: Contract, labels: dict[int, int], used: list[int]) -> bool:
    outer = {labels[label] for group in pattern.output for label in group}
    inner = [labels[label] for label in range(len(pattern.dims)) if (label,) not in pattern.output]
    if len(set(inner)) != len(inner) or outer & set(inner):
        return False
    elsewhere = {label for p, f in enumerate(node.factors) if p not in used for label in f.labels}
    elsewhere |= set(node.free_labels)
    return elsewhere.isdisjoint(inner)


def _replace(node: Contract, relation: Relation, labels: dict[int, int], used: list[int], flip: bool) -> Node:
    pattern = relation.pattern
    inner = {labels[label] for label in range(len(pattern.dims)) if (label,) not in pattern.output}
    groups = tuple(tuple(labels[label] for label in group) for group in pattern.output)
    factors = [f for p, f in enumerate(node.factors) if p not in used]
    factors.insert(min(used), Factor(relation.replacement, groups, flip))
    dims = {label: dim for label, dim in enumerate(node.dims) if label not in inner}
    return contract(node.coefficient, factors, node.output, dims)
